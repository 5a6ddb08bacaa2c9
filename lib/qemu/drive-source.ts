import { unreachable } from '../base/error.ts';
import { t, type Text } from '../base/text.ts';
import type { DiskBackend, DiskFormat } from '../disk/disk.ts';
import type { Medium, QemuFormat } from './device-model.ts';

/** What decides what QEMU itself opens for a disk, after the backend has been chosen. */
export interface DriveSource {
  readonly backend: DiskBackend;
  readonly backendDomname: string | null;
  readonly format: DiskFormat;
  readonly script: string | null;
  readonly pdevPath: string | null;
  /** What a script made (`physical-device-path` of the backend), for blktap its socket; null where there is none. */
  readonly devicePath: Text | null;
}

/**
 * The image that QEMU opens to emulate a disk (`libxl__device_disk_find_local_path`): the target itself where it is a
 * plain file or QEMU is the backend anyway, else the device that a script made or blktap's NBD socket. Only as its own
 * backend does QEMU read an image format; all others hand it raw bytes.
 */
export function driveMedium(source: DriveSource): Medium {
  if (source.format === 'empty') return { kind: 'empty' };
  const path = localPath(source);
  if (path === null) return { kind: 'unreachable', target: source.pdevPath ?? '' };
  return { kind: 'image', path, format: source.backend === 'qdisk' ? qemuFormat(source.format) : 'raw' };
}

function localPath(source: DriveSource): Text | null {
  if (source.backendDomname !== null) return null;
  if (source.backend === 'qdisk' || (source.format === 'raw' && source.script === null)) return source.pdevPath;
  if (source.backend === 'tap') return source.devicePath === null ? null : t`nbd+unix:///?socket=${source.devicePath}`;
  return source.script === null ? null : source.devicePath;
}

/** QEMU's name of a format; it calls a VHD `vpc`. */
export function qemuFormat(format: Exclude<DiskFormat, 'empty'>): QemuFormat {
  switch (format) {
    case 'vhd':
      return 'vpc';
    case 'raw':
    case 'qcow':
    case 'qcow2':
    case 'qed':
      return format;
    default:
      return unreachable(format);
  }
}
