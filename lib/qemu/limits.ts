import { unreachable, type Diagnostic, type Where } from '../base/error.ts';
import { show } from '../base/text.ts';
import type { DeviceModel, HvmDeviceModel, MachineDisk, Vnc } from './device-model.ts';
import { listenNamesDisplay } from './display.ts';
import { controllerPlace, emulationOf, highestScsiId, type Emulation } from './drive.ts';
import { soundhwNames } from './peripherals.ts';

/**
 * What this machine cannot be, before QEMU says so by exiting: errors are what libxl refuses or QEMU 7.2 was seen to
 * refuse; warnings are disks that only the guest's PV drivers will see.
 */
export function machineProblems(model: DeviceModel): Diagnostic[] {
  const vnc = model.display.vnc === null ? [] : vncProblems(model.display.vnc);
  if (model.kind === 'xenpv') return vnc;
  return [
    ...vnc,
    ...memoryProblems(model),
    ...soundProblems(model.soundhw),
    ...bootProblems(model.boot),
    ...diskProblems(model),
    ...hostProblems(model),
  ];
}

function vncProblems({ listen, display }: Vnc): Diagnostic[] {
  if (display === 0 || !listenNamesDisplay(listen)) return [];
  return [
    {
      severity: 'error',
      code: 'vnc-display-twice',
      message: `the VNC display is given twice: in the address ${listen} and as display ${display}`,
      hint: 'leave it out of vnclisten, or leave vncdisplay out',
    },
  ];
}

/** Sizes that QEMU's Cirrus card can have, in MiB (qemu/hw/display/cirrus_vga.c). */
const cirrusSizes: readonly number[] = [4, 8, 16];

function memoryProblems({ vga, videoMemory, maxMemory }: HvmDeviceModel): Diagnostic[] {
  const problems: Diagnostic[] = [];
  if (vga === 'cirrus' && !cirrusSizes.includes(videoMemory / 1024)) {
    problems.push({
      severity: 'error',
      code: 'cirrus-memory-invalid',
      message: `the Cirrus video card cannot have ${videoMemory / 1024} MiB of memory`,
      hint: `videoram must be one of ${cirrusSizes.join(', ')}, or use stdvga`,
    });
  }
  // QEMU takes 0 for its default of 128 MiB.
  if (maxMemory - videoMemory < 1024) {
    problems.push({
      severity: 'error',
      code: 'memory-all-video',
      message: `of ${maxMemory / 1024} MiB of memory the video card takes ${videoMemory / 1024}, and nothing is left`,
      hint: 'give the domain more memory, or the card less with videoram',
    });
  }
  return problems;
}

function soundProblems(soundhw: string | null): Diagnostic[] {
  if (soundhw === null || soundhwNames.includes(soundhw)) return [];
  return [
    {
      severity: 'error',
      code: 'soundhw-unknown',
      message: `unknown sound card '${soundhw}'`,
      hint: `soundhw takes one of ${soundhwNames.join(', ')}`,
    },
  ];
}

/** QEMU's PC takes at most three devices, each once (qemu/hw/i386/pc.c, `set_boot_dev`). */
function bootProblems(boot: string): Diagnostic[] {
  if (/^[abcdn]{0,3}$/.test(boot) && new Set(boot).size === boot.length) return [];
  return [
    {
      severity: 'error',
      code: 'boot-order-invalid',
      message: `QEMU cannot boot in the order '${boot}'`,
      hint: 'boot takes up to three different letters of a (floppy), c (disk), d (cdrom) and n (network)',
    },
  ];
}

function diskProblems({ disks, hdtype }: HvmDeviceModel): Diagnostic[] {
  const taken = new Map<string, MachineDisk>();
  return disks.flatMap((disk) => {
    const emulation = emulationOf(disk, hdtype);
    const place = controllerPlace(emulation);
    const other = place === null ? undefined : taken.get(place);
    if (place !== null && other === undefined) taken.set(place, disk);
    return [
      ...emulationProblems(disk, emulation),
      // Two disks that are one device are refused as that (lib/disk/cross-check.ts).
      ...(place === null || other === undefined || isSameDevice(disk, other)
        ? []
        : [slotTaken(disk, place, other.vdev)]),
    ];
  });
}

const isSameDevice = (one: MachineDisk, other: MachineDisk): boolean => one.slot?.devid === other.slot?.devid;

function slotTaken(disk: MachineDisk, place: string, other: string): Diagnostic {
  return {
    severity: 'error',
    code: 'emulated-slot-taken',
    message: `${disk.vdev} and ${other} would both be ${place} of the emulated machine`,
    hint: `give one of them another letter; ${other} and its PV twin are one disk already`,
    ...at(disk),
  };
}

function emulationProblems(disk: MachineDisk, emulation: Emulation): Diagnostic[] {
  switch (emulation.kind) {
    case 'cdrom':
      return [];
    case 'ide':
    case 'ahci':
      return disk.readwrite ? [] : [readOnly(disk, emulation.kind)];
    case 'scsi':
      return emulation.slot.disk <= highestScsiId ? [] : [scsiIdTooHigh(disk, emulation.slot.disk)];
    case 'none':
      return [pvOnly(disk, emulation.reason)];
    default:
      return unreachable(emulation);
  }
}

function readOnly(disk: MachineDisk, controller: 'ide' | 'ahci'): Diagnostic {
  const kind = controller === 'ide' ? 'IDE' : 'AHCI';
  return {
    severity: 'error',
    code: `read-only-${controller}`,
    message: `${disk.vdev} is read-only, and QEMU has no read-only ${kind} disks`,
    hint: 'make it writable or a cdrom, or name it sda and so on: SCSI disks can be read-only',
    ...at(disk),
  };
}

function scsiIdTooHigh(disk: MachineDisk, id: number): Diagnostic {
  return {
    severity: 'error',
    code: 'scsi-id-too-high',
    message: `${disk.vdev} would have SCSI id ${id}, and the emulated controller ends at ${highestScsiId}`,
    hint: 'use sda to sdh, or an xvd name for a disk that only PV drivers need to see',
    ...at(disk),
  };
}

function pvOnly(disk: MachineDisk, reason: Extract<Emulation, { kind: 'none' }>['reason']): Diagnostic {
  return {
    severity: 'warning',
    code: `not-emulated-${reason}`,
    message: `${disk.vdev} will be there for PV drivers but not as an emulated disk: ${reasonWords(disk, reason)}`,
    ...at(disk),
  };
}

function reasonWords(disk: MachineDisk, reason: Extract<Emulation, { kind: 'none' }>['reason']): string {
  switch (reason) {
    case 'no-slot':
      return 'its name says no disk number';
    case 'unreachable':
      return `there is no way to open ${targetWords(disk)} here`;
    case 'beyond-ide':
      return 'the machine emulates only the first four IDE disks';
    case 'beyond-cdrom':
      return 'an emulated cdrom can only be one of the first four disks';
    default:
      return unreachable(reason);
  }
}

function targetWords({ medium }: MachineDisk): string {
  switch (medium.kind) {
    case 'empty':
      return 'an empty disk';
    case 'image':
      return show(medium.path);
    case 'unreachable':
      return medium.target === '' ? 'its target' : medium.target;
    default:
      return unreachable(medium);
  }
}

/** What a machine without Xen has not got. */
function hostProblems({ target, vendorDevice }: HvmDeviceModel): Diagnostic[] {
  if (target.kind === 'xen' || vendorDevice === 'none') return [];
  return [
    {
      severity: 'warning',
      code: 'vendor-device-missing',
      message: `the ${vendorDevice} vendor device exists on Xen only; this guest runs without it`,
    },
  ];
}

const at = ({ where }: MachineDisk): { where?: Where } => (where === undefined ? {} : { where });
