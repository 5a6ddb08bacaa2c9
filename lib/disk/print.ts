import type { Disk } from './disk.ts';

/**
 * A specification of today's form for a disk, keywords only, the target last: what `xl-disk-configuration(5)` recommends.
 * Read again it gives the same disk, without the prefix of xend's that may have been there.
 */
export function printDisk(disk: Disk): string {
  return [...leadingTarget(disk), ...parameters(disk), ...trailingTarget(disk)].join(',');
}

function parameters(disk: Disk): string[] {
  const drive = disk.isCdrom === 1;
  const emptyDrive = drive && (disk.pdevPath === null || disk.pdevPath === '');
  return [
    ...(emptyDrive ? [] : [`format=${disk.format}`]),
    ...said('vdev', disk.vdev),
    ...(drive ? ['devtype=cdrom'] : [`access=${disk.readwrite === 1 ? 'rw' : 'ro'}`]),
    ...said('backendtype', disk.backend === 'unknown' ? null : disk.backend),
    ...said('backend', disk.backendDomname),
    ...said('specification', disk.specification === 'unknown' ? null : disk.specification),
    ...said('grant_usage', disk.grantUsage === null ? null : Number(disk.grantUsage)),
    ...said('script', disk.script),
    ...(disk.directIoSafe ? ['direct-io-safe'] : []),
    ...flag(disk.discardEnable, 'discard', 'no-discard'),
    ...flag(disk.trusted, 'trusted', 'untrusted'),
    ...flag(disk.coloEnable, 'colo', 'no-colo'),
    ...said('colo-host', disk.coloHost),
    ...said('colo-port', disk.coloPort === 0 ? null : disk.coloPort),
    ...said('colo-export', disk.coloExport),
    ...said('active-disk', disk.activeDisk),
    ...said('hidden-disk', disk.hiddenDisk),
  ];
}

const said = (key: string, value: string | number | null): string[] => (value === null ? [] : [`${key}=${value}`]);

const flag = (value: boolean | null, yes: string, no: string): string[] => (value === null ? [] : [value ? yes : no]);

/** `target=` ends at the end of its line; a target with a line's end inside can only be the first parameter. */
const leadingTarget = ({ pdevPath }: Disk): string[] => (pdevPath?.includes('\n') === true ? [pdevPath] : []);

/** Of a comma at the very end xl takes one away. */
function trailingTarget({ pdevPath }: Disk): string[] {
  if (pdevPath === null || pdevPath.includes('\n')) return [];
  return [`target=${pdevPath}${pdevPath.endsWith(',') ? ',' : ''}`];
}
