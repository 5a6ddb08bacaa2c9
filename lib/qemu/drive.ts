import { unreachable } from '../base/error.ts';
import type { Text } from '../base/text.ts';
import type { DiskSlot, HvmDeviceModel, MachineDisk, Medium } from './device-model.ts';
import { optionString } from './option-string.ts';

type Image = Extract<Medium, { kind: 'image' }>;

/** How the machine shows a disk, or why it does not. The guest's PV drivers see every disk all the same. */
export type Emulation =
  | { readonly kind: 'cdrom'; readonly slot: DiskSlot; readonly image: Image | null }
  | { readonly kind: 'ide' | 'ahci' | 'scsi'; readonly slot: DiskSlot; readonly image: Image }
  | { readonly kind: 'none'; readonly reason: 'no-slot' | 'unreachable' | 'beyond-ide' | 'beyond-cdrom' };

/** The machine has two IDE buses of two units. */
const ideUnits = 4;
/** libxl's limit; the AHCI controller has as many ports. */
const ahciPorts = 6;
/** The lsi53c895a takes ids 0 to 7. */
export const highestScsiId = 7;

/**
 * Chooses the controller for a disk, as libxl does (`libxl__build_device_model_args_new`): cdroms sit on IDE whatever
 * they are called, `sd` names on SCSI, the others on IDE or AHCI. libxl lets a cdrom have index 4, which no QEMU
 * accepts; here it is beyond.
 */
export function emulationOf(disk: MachineDisk, hdtype: HvmDeviceModel['hdtype']): Emulation {
  const { slot, medium } = disk;
  if (slot === null) return { kind: 'none', reason: 'no-slot' };
  if (medium.kind === 'unreachable') return { kind: 'none', reason: 'unreachable' };
  if (disk.cdrom) {
    if (slot.disk >= ideUnits) return { kind: 'none', reason: 'beyond-cdrom' };
    return { kind: 'cdrom', slot, image: medium.kind === 'empty' ? null : medium };
  }
  if (medium.kind === 'empty') return { kind: 'none', reason: 'unreachable' };
  if (slot.family === 'sd') return { kind: 'scsi', slot, image: medium };
  if (hdtype === 'ahci' && slot.disk < ahciPorts) return { kind: 'ahci', slot, image: medium };
  if (slot.disk < ideUnits) return { kind: 'ide', slot, image: medium };
  return { kind: 'none', reason: 'beyond-ide' };
}

/** The place on a controller that an emulated disk takes, for people and for finding two disks in one; null for none. */
export function controllerPlace(emulation: Emulation): string | null {
  switch (emulation.kind) {
    case 'none':
      return null;
    case 'cdrom':
    case 'ide':
      return `IDE bus ${Math.floor(emulation.slot.disk / 2)} unit ${emulation.slot.disk % 2}`;
    case 'ahci':
      return `AHCI port ${emulation.slot.disk}`;
    case 'scsi':
      return `SCSI id ${emulation.slot.disk}`;
    default:
      return unreachable(emulation);
  }
}

/** Whether the machine needs a SCSI controller: libxl looks at the name alone. */
export const needsScsi = (disks: readonly MachineDisk[]): boolean =>
  disks.some((disk) => !disk.cdrom && disk.vdev.startsWith('sd'));

/** The `-drive` and `-device` options of one disk; none where the machine does not show it. */
export function driveArgs(disk: MachineDisk, hdtype: HvmDeviceModel['hdtype']): Text[] {
  const emulation = emulationOf(disk, hdtype);
  switch (emulation.kind) {
    case 'none':
      return [];
    case 'cdrom':
      return cdromArgs(emulation.slot, emulation.image);
    case 'ide':
      return ideArgs(emulation.slot, emulation.image);
    case 'ahci':
      return ahciArgs(emulation.slot, emulation.image);
    case 'scsi':
      return scsiArgs(emulation.slot, emulation.image, disk.readwrite);
    default:
      return unreachable(emulation);
  }
}

function cdromArgs({ devid, disk }: DiskSlot, image: Image | null): Text[] {
  const id = `ide-${devid}`;
  const drive = optionString(null, [
    ['if', 'none'],
    ['readonly', 'on'],
    ['id', id],
    ['file', image?.path ?? null],
    ['format', image?.format ?? null],
  ]);
  const device = optionString('ide-cd', [
    ['id', id],
    ['drive', id],
    ['bus', `ide.${Math.floor(disk / 2)}`],
    ['unit', disk % 2],
  ]);
  return ['-drive', drive, '-device', device];
}

function ideArgs({ disk }: DiskSlot, image: Image): Text[] {
  const drive = optionString(null, [
    ['file', image.path],
    ['if', 'ide'],
    ['index', disk],
    ['media', 'disk'],
    ['format', image.format],
    ['cache', 'writeback'],
  ]);
  return ['-drive', drive];
}

function ahciArgs({ disk }: DiskSlot, image: Image): Text[] {
  const id = `ahcidisk-${disk}`;
  const drive = optionString(null, [
    ['file', image.path],
    ['if', 'none'],
    ['id', id],
    ['format', image.format],
    ['cache', 'writeback'],
  ]);
  const device = optionString('ide-hd', [
    ['bus', `ahci0.${disk}`],
    ['unit', 0],
    ['drive', id],
  ]);
  return ['-drive', drive, '-device', device];
}

function scsiArgs({ disk }: DiskSlot, image: Image, readwrite: boolean): Text[] {
  const id = `scsi0-hd${disk}`;
  const drive = optionString(null, [
    ['file', image.path],
    ['id', id],
    ['format', image.format],
    ['if', 'none'],
    ['readonly', readwrite ? 'off' : 'on'],
    ['cache', 'writeback'],
  ]);
  const device = optionString('scsi-hd', [
    ['drive', id],
    ['scsi-id', disk],
  ]);
  return ['-drive', drive, '-device', device];
}
