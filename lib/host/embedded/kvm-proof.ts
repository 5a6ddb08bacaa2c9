import { XlError } from '../../base/error.ts';
import type { MonitorCommand } from './control.ts';

/** A guest is given so long to show that it runs, and is looked at so often. */
const PATIENCE_MS = 10_000;
const LOOK_AGAIN_MS = 100;
/** A sound KVM emulates some thousand instructions of a BIOS; one that emulates all of them gets to millions. */
const EMULATED_PER_SECOND = 50_000;
/** CR0.PG: paging is on. */
const PAGING = 0x80000000;

const QUESTIONS: readonly MonitorCommand[] = [
  { execute: 'query-status' },
  { execute: 'human-monitor-command', arguments: { 'command-line': 'info registers' } },
];
/** QEMU answers it from 7.1 on, Linux from 5.14. */
const STATISTICS: MonitorCommand = {
  execute: 'query-stats',
  arguments: { target: 'vcpu', providers: [{ provider: 'kvm', names: ['insn_emulation'] }] },
};

/**
 * Waits until a guest under KVM has begun. There are machines where /dev/kvm opens and guests hardly move: a guest that
 * is still in its BIOS after ten seconds, each of its instructions emulated, throws XlError `kvm-failed`.
 */
export async function proveKvm(
  execute: (commands: readonly MonitorCommand[]) => Promise<unknown[]>,
  sleep: (ms: number) => Promise<void>,
): Promise<void> {
  for (let waited = 0; waited < PATIENCE_MS; waited += LOOK_AGAIN_MS) {
    await sleep(LOOK_AGAIN_MS);
    const [status, registers] = await execute(QUESTIONS);
    if (field(status, 'status') === 'internal-error') throw failed('QEMU reports internal-error');
    if (hasBegun(registers)) return;
  }
  const [statistics] = await execute([STATISTICS]).catch(() => [null]);
  const emulated = emulatedInstructions(statistics);
  // A guest without paging that KVM runs well is only old, or waits for somebody.
  if (emulated === null || emulated < (EMULATED_PER_SECOND * PATIENCE_MS) / 1000) return;
  throw failed(`after ${PATIENCE_MS / 1000} s it is still in its BIOS, and all its instructions are emulated`);
}

/** From QEMU's `info registers`: the first vcpu has paging on, or is halted. */
export function hasBegun(registers: unknown): boolean {
  if (typeof registers !== 'string') return false;
  const cr0 = /\bCR0=([0-9a-f]{8})/.exec(registers)?.[1];
  return /\bHLT=1/.test(registers) || (cr0 !== undefined && parseInt(cr0, 16) >= PAGING);
}

/** From QMP's `query-stats`: the first vcpu's count, or null where there is none. */
export function emulatedInstructions(statistics: unknown): number | null {
  const [provider] = list(statistics);
  const count = list(field(provider, 'stats')).find((one) => field(one, 'name') === 'insn_emulation');
  const value = field(count, 'value');
  return typeof value === 'number' ? value : null;
}

const field = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && name in value ? (value as Record<string, unknown>)[name] : undefined;
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const failed = (why: string): XlError =>
  new XlError('kvm-failed', `KVM does not run the guest: ${why}`, { hint: 'XL_ACCEL=tcg runs it emulated' });
