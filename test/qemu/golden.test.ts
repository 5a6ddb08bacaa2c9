import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { fill } from '../../lib/base/text.ts';
import { mib, mibToKib } from '../../lib/base/units.ts';
import { deviceModelArgv, qemuArgv } from '../../lib/qemu/argv.ts';
import type { DeviceModel, Spice } from '../../lib/qemu/device-model.ts';
import { optionLines } from './option-lines.ts';
import { cdrom, defaultVnc, disk, hvm, noDisplay, xenpv, xenTarget } from './models.ts';

const golden = new URL('../golden/qemu/', import.meta.url);
const bindings = { domid: '1' };

const openSpice: Spice = {
  port: 6000,
  tlsPort: 0,
  host: null,
  password: null,
  agentMouse: true,
  agent: false,
  clipboardSharing: false,
  imageCompression: null,
  streamingVideo: null,
};

/** What each recorded configuration comes to. */
const models: Record<string, DeviceModel> = {
  minimal: hvm({ name: 'minimal', disks: [disk('hda', '/images/root.img')] }),
  'many-disks': hvm({
    name: 'many disks',
    disks: [
      disk('hdb', '/images/data.qcow2', 'qcow2'),
      disk('hda', '/images/root.img'),
      disk('sda', '/images/scsi.img'),
      disk('xvdc', '/images/third.img'),
      disk('sdc', '/images/read-only.qcow2', 'qcow2', { readwrite: false }),
      disk('xvde', '/images/pv-only.img'),
      disk('hdd', '/images/old.vhd', 'vpc'),
    ],
  }),
  cdroms: hvm({
    name: 'cdroms',
    boot: 'dc',
    disks: [disk('hda', '/images/root.img'), cdrom('hdc', '/images/installer.iso'), cdrom('hdd', null)],
  }),
  ahci: hvm({
    name: 'ahci',
    hdtype: 'ahci',
    disks: [
      disk('hda', '/images/root.img'),
      disk('xvdf', '/images/data.qcow2', 'qcow2'),
      cdrom('hdc', '/images/installer.iso'),
      disk('xvdg', '/images/beyond.img'),
    ],
  }),
  'memory-and-vcpus': hvm({
    name: 'big',
    maxMemory: mibToKib(mib(128)),
    videoMemory: mibToKib(mib(16)),
    vcpus: { online: 2, max: 4 },
    vga: 'stdvga',
  }),
  'serial-list': hvm({
    name: 'serial',
    serial: ['pty', 'file:/var/log/guest,serial.log', 'tcp:127.0.0.1:4555,server=on,wait=off'].map((device) => ({
      kind: 'qemu',
      device,
    })),
  }),
  'no-display': hvm({
    name: 'blind',
    serial: [{ kind: 'qemu', device: 'pty' }],
    display: { ...noDisplay, nographic: true },
    vga: 'none',
    videoMemory: mibToKib(mib(0)),
  }),
  'vnc-display': hvm({
    name: 'vnc',
    display: { ...noDisplay, vnc: { listen: '0.0.0.0', display: 7, password: false, findUnused: false } },
    keymap: 'de',
  }),
  'vnc-address': hvm({
    name: 'vnc',
    display: { ...noDisplay, vnc: { listen: '127.0.0.1:5', display: 0, password: false, findUnused: false } },
    vga: 'stdvga',
    videoMemory: mibToKib(mib(32)),
  }),
  'vnc-password': hvm({ name: 'secret', display: { ...noDisplay, vnc: { ...defaultVnc, password: true } } }),
  sdl: hvm({ name: 'window', display: { ...noDisplay, sdl: { display: null, xauthority: null } } }),
  qxl: hvm({ name: 'qxl', maxMemory: mibToKib(mib(512)), vga: 'qxl', videoMemory: mibToKib(mib(128)) }),
  'cirrus-videoram': hvm({ name: 'cirrus', videoMemory: mibToKib(mib(16)) }),
  'usb-tablet': hvm({ name: 'usb', usb: { kind: 'legacy', devices: ['tablet', 'keyboard'] } }),
  'usb-alone': hvm({ name: 'usb', usb: { kind: 'legacy', devices: [] } }),
  'usb-version-1': hvm({ name: 'usb1', usb: { kind: 'controller', version: 1, redirections: 0 } }),
  'usb-version-2': hvm({ name: 'usb2', usb: { kind: 'controller', version: 2, redirections: 0 } }),
  'usb-version-3': hvm({ name: 'usb3', usb: { kind: 'controller', version: 3, redirections: 0 } }),
  'sdl-display': hvm({
    name: 'window',
    maxMemory: mibToKib(mib(256)),
    display: { ...noDisplay, sdl: { display: ':3', xauthority: '/root/.Xauthority' } },
  }),
  spice: hvm({
    name: 'spice',
    maxMemory: mibToKib(mib(256)),
    display: noDisplay,
    vga: 'qxl',
    videoMemory: mibToKib(mib(128)),
    spice: openSpice,
  }),
  'spice-guarded': hvm({
    name: 'guarded',
    maxMemory: mibToKib(mib(256)),
    spice: {
      port: 6000,
      tlsPort: 6001,
      host: '192.0.2.1',
      password: 'sesame',
      agentMouse: false,
      agent: true,
      clipboardSharing: true,
      imageCompression: 'lz',
      streamingVideo: 'filter',
    },
  }),
  'spice-usb': hvm({
    name: 'plug',
    maxMemory: mibToKib(mib(256)),
    spice: openSpice,
    usb: { kind: 'controller', version: 2, redirections: 2 },
  }),
  'spice-usb-version': hvm({
    name: 'plug',
    maxMemory: mibToKib(mib(256)),
    spice: { ...openSpice, port: 0, tlsPort: 6001 },
    usb: { kind: 'controller', version: 3, redirections: 4 },
  }),
  sound: hvm({ name: 'loud', soundhw: 'hda' }),
  'sound-ac97': hvm({ name: 'loud', soundhw: 'ac97' }),
  nics: hvm({
    name: 'nics',
    nics: [
      { devid: 0, model: 'e1000', mac: '00:16:3e:00:00:01', backend: { kind: 'tap', bridge: 'xenbr0' } },
      { devid: 2, model: 'rtl8139', mac: '00:16:3e:00:00:03', backend: { kind: 'tap', bridge: 'br-lan' } },
    ],
  }),
  'extra-args': hvm({
    name: 'extra',
    extraArgs: ['-D', '/var/log/qemu,extra.log'],
    extraKindArgs: ['-d', 'guest_errors'],
  }),
  'direct-kernel': hvm({
    name: 'direct',
    directBoot: {
      kernel: '/images/vmlinuz',
      ramdisk: '/images/initrd.gz',
      cmdline: 'root=/dev/xvda1 ro console=ttyS0,115200 quiet',
    },
    serial: [{ kind: 'qemu', device: 'pty' }],
  }),
  'plain-pc': hvm({ name: 'plain', xenPlatformPci: false, acpi: false }),
  'vendor-device': hvm({ name: 'windows', vendorDevice: 'xenserver', disks: [disk('hda', '/images/root.img')] }),
  'memory-hole': hvm({ name: 'hole', maxRamBelow4g: 2 ** 31 }),
  unprivileged: hvm({ name: 'nobody', target: { ...xenTarget, runAs: 'nobody' } }),
  'pvh-qdisk': xenpv({ name: 'pvh' }),
  'pvh-framebuffer': xenpv({
    name: 'pvh',
    display: { ...noDisplay, vnc: { listen: '0.0.0.0', display: 3, password: false, findUnused: false } },
    keymap: 'fr',
  }),
  'pvh-extra-args': xenpv({
    name: 'pvh',
    extraArgs: ['-D', '/var/log/qemu.log'],
    extraKindArgs: ['-d', 'guest_errors'],
  }),
};

describe('the command line is the one that xl 4.17 was seen to use', () => {
  test.each(Object.entries(models))('%s', (name, model) => {
    expect(optionLines(qemuArgv(model, bindings).slice(1))).toEqual(linesOf(`${name}/argv.txt`));
    expect(environmentLines(model)).toEqual(linesOf(`${name}/env.txt`));
  });

  test('every recorded configuration is compared', () => {
    const recorded = readdirSync(golden, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(recorded.map((entry) => entry.name).sort()).toEqual(Object.keys(models).sort());
  });
});

function environmentLines(model: DeviceModel): string[] {
  const entries = Object.entries(deviceModelArgv(model).env);
  return entries.map(([name, value]) => `${name}=${fill(value, bindings)}`).sort();
}

const linesOf = (file: string): string[] => readFileSync(new URL(file, golden), 'utf8').trimEnd().split('\n');
