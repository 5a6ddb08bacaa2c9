import { describe, expect, test } from 'vitest';
import { XlError } from '../../lib/base/error.ts';
import { hole, t } from '../../lib/base/text.ts';
import { mib, mibToKib } from '../../lib/base/units.ts';
import { deviceModelArgv, qemuArgv } from '../../lib/qemu/argv.ts';
import type { DeviceModel } from '../../lib/qemu/device-model.ts';
import { cdrom, defaultVnc, disk, embedded, embeddedTarget, hvm, noDisplay, xenpv, xenTarget } from './models.ts';

/** The arguments that follow every occurrence of an option. */
function values(model: DeviceModel, option: string): string[] {
  const words = qemuArgv(model, { domid: '7' });
  return words.flatMap((word, index) => (words[index - 1] === option ? [word] : []));
}

const refusal = (model: DeviceModel): XlError => {
  try {
    deviceModelArgv(model);
  } catch (error) {
    if (error instanceof XlError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
};

const warnings = (model: DeviceModel): string[] => deviceModelArgv(model).warnings.map((warning) => warning.code);

describe('a command line before the run', () => {
  test('has the domid as a hole', () => {
    expect(deviceModelArgv(hvm()).argv).toContainEqual(hole('domid'));
    expect(qemuArgv(hvm())).toContain('${domid}');
    expect(deviceModelArgv(hvm()).env).toHaveProperty('XEN_DOMAIN_ID', hole('domid'));
  });

  test('with its holes filled is exactly what QEMU gets, a literal ${ included', () => {
    expect(values(hvm({ name: 'a${b}' }), '-name')).toEqual(['a${b}']);
  });
});

describe('commas in what the user wrote are doubled', () => {
  test('in every kind of drive', () => {
    const disks = [disk('hda', '/a,b'), disk('sda', '/c,d'), cdrom('hdc', '/e,f')];
    expect(values(hvm({ disks }), '-drive')).toEqual([
      'file=/a,,b,if=ide,index=0,media=disk,format=raw,cache=writeback',
      'file=/c,,d,id=scsi0-hd0,format=raw,if=none,readonly=off,cache=writeback',
      'if=none,readonly=on,id=ide-5632,file=/e,,f,format=raw',
    ]);
    expect(values(hvm({ disks: [disk('hda', '/a,b')], hdtype: 'ahci' }), '-drive')).toEqual([
      'file=/a,,b,if=none,id=ahcidisk-0,format=raw,cache=writeback',
    ]);
  });

  test('in names, bridges, models, sockets and VNC addresses', () => {
    const model = hvm({
      name: 'a,b',
      nics: [{ devid: 0, model: 'e,1', mac: '00:16:3e:00:00:01', backend: { kind: 'tap', bridge: 'br,0' } }],
      channels: [{ devid: 1, connection: 'socket', path: '/run/c,1' }],
      display: { ...noDisplay, vnc: { ...defaultVnc, listen: 'a,b' } },
    });
    expect(values(model, '-name')).toEqual(['a,,b']);
    expect(values(model, '-vnc')).toEqual(['a,,b:0,to=99']);
    expect(values(model, '-chardev')).toContain('socket,id=libxl-channel1,path=/run/c,,1,server=on,wait=off');
    expect(values(model, '-device')).toContain('e,,1,id=nic0,netdev=net0,mac=00:16:3e:00:00:01');
    expect(values(model, '-netdev')).toEqual(['type=tap,id=net0,ifname=vif7.0-emu,br=br,,0,script=no,downscript=no']);
  });

  test('but not in the words that are a language of QEMU', () => {
    const model = hvm({ serial: [{ kind: 'qemu', device: 'tcp::4555,server=on' }], extraArgs: ['-d', 'int,exec'] });
    expect(values(model, '-serial')).toEqual(['tcp::4555,server=on']);
    expect(values(model, '-d')).toEqual(['int,exec']);
  });
});

describe('VNC', () => {
  test.each([
    ['127.0.0.1', 3, '127.0.0.1:3'],
    ['', 3, ':3'],
    ['0.0.0.0:5', 0, '0.0.0.0:5'],
    ['::1', 3, '[::1]:3'],
    ['::', 0, '[::]:0'],
    ['[::1]', 3, '[::1]:3'],
    ['[::1]:5', 0, '[::1]:5'],
  ])('listens at %j, display %i, as %s', (listen, display, address) => {
    const vnc = { listen, display, password: false, findUnused: false };
    expect(values(hvm({ display: { ...noDisplay, vnc } }), '-vnc')).toEqual([address]);
  });

  test.each(['0.0.0.0:5', '[::1]:5'])('with a display in %s and another is refused', (listen) => {
    const vnc = { listen, display: 6, password: false, findUnused: false };
    expect(refusal(hvm({ display: { ...noDisplay, vnc } })).code).toBe('vnc-display-twice');
    expect(refusal(xenpv({ display: { ...noDisplay, vnc } })).code).toBe('vnc-display-twice');
  });
});

describe('SDL', () => {
  test('gets its X display and key by the environment', () => {
    const sdl = { display: ':0', xauthority: '/root/.Xauthority' };
    const { env } = deviceModelArgv(xenpv({ display: { ...noDisplay, sdl } }));
    expect(env).toMatchObject({ DISPLAY: ':0', XAUTHORITY: '/root/.Xauthority' });
  });

  test('or VNC makes nographic mean nothing', () => {
    expect(qemuArgv(hvm({ display: { vnc: defaultVnc, sdl: null, nographic: true } }))).not.toContain('-nographic');
  });
});

describe('a disk that PV drivers see but the machine does not', () => {
  test.each([
    ['the fifth IDE disk', disk('xvde', '/a'), 'not-emulated-beyond-ide'],
    ['the fifth cdrom, which libxl lets pass and no QEMU accepts', cdrom('xvde', '/a'), 'not-emulated-beyond-cdrom'],
    ['a bare number', disk('768', '/a'), 'not-emulated-no-slot'],
    [
      'one that another domain serves',
      disk('hda', '', 'raw', { medium: { kind: 'unreachable', target: '/dev/vg/a' } }),
      'not-emulated-unreachable',
    ],
  ])('is warned of: %s', (_, only, code) => {
    const model = hvm({ disks: [only] });
    expect(warnings(model)).toEqual([code]);
    expect(values(model, '-drive')).toEqual([]);
  });

  test('with AHCI is the seventh', () => {
    expect(warnings(hvm({ hdtype: 'ahci', disks: [disk('xvdf', '/a'), disk('xvdg', '/b')] }))).toEqual([
      'not-emulated-beyond-ide',
    ]);
  });
});

describe('what QEMU would exit at is refused before', () => {
  test.each([
    ['a read-only IDE disk', { disks: [disk('hda', '/a', 'raw', { readwrite: false })] }, 'read-only-ide'],
    [
      'a read-only AHCI disk',
      { disks: [disk('hda', '/a', 'raw', { readwrite: false })], hdtype: 'ahci' as const },
      'read-only-ahci',
    ],
    ['SCSI id 8', { disks: [disk('sdi', '/a')] }, 'scsi-id-too-high'],
    ['hda and xvda', { disks: [disk('hda', '/a'), disk('xvda', '/b')] }, 'emulated-slot-taken'],
    ['hda1 and hda2', { disks: [disk('hda1', '/a'), disk('hda2', '/b')] }, 'emulated-slot-taken'],
    ['sda1 and sda2', { disks: [disk('sda1', '/a'), disk('sda2', '/b')] }, 'emulated-slot-taken'],
    ['a disk xvdc and a cdrom hdc', { disks: [disk('xvdc', '/a'), cdrom('hdc', '/b')] }, 'emulated-slot-taken'],
    [
      'xvde and xvde1 with AHCI',
      { disks: [disk('xvde', '/a'), disk('xvde1', '/b')], hdtype: 'ahci' as const },
      'emulated-slot-taken',
    ],
    ['a cdrom sdb and a disk hdb', { disks: [cdrom('sdb', '/a'), disk('hdb', '/b')] }, 'emulated-slot-taken'],
    ['a Cirrus card of 32 MiB', { videoMemory: mibToKib(mib(32)) }, 'cirrus-memory-invalid'],
    ['memory that is all the video card’s', { maxMemory: mibToKib(mib(8)) }, 'memory-all-video'],
    ['an unknown sound card', { soundhw: 'all' }, 'soundhw-unknown'],
    ['a boot device that is none', { boot: 'cx' }, 'boot-order-invalid'],
    ['a boot device given twice', { boot: 'cc' }, 'boot-order-invalid'],
    ['four boot devices', { boot: 'cdna' }, 'boot-order-invalid'],
  ])('%s', (_, changes, code) => {
    const error = refusal(hvm(changes));
    expect(error.code).toBe(code);
    expect(error.hint).toBeTruthy();
  });

  test('all at once, each disk at its place', () => {
    const where = { source: 'domain.cfg', line: 4 };
    const error = refusal(hvm({ soundhw: 'x', disks: [disk('hda', '/a'), disk('xvda', '/b', 'raw', { where })] }));
    expect(error.diagnostics.map((diagnostic) => diagnostic.code)).toEqual(['soundhw-unknown', 'emulated-slot-taken']);
    expect(error.diagnostics[1]?.where).toEqual(where);
  });

  test('but a cdrom and an AHCI disk of one letter have different places', () => {
    expect(warnings(hvm({ hdtype: 'ahci', disks: [disk('hda', '/a'), cdrom('xvda', '/b')] }))).toEqual([]);
  });
});

describe('a QEMU of another version', () => {
  const model = { acpi: false, target: { ...xenTarget, restrict: { chroot: '/run/root', qmpFd: 3 }, runAs: 'nobody' } };
  const old = ['-no-acpi', '-chroot', '-runas'];

  test.each([
    [null, old, []],
    ['7.2.22', old, []],
    ['8.1.0', ['-no-acpi', '-runas'], ['chroot=/run/root']],
    ['9.0.1', ['-runas'], ['chroot=/run/root']],
    ['9.1.0', [], ['chroot=/run/root', 'user=nobody']],
    ['10.0.0', [], ['chroot=/run/root', 'user=nobody']],
  ])('%s has the options of its time', (qemuVersion, present, runWith) => {
    const words = qemuArgv(hvm({ ...model, qemuVersion }));
    expect(old.filter((option) => words.includes(option))).toEqual(present);
    expect(values(hvm({ ...model, qemuVersion }), '-run-with')).toEqual(runWith);
    const machine = values(hvm({ ...model, qemuVersion }), '-machine')[0];
    expect(machine?.endsWith(',acpi=off')).toBe(!present.includes('-no-acpi'));
  });
});

test('a restricted QEMU gets its monitor as an open descriptor and starts stopped', () => {
  const words = qemuArgv(hvm({ target: { ...xenTarget, restrict: { chroot: '/run/root', qmpFd: 9 } } }));
  expect(words.slice(4, 8)).toEqual(['-chardev', 'socket,id=libxl-cmd,fd=9,server=on,wait=off', '-S', '-mon']);
  expect(words).toContain('-xen-domid-restrict');
});

test('channels have their devices and paths', () => {
  const model = xenpv({
    channels: [
      { devid: 1, connection: 'pty' },
      { devid: 2, connection: 'socket', path: '/run/agent' },
    ],
  });
  expect(values(model, '-chardev').slice(2)).toEqual([
    'pty,id=libxl-channel1',
    'socket,id=libxl-channel2,path=/run/agent,server=on,wait=off',
  ]);
});

test('a graphics card passed through is said to the machine', () => {
  expect(values(hvm({ igdPassthrough: true }), '-machine')).toEqual(['xenfv,suppress-vmdesc=on,igd-passthru=on']);
});

describe('on the embedded host', () => {
  test('the machine is a plain PC without Xen, stopped, with one monitor', () => {
    expect(qemuArgv(embedded({ target: { ...embeddedTarget, qmpSocket: t`/run/${hole('domid')}/qmp` } }))).toEqual([
      '/usr/bin/qemu',
      ...['-chardev', 'socket,id=libxl-cmd,path=/run/${domid}/qmp,server=on,wait=off', '-S'],
      ...['-mon', 'chardev=libxl-cmd,mode=control', '-nodefaults', '-no-user-config', '-name', 'guest'],
      ...['-vnc', 'none', '-display', 'none', '-boot', 'order=cda', '-net', 'none'],
      ...['-machine', 'pc,accel=tcg', '-m', '64'],
    ]);
    expect(deviceModelArgv(embedded()).env).toEqual({});
  });

  test('drives are those that Xen’s device model gets', () => {
    const disks = [disk('hda', '/a'), disk('sdb', '/b', 'qcow2'), cdrom('hdc', null)];
    expect(values(embedded({ disks }), '-drive')).toEqual(values(hvm({ disks }), '-drive'));
    expect(values(embedded({ disks }), '-device')).toEqual(values(hvm({ disks, vga: 'none' }), '-device'));
  });

  test('consoles are sockets, and a reboot can end the process', () => {
    const model = embedded({
      target: { ...embeddedTarget, pvConsole: '/run/hvc0', onReboot: 'exit', cpu: 'max' },
      serial: [{ kind: 'socket', path: '/run/ttyS0' }],
    });
    expect(values(model, '-chardev').slice(1)).toEqual([
      'socket,id=pv-console,path=/run/hvc0,server=on,wait=off',
      'socket,id=serial-socket0,path=/run/ttyS0,server=on,wait=off',
    ]);
    expect(values(model, '-device')).toEqual(['virtio-serial-pci', 'virtconsole,chardev=pv-console']);
    expect(values(model, '-serial')).toEqual(['chardev:serial-socket0']);
    expect(values(model, '-cpu')).toEqual(['max']);
    expect(qemuArgv(model)).toContain('-no-reboot');
  });

  test('interfaces are on QEMU’s own network or on none', () => {
    const nic = { model: 'e1000', mac: '00:16:3e:00:00:01' };
    const model = embedded({
      nics: [
        { ...nic, devid: 0, backend: { kind: 'user' } },
        { ...nic, devid: 1, backend: { kind: 'none' } },
      ],
    });
    expect(values(model, '-netdev')).toEqual(['user,id=net0']);
    expect(values(model, '-device')[1]).toBe('e1000,id=nic1,mac=00:16:3e:00:00:01');
  });

  test('there is no vendor device, and that is said', () => {
    const model = embedded({ vendorDevice: 'xenserver', maxMemory: mibToKib(mib(32)) });
    expect(warnings(model)).toEqual(['vendor-device-missing']);
    expect(values(model, '-device')).toEqual([]);
  });
});
