import { XlError, type Diagnostic } from '../base/error.ts';
import type { HostFacts, PathFacts } from '../base/facts.ts';
import { t } from '../base/text.ts';
import { isAtLeast } from '../base/version.ts';
import { coloProblems } from './colo.ts';
import {
  DEVICE_CLASSES,
  type Alternative,
  type BackendDecision,
  type DecisionContext,
  type DeviceClass,
} from './decision.ts';
import type { Disk, DiskBackend } from './disk.ts';
import { isDscowScript } from './dscow.ts';
import { imageProblems, isLocalPath, pathError } from './image-checks.ts';
import { BLKTAP_RETURNED, judge, nameOf, type Ruling, type Subject } from './rules.ts';
import { describeVdev } from './vdev.ts';

/** libxl's order of trying (`libxl__device_disk_set_backend`): the first that fits serves the disk. */
const TRIED_IN_ORDER = ['phy', 'qdisk', 'tap', 'standalone'] as const satisfies readonly DiskBackend[];

/** The hotplug script of a backend where the user names none. */
const DEFAULT_SCRIPTS: Readonly<Record<DiskBackend, string | null>> = {
  phy: 'block',
  tap: 'block-tap',
  qdisk: null,
  standalone: null,
};

/**
 * Chooses the backend of a disk as libxl does (`libxl__device_disk_setdefault`, `…_set_backend`; Xen 4.19 and later, and
 * 4.17 where `facts.xenVersion` is older), and says of every other one why not. An `error` beside a choice means that
 * libxl would go on and the disk would then not work.
 */
export function decideBackend(disk: Disk, facts: HostFacts, context: DecisionContext): BackendDecision {
  const subject = subjectOf(disk, facts, context);
  const wanted = wantedBackend(subject);
  const impossible = impossibleWish(subject, wanted);
  const alternatives = weigh(subject, wanted, impossible);
  const chosen = alternatives.find(({ verdict }) => verdict === 'chosen')?.backend ?? null;
  const problems = chosen === null ? [] : problemsOf(subject, chosen);
  const error =
    impossible ??
    (chosen === null
      ? noSuitable(subject, alternatives)
      : (problems.find(({ severity }) => severity === 'error') ?? null));
  return {
    chosen,
    deviceClass: chosen === null ? null : DEVICE_CLASSES[chosen],
    reason: reasonOf(subject, wanted, alternatives, error),
    alternatives: [...alternatives, ...legacyClasses(disk)],
    pdevPath: disk.format === 'empty' ? null : disk.pdevPath,
    emptyCdromFile: emptyCdromFile(subject, chosen),
    format: disk.format,
    backendDomid: context.backendDomid,
    script: chosen === null ? null : scriptOf(disk, chosen),
    discardEnable: disk.discardEnable ?? disk.readwrite === 1,
    trusted: disk.trusted ?? true,
    coloEnable: subject.coloEnable,
    specification: subject.specification,
    transport: subject.specification === 'virtio' ? 'mmio' : 'unknown',
    grantUsage: grantUsage(subject),
    warnings: problems.filter((problem) => problem !== error),
    error,
  };
}

function subjectOf(disk: Disk, facts: HostFacts, context: DecisionContext): Subject {
  const ours = context.backendDomid === 0 && disk.script === null && disk.format !== 'empty';
  return {
    disk,
    specification: disk.specification === 'virtio' ? 'virtio' : 'xen',
    coloEnable: disk.coloEnable ?? false,
    context,
    facts,
    path: ours ? pathOf(disk, facts) : null,
  };
}

/** What stands at the target; null for `rbd:pool/image` and the like, unless there is a file of that name. */
function pathOf(disk: Disk, facts: HostFacts): PathFacts | null {
  const target = disk.pdevPath ?? '';
  const known = Object.hasOwn(facts.paths, target) ? facts.paths[target] : undefined;
  if (known !== undefined && known.kind !== 'missing') return known;
  if (!isLocalPath(disk)) return null;
  return known ?? { kind: 'missing', errno: target === '' ? 'ENOENT' : 'not among the host facts' };
}

/** The one backend that may serve the disk, and who says so; null where libxl looks for one. */
interface Wanted {
  readonly backend: DiskBackend;
  readonly because: string;
}

function wantedBackend({ disk, context }: Subject): Wanted | null {
  if (disk.backend !== 'unknown') {
    return { backend: disk.backend, because: `backendtype=${disk.backend} asks for it` };
  }
  if (disk.isCdrom === 1 && context.domainType === 'hvm') {
    return { backend: 'qdisk', because: 'QEMU serves the CD-ROM drives of HVM guests' };
  }
  return null;
}

/** What libxl refuses before it tries any backend, in its order. */
function impossibleWish(subject: Subject, wanted: Wanted | null): Diagnostic | null {
  const { disk, context, specification } = subject;
  const virtio = specification === 'virtio';
  if (!virtio && disk.transport !== 'unknown') {
    return refusal('disk-transport', 'Transport is only supported for specification virtio', 'leave the transport out');
  }
  if (virtio && context.hotplug) {
    const hint = 'virtio disks can only be there from the start: put it into the configuration';
    return refusal('disk-virtio-hotplug', "Hotplug isn't supported for specification virtio", hint);
  }
  if (
    disk.isCdrom === 1 &&
    context.domainType === 'hvm' &&
    wanted !== null &&
    !servesHvmCdrom(subject, wanted.backend)
  ) {
    const newer = isAtLeast(subject.facts.xenVersion, BLKTAP_RETURNED);
    const message = `Backend for CD devices on HVM guests must be Qdisk${newer ? ' or Phy' : ''}`;
    return refusal(WRONG_CDROM_BACKEND, message, 'leave backendtype= out');
  }
  const target = disk.pdevPath ?? '';
  if (disk.format === 'empty' && disk.isCdrom === 0) {
    const hint = 'only a CD-ROM drive can be empty: devtype=cdrom, or give the disk a format and a target';
    return refusal('disk-empty', `${nameOf(subject)} is empty but not cdrom`, hint);
  }
  if (disk.format === 'empty' && target !== '' && !target.startsWith('/var/run/xen/empty-cdrom')) {
    const message = `${nameOf(subject)} is empty but an image has been provided: ${target}`;
    return refusal('disk-empty', message, 'leave format=empty out, or the target');
  }
  return libxlStats(subject, wanted) ? pathError(subject) : null;
}

const WRONG_CDROM_BACKEND = 'disk-cdrom-backend';

const refusal = (code: string, message: string, hint: string): Diagnostic => ({
  severity: 'error',
  code,
  message,
  hint,
});

const servesHvmCdrom = ({ facts }: Subject, backend: DiskBackend): boolean =>
  backend === 'qdisk' || (backend === 'phy' && isAtLeast(facts.xenVersion, BLKTAP_RETURNED));

/** libxl looks at the target itself where it must choose, or where the kernel or a daemon is to open it. */
function libxlStats({ disk, context }: Subject, wanted: Wanted | null): boolean {
  if (disk.format === 'empty' || context.backendDomid !== 0 || disk.script !== null) return false;
  return wanted === null || wanted.backend === 'phy' || wanted.backend === 'standalone';
}

/** Every backend's own ruling, and from them and the wish the verdicts. */
function weigh(subject: Subject, wanted: Wanted | null, impossible: Diagnostic | null): Alternative[] {
  const rulings = TRIED_IN_ORDER.map((backend) => ({ backend, ...rulingFor(subject, backend, impossible) }));
  const first = rulings.find(({ fits, backend }) => fits && (wanted === null || wanted.backend === backend));
  const chosen = impossible === null ? first?.backend : undefined;
  return rulings.map(({ backend, fits, rule, reason }) => ({
    backend,
    deviceClass: DEVICE_CLASSES[backend],
    verdict: backend === chosen ? 'chosen' : fits ? 'possible' : 'refused',
    reason,
    rule,
  }));
}

function rulingFor(subject: Subject, backend: DiskBackend, impossible: Diagnostic | null): Ruling {
  const ruling = judge(backend, subject);
  if (!ruling.fits) return ruling;
  const { disk, context } = subject;
  const hvmCdrom = disk.isCdrom === 1 && context.domainType === 'hvm';
  if (hvmCdrom && !servesHvmCdrom(subject, backend)) {
    return { fits: false, rule: 'cdrom-hvm', reason: 'CD-ROM drives of HVM guests are not served by it' };
  }
  // A backend that nobody may ask for leaves the others possible; a disk that cannot be does not.
  if (impossible === null || impossible.code === WRONG_CDROM_BACKEND) return ruling;
  return { fits: false, rule: 'impossible', reason: impossible.message };
}

function noSuitable({ disk }: Subject, alternatives: readonly Alternative[]): Diagnostic {
  const message = `no suitable backend for disk ${disk.vdev ?? ''}`;
  const possible = alternatives.filter(({ verdict }) => verdict === 'possible').map(({ backend }) => backend);
  const reasons = alternatives.filter(({ verdict, backend }) =>
    disk.backend === 'unknown' ? verdict === 'refused' : backend === disk.backend,
  );
  const hint = [
    ...reasons.map(
      ({ backend, reason }) => `${backend ?? ''}: ${reason.replace(/^Disk vdev=[^,]*, (backend \w+ )?/, '')}`,
    ),
    ...(possible.length === 0 ? [] : [`backendtype=${possible.join(' or ')} would serve it`]),
  ].join('; ');
  return refusal('disk-no-backend', message, hint);
}

function reasonOf(
  subject: Subject,
  wanted: Wanted | null,
  alternatives: readonly Alternative[],
  error: Diagnostic | null,
): string {
  const chosen = alternatives.find(({ verdict }) => verdict === 'chosen');
  if (chosen === undefined) return error?.message ?? `no suitable backend for disk ${subject.disk.vdev ?? ''}`;
  if (wanted !== null) return `${wanted.because}; ${chosen.reason}`;
  return `the first of ${TRIED_IN_ORDER.join(', ')} that fits; ${chosen.reason}`;
}

function problemsOf(subject: Subject, chosen: DiskBackend): Diagnostic[] {
  const { disk, facts, context } = subject;
  const problems = [...nameProblems(disk), ...coloProblems(subject), ...imageProblems(subject, chosen)];
  const warn = (code: string, message: string, hint: string): void => {
    problems.push({ severity: 'warning', code, message, hint });
  };
  const emptyPvDrive = disk.format === 'empty' && context.domainType !== 'hvm';
  if (emptyPvDrive && chosen === 'qdisk' && facts.host === 'xen') {
    const message = `QEMU never connects the empty drive ${disk.vdev ?? ''} of a guest that is not HVM`;
    warn('disk-empty-drive', message, 'the drive appears once a medium is inserted; or leave it out');
  }
  if (disk.grantUsage !== null && grantUsage(subject) === null) {
    warn('disk-grant-usage', 'grant_usage= has no effect on this disk', 'virtio disks of Xen 4.19 and later have it');
  }
  const missingScript =
    disk.script !== null && !disk.script.startsWith('/') && !facts.tools.blockScripts.includes(disk.script);
  // The embedded host serves overlays itself, without the script.
  const servedHere = facts.host === 'embedded' && isDscowScript(disk.script);
  if (missingScript && !servedHere && context.backendDomid === 0) {
    const message = `there is no script ${disk.script} in ${facts.dirs.scripts}`;
    warn('disk-script-missing', message, `scripts there: ${facts.tools.blockScripts.join(', ') || 'none'}`);
  }
  return problems;
}

/** libxl looks at the name only when it adds the device. */
function nameProblems({ vdev }: Disk): Diagnostic[] {
  try {
    describeVdev(vdev ?? '');
    return [];
  } catch (error) {
    if (!(error instanceof XlError)) throw error;
    return [refusal(error.code, error.message, error.hint ?? '')];
  }
}

const scriptOf = (disk: Disk, chosen: DiskBackend): string | null =>
  chosen === 'phy' || chosen === 'tap' ? (disk.script ?? DEFAULT_SCRIPTS[chosen]) : null;

/** libxl's own stand-in for the medium of an empty drive that blkback serves. */
const emptyCdromFile = (
  { disk, facts, context }: Subject,
  chosen: DiskBackend | null,
): BackendDecision['emptyCdromFile'] =>
  chosen === 'phy' && disk.format === 'empty' && context.backendDomid === 0
    ? t`${facts.dirs.run}/empty-cdrom.${context.domid}`
    : null;

function grantUsage({ disk, specification, facts, context }: Subject): boolean | null {
  if (specification !== 'virtio' || !isAtLeast(facts.xenVersion, BLKTAP_RETURNED)) return null;
  return disk.grantUsage ?? context.backendDomid !== 0;
}

/** xend's device classes, for a specification that still asks for them by its prefix. */
function legacyClasses({ legacyPrefix }: Disk): Alternative[] {
  const refused = (deviceClass: DeviceClass, reason: string): Alternative => ({
    backend: null,
    deviceClass,
    verdict: 'refused',
    reason,
    rule: 'legacy-class',
  });
  if (legacyPrefix === 'tap2') {
    const reason = 'blktap 2 left Xen with 4.10; `tap2:` chooses nothing any more, backendtype=tap is its heir';
    return [refused('tap2', reason)];
  }
  if (legacyPrefix === 'tap') {
    const reason = 'blktap 1 left Xen with 4.6; `tap:` chooses nothing any more, backendtype=tap is its heir';
    return [refused('tap', reason)];
  }
  return [];
}
