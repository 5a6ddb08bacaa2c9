import { unreachable } from '../base/error.ts';
import type { HostFacts, PathFacts } from '../base/facts.ts';
import { isAtLeast } from '../base/version.ts';
import type { AlternativeRule, DecisionContext } from './decision.ts';
import type { Disk, DiskBackend } from './disk.ts';

/** What the rules look at: the disk with libxl's defaults, the host, and what stands at the target. */
export interface Subject {
  readonly disk: Disk;
  readonly specification: 'xen' | 'virtio';
  readonly coloEnable: boolean;
  readonly context: DecisionContext;
  readonly facts: HostFacts;
  /** Null where the target is no path of ours: a script, another domain or a protocol resolves it. */
  readonly path: PathFacts | null;
}

/** What a backend says to a disk. */
export interface Ruling {
  readonly fits: boolean;
  readonly rule: AlternativeRule;
  readonly reason: string;
}

const fits = (rule: AlternativeRule, reason: string): Ruling => ({ fits: true, rule, reason });
const refused = (rule: AlternativeRule, reason: string): Ruling => ({ fits: false, rule, reason });

/** blktap came back, and phy learnt to serve empty CD-ROM drives, with this version of Xen. */
export const BLKTAP_RETURNED = [4, 19] as const;

/**
 * Whether a backend can serve a disk, and why (`libxl_device.c:disk_try_backend`, its conditions in its order, its debug
 * texts as the reasons of refusal). Where libxl never asks whether blktap's programs are there, this does.
 */
export function judge(backend: DiskBackend, subject: Subject): Ruling {
  const { specification } = subject;
  if ((specification === 'virtio') !== (backend === 'standalone')) {
    return refused(
      'specification',
      `${nameOf(subject)}, backend ${backend} not compatible with specification ${specification}`,
    );
  }
  switch (backend) {
    case 'phy':
      return judgePhy(subject);
    case 'qdisk':
      return judgeQdisk(subject);
    case 'tap':
      return judgeTap(subject);
    case 'standalone':
      return judgeStandalone(subject);
    default:
      return unreachable(backend);
  }
}

function judgePhy(subject: Subject): Ruling {
  const { disk, context, facts } = subject;
  if (isAtLeast(facts.xenVersion, BLKTAP_RETURNED)) {
    if (subject.coloEnable) return badColo(subject, 'phy');
    if (disk.isCdrom === 1 && disk.format === 'empty') {
      return fits('empty-cdrom', `${nameOf(subject)} is an empty cdrom`);
    }
    if (disk.format !== 'raw') return badFormat(subject, 'phy');
  } else {
    if (disk.format !== 'raw') return badFormat(subject, 'phy');
    if (subject.coloEnable) return badColo(subject, 'phy');
  }
  if (context.backendDomid !== 0) return inDriverDomain(subject);
  if (disk.script !== null) {
    return fits('script', `${nameOf(subject)}, uses script=${disk.script} assuming phy backend`);
  }
  return judgePhysicalPath(subject, 'phy');
}

function judgeQdisk(subject: Subject): Ruling {
  const { disk } = subject;
  if (disk.script !== null) {
    return refused('script', `${nameOf(subject)}, backend qdisk not compatible with script=${disk.script}`);
  }
  if (disk.format === 'empty') return fits('empty-cdrom', 'QEMU has a drive without a medium');
  return fits('fits', `QEMU opens the image as ${disk.format}`);
}

function judgeTap(subject: Subject): Ruling {
  const { disk, facts } = subject;
  if (!isAtLeast(facts.xenVersion, BLKTAP_RETURNED)) {
    return refused('version', `${nameOf(subject)}, backend tap unsuitable because blktap not available`);
  }
  if (disk.format !== 'raw' && disk.format !== 'vhd') return badFormat(subject, 'tap');
  if (subject.coloEnable) return badColo(subject, 'tap');
  const missing = missingBlktap(subject);
  if (missing !== null) return refused('tools', `${nameOf(subject)}, backend tap unsuitable because ${missing}`);
  return fits('fits', `tapdisk opens the image as ${disk.format === 'raw' ? 'aio' : 'vhd'}`);
}

/** In words, the program of blktap's that is not there; on the embedded host QEMU stands in for them. */
function missingBlktap({ facts, context }: Subject): string | null {
  if (facts.host === 'embedded' || context.backendDomid !== 0) return null;
  if (facts.tools.tapCtl === null) return 'tap-ctl is not installed';
  return facts.tools.tapback ? null : 'tapback does not run';
}

function judgeStandalone(subject: Subject): Ruling {
  const { disk, context } = subject;
  if (disk.format !== 'raw') return badFormat(subject, 'standalone');
  if (disk.script !== null) {
    return refused('script', `${nameOf(subject)}, backend standalone not compatible with script=${disk.script}`);
  }
  if (subject.coloEnable) return badColo(subject, 'standalone');
  if (context.backendDomid !== 0) return inDriverDomain(subject);
  return judgePhysicalPath(subject, 'standalone');
}

/** Linux' blkback serves block devices, and files through a loop device (`libxl_linux.c:libxl__try_phy_backend`). */
function judgePhysicalPath(subject: Subject, backend: 'phy' | 'standalone'): Ruling {
  const kind = subject.path?.kind ?? 'missing';
  if (kind === 'block') return fits('physical-path', 'the target is a block device');
  if (kind === 'file') {
    return fits(
      'physical-path',
      backend === 'phy' ? 'the target is a file, for a loop device' : 'the target is a file',
    );
  }
  return refused('physical-path', `${nameOf(subject)}, backend ${backend} unsuitable as phys path not a block device`);
}

const inDriverDomain = (subject: Subject): Ruling =>
  fits('driver-domain', `${nameOf(subject)}, is using a storage driver domain, skipping physical device check`);

const badFormat = (subject: Subject, backend: DiskBackend): Ruling =>
  refused('format', `${nameOf(subject)}, backend ${backend} unsuitable due to format ${subject.disk.format}`);

const badColo = (subject: Subject, backend: DiskBackend): Ruling =>
  refused('colo', `${nameOf(subject)}, backend ${backend} not compatible with colo`);

/** How libxl's messages begin. */
export const nameOf = ({ disk }: { readonly disk: Disk }): string => `Disk vdev=${disk.vdev ?? ''}`;
