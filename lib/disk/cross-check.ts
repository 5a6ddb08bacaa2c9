import type { Diagnostic, Where } from '../base/error.ts';
import type { HostFacts, PathFacts } from '../base/facts.ts';
import type { Disk } from './disk.ts';
import { tryDescribeVdev } from './vdev.ts';

/** A disk beside others, and where the user wrote it. */
export interface PlacedDisk {
  readonly disk: Disk;
  readonly where?: Where;
}

type Facts = Pick<HostFacts, 'paths' | 'domains'>;

/**
 * What no disk shows by itself: two that are one device, and an image that somebody else writes to. libxl looks for
 * neither when it makes a domain. Each is said of the later disk. (Two disks in one place of the emulated machine are
 * lib/qemu/limits.ts's to find.)
 */
export function crossCheckDisks(disks: readonly PlacedDisk[], facts: Facts): Diagnostic[] {
  const uses = usesByImage(facts);
  const devices = new Map<number, Disk>();
  const images = new Map<string, { first: Disk; writer: Disk | null }>();
  return disks.flatMap(({ disk, where }) => {
    const image = imageOf(disk, facts);
    const found = [
      ...sameDevice(disk, devices),
      ...(image === null
        ? []
        : [...sharedWithin(disk, image, images), ...sharedWithDomains(disk, uses.get(image) ?? [])]),
    ];
    return found.map((diagnostic) => (where === undefined ? diagnostic : { ...diagnostic, where }));
  });
}

/** `devices` are the disks before this one by their numbers; the disk joins them. */
function sameDevice(disk: Disk, devices: Map<number, Disk>): Diagnostic[] {
  const devid = disk.vdev === null ? undefined : tryDescribeVdev(disk.vdev)?.devid;
  if (devid === undefined) return [];
  const other = devices.get(devid);
  if (other === undefined) {
    devices.set(devid, disk);
    return [];
  }
  return [
    {
      severity: 'error',
      code: 'duplicate-device',
      message: `${disk.vdev ?? ''} and ${other.vdev ?? ''} are one device, number ${devid}`,
      hint: 'give one of them another name; with xl the later one silently replaces the other',
    },
  ];
}

/** The file or device below a disk, by identity; null where it is not ours to see. */
function imageOf(disk: Disk, { paths }: Facts): string | null {
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

/** `images` are those of the disks before this one, each with its first user and its first writer; the disk joins them. */
function sharedWithin(
  disk: Disk,
  image: string,
  images: Map<string, { first: Disk; writer: Disk | null }>,
): Diagnostic[] {
  const writes = disk.readwrite === 1;
  const known = images.get(image);
  if (known === undefined) {
    images.set(image, { first: disk, writer: writes ? disk : null });
    return [];
  }
  const other = writes ? known.first : known.writer;
  if (writes) known.writer ??= disk;
  if (other === null) return [];
  const what = writes && other.readwrite === 1 ? 'both write to' : 'share, and one of them writes to,';
  const message = `${disk.vdev ?? ''} and ${other.vdev ?? ''} ${what} ${disk.pdevPath ?? ''}`;
  return [shared(message, disk.backend === 'qdisk' && other.backend === 'qdisk')];
}

/** Somebody else's use of an image. */
interface Use {
  readonly domid: number;
  readonly name: string | null;
  readonly vdev: string;
  readonly mode: 'r' | 'w';
}

function usesByImage({ domains, paths }: Facts): ReadonlyMap<string, readonly Use[]> {
  const uses = new Map<string, Use[]>();
  for (const { domid, name, images } of domains) {
    for (const { path, vdev, mode } of images) {
      const image = identityOf(path, paths);
      const list = uses.get(image) ?? [];
      list.push({ domid, name, vdev, mode });
      uses.set(image, list);
    }
  }
  return uses;
}

/** Of each domain that runs: a writer may have nobody beside it, a reader no writer (the `block` script's rule). */
function sharedWithDomains(disk: Disk, uses: readonly Use[]): Diagnostic[] {
  const clashes = uses.filter(({ mode }) => mode === 'w' || disk.readwrite === 1);
  return clashes
    .filter(({ domid }, index) => clashes.findIndex((other) => other.domid === domid) === index)
    .map(({ domid, name, vdev, mode }) => {
      const who = name === null ? `domain ${domid}` : `domain ${name}`;
      const how = mode === 'w' ? 'writes to' : 'reads';
      const would = disk.readwrite === 1 ? 'would write to it' : 'would read it';
      const message = `${who} ${how} ${disk.pdevPath ?? ''} as its ${vdev}, and ${disk.vdev ?? ''} ${would}`;
      return shared(message, disk.backend === 'qdisk');
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
