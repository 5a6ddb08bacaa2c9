import { t, type Text } from '../base/text.ts';
import { DEVICE_CLASSES } from '../disk/decision.ts';
import type { DiskBackend, DiskFormat } from '../disk/disk.ts';
import { devicePaths, flag, optional, XenbusState, type DeviceNodes, type DevicePaths, type Key } from './nodes.ts';

/** A disk with every choice made: what is needed to write its nodes. */
export interface Vbd {
  readonly domid: Text;
  readonly backendDomid: Text;
  readonly devid: number;
  /** As the user typed it: it goes into the `dev` node. */
  readonly vdev: string;
  readonly backend: DiskBackend;
  /** The path or target; empty for an empty drive. */
  readonly target: Text;
  /** The target is an empty file that stands for an empty drive's medium, and has to be made first (libxl's empty-cdrom). */
  readonly makesTarget: boolean;
  readonly format: DiskFormat;
  /** Absolute path of the hotplug script, for the backends that have one. */
  readonly script: string | null;
  /** Whether the user named the script: then it runs. What Xen's own `block` does, we do ourselves. */
  readonly scriptNamed: boolean;
  readonly writable: boolean;
  readonly removable: boolean;
  readonly cdrom: boolean;
  readonly directIoSafe: boolean;
  readonly discard: boolean;
  readonly specification: 'xen' | 'virtio';
  readonly trusted: boolean;
  /** The guest's ring ABI, for PV guests only (`x86_64-abi`). */
  readonly protocol: string | null;
  readonly colo: VbdColo | null;
}

export interface VbdColo {
  readonly host: string;
  readonly port: number;
  readonly exportName: string;
  readonly activeDisk: string;
  readonly hiddenDisk: string;
}

/** The value of the `type` node. */
const TYPE_NODES = { phy: 'phy', tap: 'vbd3', qdisk: 'qdisk', standalone: 'standalone' } as const;

/** Where a disk lives in xenstore. The frontend is a `vbd` whatever serves it, save for virtio disks. */
export function vbdPaths(vbd: Pick<Vbd, 'domid' | 'backendDomid' | 'devid' | 'backend'>): DevicePaths {
  const kind = vbd.backend === 'standalone' ? 'virtio_disk' : 'vbd';
  const { domid, backendDomid, devid } = vbd;
  return devicePaths({ kind, backendKind: DEVICE_CLASSES[vbd.backend], domid, backendDomid, devid });
}

/** A disk's nodes, keys in libxl's order (`libxl_disk.c:device_disk_add`). */
export function vbdNodes(vbd: Vbd): DeviceNodes {
  const deviceType = vbd.cdrom ? 'cdrom' : 'disk';
  const back: Key[] = [
    ['params', vbdParams(vbd)],
    ...optional('script', vbd.script),
    ...coloKeys(vbd.colo),
    ['frontend-id', vbd.domid],
    ['online', '1'],
    ['removable', flag(vbd.removable)],
    ['bootable', '1'],
    ['state', XenbusState.Initialising],
    ['dev', vbd.vdev],
    ['type', TYPE_NODES[vbd.backend]],
    ['mode', vbd.writable ? 'w' : 'r'],
    ['device-type', deviceType],
    ...(vbd.directIoSafe ? [['direct-io-safe', '1'] as const] : []),
    ['discard-enable', flag(vbd.discard)],
    ['specification', vbd.specification],
  ];
  const front: Key[] = [
    ['backend-id', vbd.backendDomid],
    ['state', XenbusState.Initialising],
    ['virtual-device', String(vbd.devid)],
    ['device-type', deviceType],
    ['trusted', flag(vbd.trusted)],
    ...optional('protocol', vbd.protocol),
  ];
  return {
    paths: vbdPaths(vbd),
    domid: vbd.domid,
    backendDomid: vbd.backendDomid,
    frontendOwner: 'guest',
    front,
    readOnlyFront: [],
    back,
  };
}

/**
 * The `params` node: the bare path for phy and standalone, `FORMAT:PATH` for the others. `aio` stands for raw, and for
 * an empty drive (`libxl__device_disk_string_of_format`).
 */
export function vbdParams(vbd: Pick<Vbd, 'backend' | 'format' | 'target'>): Text {
  if (vbd.backend === 'phy' || vbd.backend === 'standalone') return vbd.target;
  const format = vbd.format === 'raw' || vbd.format === 'empty' ? 'aio' : vbd.format;
  return t`${format}:${vbd.target}`;
}

function coloKeys(colo: VbdColo | null): Key[] {
  if (colo === null) return [];
  return [
    ['colo-host', colo.host],
    ['colo-port', String(colo.port)],
    ['colo-export', colo.exportName],
    ['active-disk', colo.activeDisk],
    ['hidden-disk', colo.hiddenDisk],
  ];
}

/** Where the hotplug script of a disk finds its device: relative to /local/domain/0, as libxl's environment has it. */
export const vbdXenbusPath = (vbd: Pick<Vbd, 'domid' | 'devid' | 'backend'>): Text =>
  t`backend/${DEVICE_CLASSES[vbd.backend]}/${vbd.domid}/${vbd.devid}`;
