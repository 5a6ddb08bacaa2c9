import { access, constants, readFile } from 'node:fs/promises';
import { errnoOf, XlError } from '../../base/error.ts';

/** What makes guests run on the embedded host, and why that. */
export interface Accel {
  readonly accel: 'kvm' | 'tcg';
  /** A clause: `the processor has no virtualisation (no vmx or svm in /proc/cpuinfo)`. */
  readonly reason: string;
}

/** What decides it. */
export interface AccelFacts {
  /** The text of /proc/cpuinfo. */
  readonly cpuinfo: string;
  /** Why /dev/kvm cannot be opened for reading and writing, as an errno name; null where it can. */
  readonly kvmErrno: string | null;
  /** `XL_ACCEL`, if set. */
  readonly wish: string | undefined;
}

/**
 * KVM where the processor really has it: some machines show a /dev/kvm on which no guest ever makes a step. Throws
 * XlError `accel-unknown` for a wish that is neither `kvm` nor `tcg`.
 */
export function chooseAccel({ cpuinfo, kvmErrno, wish }: AccelFacts): Accel {
  if (wish === 'kvm' || wish === 'tcg') return { accel: wish, reason: `XL_ACCEL=${wish} asks for it` };
  if (wish !== undefined && wish !== '') {
    throw new XlError('accel-unknown', `XL_ACCEL=${wish} is neither kvm nor tcg`, {
      hint: 'XL_ACCEL=tcg emulates the processor, XL_ACCEL=kvm uses /dev/kvm; unset, xl-ts finds out',
    });
  }
  const extension = /^flags\s*:.*\b(vmx|svm)\b/m.exec(cpuinfo)?.[1];
  if (extension === undefined) {
    return { accel: 'tcg', reason: 'the processor shows no virtualisation (neither vmx nor svm in /proc/cpuinfo)' };
  }
  if (kvmErrno !== null) return { accel: 'tcg', reason: `/dev/kvm cannot be used (${kvmErrno})` };
  return { accel: 'kvm', reason: `the processor has ${extension} and /dev/kvm opens` };
}

/** Looks at this machine. */
export async function readAccelFacts(env: Readonly<Record<string, string | undefined>>): Promise<AccelFacts> {
  const [cpuinfo, kvmErrno] = await Promise.all([
    readFile('/proc/cpuinfo', 'utf8').catch(() => ''),
    access('/dev/kvm', constants.R_OK | constants.W_OK).then(
      () => null,
      (error: unknown) => errnoOf(error) ?? 'unknown',
    ),
  ]);
  return { cpuinfo, kvmErrno, wish: env.XL_ACCEL };
}
