import type { Diagnostic } from '../base/error.ts';
import { didNotAnswer, type HostFacts } from '../base/facts.ts';
import { commandLine } from '../config/command-line.ts';
import type { DomainConfig } from '../config/domain.ts';
import { place } from './found.ts';
import type { Resolved } from './resolved.ts';

export type Boot = Pick<Resolved, 'kernel' | 'ramdisk' | 'cmdline' | 'firmware' | 'bios'>;

/** What the guest starts with: a kernel, or for HVM a firmware. */
export function resolveBoot(config: DomainConfig, facts: HostFacts): Boot {
  const { keys, type } = config;
  const kernel = type === 'hvm' && keys.kernel?.endsWith('hvmloader') === true ? null : keys.kernel;
  const boot = { kernel, ramdisk: keys.ramdisk, cmdline: commandLine(keys) };
  if (type !== 'hvm') return { ...boot, firmware: null, bios: null };
  const bios = keys.bios === 'ovmf' || keys.firmware === 'ovmf' || keys.firmware === 'uefi' ? 'ovmf' : 'seabios';
  // QEMU brings its own firmware where it is the whole machine.
  const firmware = facts.host === 'embedded' ? null : hvmloader(config, facts);
  return { ...boot, firmware, bios };
}

/** `firmware=` is a word for a BIOS or the path of what takes hvmloader's place. */
function hvmloader({ keys }: DomainConfig, { dirs }: HostFacts): string {
  const { firmware } = keys;
  return firmware?.startsWith('/') === true ? firmware : `${dirs.firmware}/hvmloader`;
}

/** Kernel and ramdisk must be readable files; libxl would find out with the domain half made. */
export function checkBootFiles(boot: Boot, config: DomainConfig, facts: HostFacts): Diagnostic[] {
  return (['kernel', 'ramdisk'] as const).flatMap((key) => {
    const path = boot[key];
    const found = path === null ? undefined : facts.paths[path];
    if (path === null || found === undefined) return [];
    const problem = didNotAnswer(found)
      ? 'did not answer when it was looked at'
      : found.kind === 'missing'
        ? `is not there (${found.errno})`
        : found.kind !== 'file'
          ? `is a ${found.kind}`
          : found.readable
            ? null
            : 'cannot be read';
    if (problem === null) return [];
    const diagnostic: Diagnostic = {
      severity: 'error',
      code: `${key}-unusable`,
      message: `the ${key} ${path} ${problem}`,
      ...place(config, key),
      hint:
        facts.assumed.length > 0 && found.kind === 'missing'
          ? 'if it is there on the host itself, add --assume paths=present'
          : didNotAnswer(found)
            ? 'it may well be there: look whether its file server answers (df, mount), and try again'
            : `a relative path counts from the directory in which xl runs; check ${key}=`,
    };
    return [diagnostic];
  });
}
