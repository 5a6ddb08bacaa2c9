import { spawnSync } from 'node:child_process';
import { closeSync, openSync, truncateSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { once } from 'node:events';
import { afterAll, describe, expect, test } from 'vitest';
import { mib, mibToKib } from '../../lib/base/units.ts';
import { qemuArgv } from '../../lib/qemu/argv.ts';
import type { HvmDeviceModel } from '../../lib/qemu/device-model.ts';
import { parseQemuVersion } from '../../lib/qemu/version.ts';
import { cdrom, disk, embedded, embeddedTarget } from './models.ts';
import { haveQemu, qemuBinary, startQemu, temporaryDirectory, type RunningQemu } from './real-qemu.ts';

const wait = { timeoutMs: 15_000 };

describe.runIf(haveQemu())('a real QEMU takes', () => {
  const directory = temporaryDirectory();
  afterAll(directory.remove);
  const inDirectory = (name: string): string => join(directory.path, name);
  const qmpSocket = inDirectory('qmp');
  const target = { ...embeddedTarget, qmpSocket };

  /** Files of 1 MiB; their names hold what QEMU's parser could stumble over. */
  const image = (name: string): string => {
    const path = inDirectory(name);
    closeSync(openSync(path, 'a'));
    truncateSync(path, 1024 * 1024);
    return path;
  };

  async function withMachine<T>(
    changes: Partial<HvmDeviceModel>,
    use: (client: RunningQemu['client']) => Promise<T>,
  ): Promise<T> {
    const model = embedded({ binary: qemuBinary, target, ...changes });
    const qemu = await startQemu(qemuArgv(model, { domid: '7' }), qmpSocket);
    try {
      return await use(qemu.client);
    } finally {
      await qemu.stop();
    }
  }

  const blockDevices = (client: RunningQemu['client']): Promise<unknown> =>
    client.execute('query-block', undefined, wait);

  test('IDE, SCSI and cdrom drives with commas and equals signs in their paths, and a name with a comma', async () => {
    const disks = [
      disk('hda', image('a,b=c.img')),
      disk('xvdb', image('b,,c.img')),
      disk('sdh', image('s,readonly=on.img')),
      cdrom('hdc', image('c,if=none.iso')),
      cdrom('hdd', null),
    ];
    await withMachine({ disks, name: 'a,process=b' }, async (client) => {
      const found = (await blockDevices(client)) as { device: string; inserted?: { file: string; ro: boolean } }[];
      const files = found.map(({ device, inserted }) => [device, inserted?.file, inserted?.ro]);
      expect(files.sort()).toEqual([
        ['ide-5632', inDirectory('c,if=none.iso'), true],
        ['ide-5696', undefined, undefined],
        ['ide0-hd0', inDirectory('a,b=c.img'), false],
        ['ide0-hd1', inDirectory('b,,c.img'), false],
        ['scsi0-hd7', inDirectory('s,readonly=on.img'), false],
      ]);
      expect(await client.execute('query-name', undefined, wait)).toEqual({ name: 'a,process=b' });
      expect(await client.execute('query-status', undefined, wait)).toMatchObject({ status: 'prelaunch' });
    });
  });

  test('AHCI drives', async () => {
    const disks = [disk('hda', image('a.img')), disk('xvdf', image('f.img')), cdrom('hdb', null)];
    await withMachine({ disks, hdtype: 'ahci' }, async (client) => {
      expect(await blockDevices(client)).toHaveLength(3);
    });
  });

  test.each<[string, Partial<HvmDeviceModel>]>([
    ['a standard VGA', { vga: 'stdvga', videoMemory: mibToKib(mib(16)) }],
    ['a Cirrus VGA', { vga: 'cirrus', videoMemory: mibToKib(mib(8)) }],
    ['USB 1 devices', { usb: { kind: 'legacy', devices: ['tablet', 'mouse'] } }],
    ['an UHCI', { usb: { kind: 'controller', version: 1, redirections: 0 } }],
    ['an EHCI with its companions', { usb: { kind: 'controller', version: 2, redirections: 0 } }],
    ['an XHCI', { usb: { kind: 'controller', version: 3, redirections: 0 } }],
    ['no ACPI', { acpi: false }],
    ['no ACPI as newer ones say it', { acpi: false, qemuVersion: '9.0.0' }],
    ['vcpus to come', { vcpus: { online: 1, max: 4 } }],
    ['a memory hole and a processor', { maxRamBelow4g: 2 ** 31, target: { ...target, cpu: 'max', onReboot: 'exit' } }],
    [
      'cards on its own network and on none',
      {
        nics: [
          { devid: 0, model: 'e1000', mac: '00:16:3e:00:00:01', backend: { kind: 'user' } },
          { devid: 1, model: 'rtl8139', mac: '00:16:3e:00:00:02', backend: { kind: 'none' } },
        ],
      },
    ],
  ])('%s', async (_, changes) => {
    const status = await withMachine(changes, (client) => client.execute('query-status', undefined, wait));
    expect(status).toMatchObject({ running: false });
  });

  test('VNC at an IPv6 address', async () => {
    const vnc = { listen: '::1', display: 40, password: false, findUnused: true };
    const answer = await withMachine({ display: { vnc, sdl: null, nographic: false }, vga: 'stdvga' }, (client) =>
      client.execute('query-vnc', undefined, wait),
    );
    expect(answer).toMatchObject({ enabled: true, host: '::1', family: 'ipv6' });
  });

  test('consoles as sockets', async () => {
    const changes: Partial<HvmDeviceModel> = {
      target: { ...target, pvConsole: inDirectory('hvc0,console') },
      serial: [{ kind: 'socket', path: inDirectory('ttyS0') }],
    };
    await withMachine(changes, async () => {
      for (const name of ['hvc0,console', 'ttyS0']) {
        const socket = createConnection(inDirectory(name));
        await once(socket, 'connect');
        socket.destroy();
      }
    });
  });

  test('and says its version', () => {
    const output = spawnSync(qemuBinary, ['--version'], { encoding: 'utf8' }).stdout;
    expect(output).toContain(parseQemuVersion(output));
  });
});
