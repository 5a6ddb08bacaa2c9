import type { Diagnostic } from '../base/error.ts';
import type { Subject } from './rules.ts';

/** The keys that a replicated disk needs; libxl finds out only when replication starts. */
const NEEDED = {
  coloHost: 'colo-host',
  coloPort: 'colo-port',
  coloExport: 'colo-export',
  activeDisk: 'active-disk',
  hiddenDisk: 'hidden-disk',
} as const;

/** What is wrong with a disk that is to be replicated by COLO: an HVM guest's, writable, all five keys given. */
export function coloProblems({ disk, coloEnable, context }: Subject): Diagnostic[] {
  if (!coloEnable) return [];
  const name = disk.vdev ?? '';
  const problem = (code: string, message: string, hint: string): Diagnostic => ({
    severity: 'error',
    code,
    message,
    hint,
  });
  const missing = (['coloHost', 'coloPort', 'coloExport', 'activeDisk', 'hiddenDisk'] as const)
    .filter((field) => disk[field] === null || disk[field] === '' || disk[field] === 0)
    .map((field) => `${NEEDED[field]}=`);
  return [
    ...(missing.length === 0
      ? []
      : [
          problem(
            'colo-incomplete',
            `disk ${name} is to be replicated but lacks ${missing.join(', ')}`,
            'both hosts need all five keys',
          ),
        ]),
    ...(context.domainType === 'hvm'
      ? []
      : [problem('colo-guest-type', 'COLO only supports hvm now', 'leave `colo` out, or make the guest HVM')]),
    ...(disk.readwrite === 1
      ? []
      : [problem('colo-read-only', `disk ${name} is read-only, so there is nothing to replicate`, 'leave `colo` out')]),
  ];
}
