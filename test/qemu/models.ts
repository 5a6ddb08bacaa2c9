import { hole } from '../../lib/base/text.ts';
import { mib, mibToKib } from '../../lib/base/units.ts';
import { describeVdev } from '../../lib/disk/vdev.ts';
import type {
  Display,
  EmbeddedTarget,
  HvmDeviceModel,
  MachineDisk,
  QemuFormat,
  Vnc,
  XenpvDeviceModel,
  XenTarget,
} from '../../lib/qemu/device-model.ts';

/** libxl's defaults for VNC. */
export const defaultVnc: Vnc = { listen: '127.0.0.1', display: 0, password: false, findUnused: true };

export const noDisplay: Display = { vnc: null, sdl: null, nographic: false };

export const xenTarget: XenTarget = { kind: 'xen', runDir: '/var/run/xen', restrict: null, runAs: null };

export const embeddedTarget: EmbeddedTarget = {
  kind: 'embedded',
  accel: 'tcg',
  cpu: null,
  qmpSocket: '/run/qmp',
  pvConsole: null,
  onReboot: 'reset',
};

/** An HVM guest of 64 MiB with libxl's defaults and no devices. */
export function hvm(changes: Partial<HvmDeviceModel> = {}): HvmDeviceModel {
  return {
    kind: 'hvm',
    target: xenTarget,
    binary: '/usr/bin/qemu',
    qemuVersion: null,
    domid: hole('domid'),
    name: 'guest',
    maxMemory: mibToKib(mib(64)),
    videoMemory: mibToKib(mib(8)),
    channels: [],
    display: { vnc: defaultVnc, sdl: null, nographic: false },
    keymap: null,
    extraArgs: [],
    extraKindArgs: [],
    vcpus: { online: 1, max: 1 },
    directBoot: null,
    boot: 'cda',
    vga: 'cirrus',
    spice: null,
    serial: [],
    usb: { kind: 'none' },
    soundhw: null,
    acpi: true,
    nics: [],
    hdtype: 'ide',
    disks: [],
    xenPlatformPci: true,
    maxRamBelow4g: null,
    igdPassthrough: false,
    vendorDevice: 'none',
    ...changes,
  };
}

/** The QEMU beside a PVH guest of 64 MiB. */
export function xenpv(changes: Partial<XenpvDeviceModel> = {}): XenpvDeviceModel {
  return {
    kind: 'xenpv',
    target: xenTarget,
    binary: '/usr/bin/qemu',
    qemuVersion: null,
    domid: hole('domid'),
    name: 'guest',
    maxMemory: mibToKib(mib(64)),
    channels: [],
    display: noDisplay,
    keymap: null,
    extraArgs: [],
    extraKindArgs: [],
    ...changes,
  };
}

/** A machine without a window on the embedded host. */
export function embedded(changes: Partial<HvmDeviceModel> = {}): HvmDeviceModel {
  return hvm({ target: embeddedTarget, display: noDisplay, vga: 'none', videoMemory: mibToKib(mib(0)), ...changes });
}

/** A writable disk of an image, placed as its name says. */
export function disk(
  vdev: string,
  path: string,
  format: QemuFormat = 'raw',
  changes: Partial<MachineDisk> = {},
): MachineDisk {
  const { family, devid, disk: index } = describeVdev(vdev);
  return {
    vdev,
    slot: family === 'number' || index === null ? null : { family, devid, disk: index },
    cdrom: false,
    readwrite: true,
    medium: { kind: 'image', path, format },
    ...changes,
  };
}

/** A cdrom, empty without a path. */
export const cdrom = (vdev: string, path: string | null): MachineDisk =>
  disk(vdev, '', 'raw', {
    cdrom: true,
    readwrite: false,
    medium: path === null ? { kind: 'empty' } : { kind: 'image', path, format: 'raw' },
  });
