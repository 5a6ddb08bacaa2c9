import type { Diagnostic, Where } from '../base/error.ts';
import type { HostFacts, PathFacts } from '../base/facts.ts';
import type { Disk } from './disk.ts';
import { tryDescribeVdev, type VdevInfo } from './vdev.ts';

/** A disk beside others, and where the user wrote it. */
export interface PlacedDisk {
  readonly disk: Disk;
  readonly where?: Where;
}

export interface CrossCheckContext {
  readonly domainType: 'pv' | 'pvh' | 'hvm';
  readonly hdtype: 'ide' | 'ahci';
}

/**
 * What no disk shows by itself: two that are one device, two in one place of the emulated machine, and an image that
 * somebody else writes to. libxl looks for none of these when it makes a domain. Each is said of the later disk.
 */
export function crossCheckDisks(
  disks: readonly PlacedDisk[],
  facts: Pick<HostFacts, 'paths' | 'domains'>,
  context: CrossCheckContext,
): Diagnostic[] {
  return disks.flatMap((placed, index) => {
    const before = disks.slice(0, index);
    const twin = before.find((other) => sameDevice(placed.disk, other.disk));
    const found = [
      ...(twin === undefined ? emulatedTwice(placed, before, context) : [oneDevice(placed, twin)]),
      ...sharedWithin(placed, before, facts),
      ...sharedWithDomains(placed, facts),
    ];
    return found.map((diagnostic) =>
      placed.where === undefined ? diagnostic : { ...diagnostic, where: placed.where },
    );
  });
}

const describe = ({ vdev }: Disk): VdevInfo | null => (vdev === null ? null : tryDescribeVdev(vdev));

function sameDevice(one: Disk, other: Disk): boolean {
  const info = describe(one);
  return info !== null && info.devid === describe(other)?.devid;
}

function oneDevice({ disk }: PlacedDisk, { disk: other }: PlacedDisk): Diagnostic {
  const number = describe(disk)?.devid ?? '';
  return {
    severity: 'error',
    code: 'duplicate-device',
    message: `${disk.vdev ?? ''} and ${other.vdev ?? ''} are one device, number ${number}`,
    hint: 'give one of them another name; with xl the later one silently replaces the other',
  };
}

/** The machine of an HVM guest shows xvda as hda too, so that one can boot from it. */
function emulatedTwice(
  { disk }: PlacedDisk,
  before: readonly PlacedDisk[],
  { domainType, hdtype }: CrossCheckContext,
): Diagnostic[] {
  const place = domainType === 'hvm' ? emulatedPlace(disk, hdtype) : null;
  const other = before.find((candidate) => place !== null && emulatedPlace(candidate.disk, hdtype) === place)?.disk;
  if (place === null || other === undefined) return [];
  return [
    {
      severity: 'error',
      code: 'emulated-slot-taken',
      message: `${disk.vdev ?? ''} and ${other.vdev ?? ''} would both be ${place} of the emulated machine`,
      hint: 'give one of them another letter: hda and xvda, hdb and xvdb … share a place',
    },
  ];
}

/** Where libxl puts a disk (`libxl_dm.c`), for people; null for one that only PV drivers see. */
function emulatedPlace(disk: Disk, hdtype: CrossCheckContext['hdtype']): string | null {
  const info = describe(disk);
  const index = info?.disk ?? null;
  if (info === null || index === null || disk.specification === 'virtio') return null;
  if (disk.isCdrom === 0 && info.family === 'sd') return `SCSI id ${index}`;
  if (disk.isCdrom === 0 && hdtype === 'ahci' && index < 6) return `AHCI port ${index}`;
  return index < 4 ? `IDE bus ${Math.floor(index / 2)} unit ${index % 2}` : null;
}

/** The file or device below a disk, by identity; null where it is not ours to see. */
function imageOf(disk: Disk, { paths }: Pick<HostFacts, 'paths'>): string | null {
  const { pdevPath, script, backendDomname } = disk;
  if (pdevPath === null || pdevPath === '' || script !== null || backendDomname !== null) return null;
  return identityOf(pdevPath, paths);
}

function identityOf(path: string, paths: HostFacts['paths']): string {
  const facts: PathFacts | undefined = Object.hasOwn(paths, path) ? paths[path] : undefined;
  if (facts === undefined || facts.kind === 'missing') return `path ${path}`;
  // Two nodes in /dev can be one device.
  return facts.device === undefined ? facts.identity : `device ${facts.device}`;
}

function sharedWithin(
  { disk }: PlacedDisk,
  before: readonly PlacedDisk[],
  facts: Pick<HostFacts, 'paths'>,
): Diagnostic[] {
  const image = imageOf(disk, facts);
  if (image === null) return [];
  const other = before.find(
    (candidate) => imageOf(candidate.disk, facts) === image && disk.readwrite + candidate.disk.readwrite > 0,
  )?.disk;
  if (other === undefined) return [];
  const what = disk.readwrite + other.readwrite === 2 ? 'both write to' : 'share, and one of them writes to,';
  const message = `${disk.vdev ?? ''} and ${other.vdev ?? ''} ${what} ${disk.pdevPath ?? ''}`;
  return [shared(message, disk.backend === 'qdisk' && other.backend === 'qdisk')];
}

/** Of the domains that run: a writer may have nobody beside it, a reader no writer (the `block` script's rule). */
function sharedWithDomains({ disk }: PlacedDisk, facts: Pick<HostFacts, 'paths' | 'domains'>): Diagnostic[] {
  const image = imageOf(disk, facts);
  if (image === null) return [];
  return facts.domains.flatMap(({ domid, name, images }) => {
    const use = images.find(
      ({ path, mode }) => identityOf(path, facts.paths) === image && (mode === 'w' || disk.readwrite === 1),
    );
    if (use === undefined) return [];
    const who = name === null ? `domain ${domid}` : `domain ${name}`;
    const how = use.mode === 'w' ? 'writes to' : 'reads';
    const message = `${who} ${how} ${disk.pdevPath ?? ''} as its ${use.vdev}, and ${disk.vdev ?? ''} ${disk.readwrite === 1 ? 'would write to it' : 'would read it'}`;
    return [shared(message, disk.backend === 'qdisk')];
  });
}

function shared(message: string, meant: boolean): Diagnostic {
  return meant
    ? { severity: 'warning', code: 'disk-shared', message, hint: 'only a cluster file system survives that' }
    : {
        severity: 'error',
        code: 'disk-shared',
        message,
        hint: 'an ordinary file system is destroyed by that; for a cluster file system say backendtype=qdisk on each side',
      };
}
