import { unreachable } from '../base/error.ts';
import type { Devid } from '../base/units.ts';
import type { PlainCommand } from './monitors.ts';
import type { QmpEvent } from './qmp-codec.ts';
import type { QemuFormat } from './device-model.ts';

/** A disk that a running QEMU is to have as a virtio one: what the embedded host gives a guest in a vbd's place. */
export interface HotplugDisk {
  readonly devid: Devid;
  /** The name that the guest finds as the disk's serial number: `xvdb`. */
  readonly vdev: string;
  readonly path: string;
  /** A file, a device node of the host, or the socket of an NBD server. */
  readonly pathKind: 'file' | 'block' | 'nbd';
  /** The export's name, for `nbd`. */
  readonly exportName?: string;
  readonly format: QemuFormat;
  readonly readwrite: boolean;
  /** Past the host's page cache (`direct-io-safe`). */
  readonly directIo: boolean;
  /** Whether the guest's discards reach the image. */
  readonly discard: boolean;
  /** Others may write the image at the same time (`w!`); otherwise QEMU's own image locks keep them out. */
  readonly shared: boolean;
}

/** A command and what takes it back. */
export interface ReversibleCommand {
  readonly command: PlainCommand;
  readonly undo: PlainCommand;
}

/** The names under which QEMU knows a disk. Made from the devid, since QEMU's ids begin with a letter and a vdev may not. */
export function hotplugNames(devid: Devid): { device: string; image: string; file: string } {
  return { device: `vbd-${devid}`, image: `vbd-${devid}-image`, file: `vbd-${devid}-file` };
}

/**
 * The commands that plug a disk, in order; where one fails, the undos of those before it, last first, leave QEMU as it
 * was. The guest sees the disk after the last.
 */
export function plugCommands(disk: HotplugDisk): ReversibleCommand[] {
  const names = hotplugNames(disk.devid);
  const access = { 'read-only': !disk.readwrite, discard: disk.discard ? 'unmap' : 'ignore' };
  const cache = { direct: disk.directIo };
  const file = {
    ...source(disk),
    'node-name': names.file,
    ...access,
    cache,
  };
  const image = { driver: disk.format, 'node-name': names.image, file: names.file, ...access, cache };
  const device = {
    driver: 'virtio-blk-pci',
    id: names.device,
    drive: names.image,
    serial: disk.vdev,
    'share-rw': disk.shared,
  };
  return [
    { command: { execute: 'blockdev-add', arguments: file }, undo: removeNode(names.file) },
    { command: { execute: 'blockdev-add', arguments: image }, undo: removeNode(names.image) },
    { command: { execute: 'device_add', arguments: device }, undo: removeDevice(names.device) },
  ];
}

function source({ path, pathKind, exportName }: HotplugDisk): Readonly<Record<string, unknown>> {
  switch (pathKind) {
    case 'file':
      return { driver: 'file', filename: path };
    case 'block':
      return { driver: 'host_device', filename: path };
    case 'nbd':
      return { driver: 'nbd', server: { type: 'unix', path }, export: exportName ?? '' };
    default:
      return unreachable(pathKind);
  }
}

/**
 * How a disk is unplugged: `request` asks the guest to let go, which it does in its own time or never; the event that
 * `isReleased` knows says that it has; then `cleanup` closes the image.
 */
export interface Unplug {
  readonly request: PlainCommand;
  readonly isReleased: (event: QmpEvent) => boolean;
  readonly cleanup: readonly PlainCommand[];
}

/** Unplugs the disk that `plugCommands` plugged. */
export function unplug(devid: Devid): Unplug {
  const names = hotplugNames(devid);
  return {
    request: removeDevice(names.device),
    isReleased: ({ name, data }) => name === 'DEVICE_DELETED' && data.device === names.device,
    cleanup: [removeNode(names.image), removeNode(names.file)],
  };
}

const removeNode = (name: string): PlainCommand => ({ execute: 'blockdev-del', arguments: { 'node-name': name } });
const removeDevice = (id: string): PlainCommand => ({ execute: 'device_del', arguments: { id } });
