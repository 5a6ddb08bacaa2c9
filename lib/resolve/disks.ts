import { join } from 'node:path/posix';
import { XlError, type Diagnostic, type Where } from '../base/error.ts';
import type { HostFacts } from '../base/facts.ts';
import { hole, type Text } from '../base/text.ts';
import type { ConfiguredDisk, DomainConfig } from '../config/domain.ts';
import type { Vbd, VbdColo } from '../device/vbd.ts';
import { decideBackend } from '../disk/backend.ts';
import { crossCheckDisks } from '../disk/cross-check.ts';
import type { BackendDecision } from '../disk/decision.ts';
import type { Disk } from '../disk/disk.ts';
import { isDscowScript, parseDscowTarget } from '../disk/dscow.ts';
import { tryDescribeVdev } from '../disk/vdev.ts';
import { backendDomain } from './backend-domain.ts';
import type { Found } from './found.ts';
import type { ResolvedDisk } from './resolved.ts';
import { absoluteScript } from './vifs.ts';

/** What a disk is resolved for: a domain that is being made, or one that runs. */
export interface DiskOwner {
  readonly domid: Text;
  readonly type: 'pv' | 'pvh' | 'hvm';
  readonly hotplug: boolean;
}

/** Every disk of a configuration with its backend chosen, and the clashes between them. */
export function resolveDisks(config: DomainConfig, facts: HostFacts): Found<ResolvedDisk[]> {
  const owner: DiskOwner = { domid: hole('domid'), type: config.type, hotplug: false };
  const found = config.disks.map((configured) => resolveDisk(configured, facts, owner));
  return {
    value: found.flatMap(({ value }) => (value === null ? [] : [value])),
    diagnostics: [...found.flatMap(({ diagnostics }) => diagnostics), ...crossCheckDisks(config.disks, facts)],
  };
}

/** One disk with its backend chosen; null where it cannot be, and the diagnostics say why. */
export function resolveDisk(
  configured: ConfiguredDisk,
  facts: HostFacts,
  owner: DiskOwner,
): Found<ResolvedDisk | null> {
  const { disk, spec, where } = configured;
  const vdev = disk.vdev === null ? null : tryDescribeVdev(disk.vdev);
  if (vdev === null) return { value: null, diagnostics: [unknownVdev(disk, where)] };
  const backend = backendDomain(disk.backendDomname, facts, where);
  const decision = withWholePath(
    decideBackend(disk, facts, {
      domainType: owner.type,
      hotplug: owner.hotplug,
      backendDomid: backend.value,
      domid: owner.domid,
    }),
    facts,
  );
  const diagnostics = [
    ...overlayProblems(disk, facts).map((problem) => ({ where, ...problem })),
    ...backend.diagnostics,
    ...decision.warnings.map((warning) => ({ where, ...warning })),
    ...(decision.error === null ? [] : [{ where, ...decision.error }]),
  ];
  const vbd = vbdOf(disk, vdev.devid, decision, facts, owner);
  return { value: vbd === null ? null : { vbd, decision, spec, where }, diagnostics };
}

/**
 * libxl writes a relative target as it was typed, so a guest that reboots looks for it in another directory. Where the
 * directory is known we write the whole path.
 */
function withWholePath(decision: BackendDecision, { directory, paths }: HostFacts): BackendDecision {
  const { pdevPath } = decision;
  const found = pdevPath === null ? undefined : paths[pdevPath];
  const relative = found !== undefined && found.kind !== 'missing' && pdevPath?.startsWith('/') === false;
  return relative && directory !== undefined ? { ...decision, pdevPath: join(directory, pdevPath) } : decision;
}

/** What there is to say of a dscow overlay before anything is done: it may have to be made, and cannot be without its base. */
function overlayProblems({ script, backendDomname, pdevPath }: Disk, { paths }: HostFacts): Diagnostic[] {
  if (!isDscowScript(script) || backendDomname !== null || pdevPath === null) return [];
  try {
    const { cow, base } = parseDscowTarget(pdevPath);
    if (paths[cow]?.kind !== 'missing') return [];
    if (base !== null && paths[base]?.kind !== 'missing') {
      return [
        { severity: 'note', code: 'dscow-made', message: `the overlay ${cow} is not there: it is made over ${base}` },
      ];
    }
    const message =
      base === null ? `there is no overlay ${cow}` : `there is neither the overlay ${cow} nor its base ${base}`;
    const hint = `make it: xl dscow create ${cow} BASE; or write target=dscow:${cow}:BASE`;
    return [{ severity: 'error', code: 'dscow-missing', message, hint }];
  } catch (error) {
    if (!(error instanceof XlError)) throw error;
    return [
      {
        severity: 'error',
        code: error.code,
        message: error.message,
        ...(error.hint === undefined ? {} : { hint: error.hint }),
      },
    ];
  }
}

function vbdOf(disk: Disk, devid: number, decision: BackendDecision, facts: HostFacts, owner: DiskOwner): Vbd | null {
  if (decision.chosen === null || disk.vdev === null) return null;
  return {
    domid: owner.domid,
    backendDomid: String(decision.backendDomid),
    devid,
    vdev: disk.vdev,
    backend: decision.chosen,
    target: decision.emptyCdromFile ?? decision.pdevPath ?? '',
    makesTarget: decision.emptyCdromFile !== null,
    format: decision.format,
    script: decision.script === null ? null : absoluteScript(decision.script, facts),
    scriptNamed: disk.script !== null,
    writable: disk.readwrite === 1,
    removable: disk.removable === 1,
    cdrom: disk.isCdrom === 1,
    directIoSafe: disk.directIoSafe,
    discard: decision.discardEnable,
    specification: decision.specification,
    trusted: decision.trusted,
    protocol: owner.type === 'pv' ? 'x86_64-abi' : null,
    colo: decision.coloEnable ? coloOf(disk) : null,
  };
}

function coloOf(disk: Disk): VbdColo | null {
  const { coloHost, coloExport, activeDisk, hiddenDisk } = disk;
  if (coloHost === null || coloExport === null || activeDisk === null || hiddenDisk === null) return null;
  return { host: coloHost, port: disk.coloPort, exportName: coloExport, activeDisk, hiddenDisk };
}

function unknownVdev({ vdev }: Disk, where: Where): Diagnostic {
  return {
    severity: 'error',
    code: 'unknown-vdev',
    message: `Invalid or unsupported virtual disk identifier ${vdev ?? ''}`,
    where,
    hint: 'a disk is called xvda … xvdp, hda … hdd, sda … sdp, or has a number; see xl-disk-configuration(5)',
  };
}
