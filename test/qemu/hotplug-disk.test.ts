import { spawnSync } from 'node:child_process';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { devid } from '../../lib/base/units.ts';
import { qemuArgv } from '../../lib/qemu/argv.ts';
import { hotplugNames, plugCommands, unplug, type HotplugDisk } from '../../lib/qemu/hotplug-disk.ts';
import { embedded, embeddedTarget } from './models.ts';
import { haveQemu, qemuBinary, startQemu, temporaryDirectory, type RunningQemu } from './real-qemu.ts';

const wait = { timeoutMs: 15_000 };

const plain: HotplugDisk = {
  devid: devid(51728),
  vdev: 'xvdb',
  path: '/images/data.img',
  pathKind: 'file',
  format: 'raw',
  readwrite: true,
  directIo: false,
  discard: false,
  shared: false,
};

test('every choice about a disk reaches QEMU', () => {
  const disk: HotplugDisk = {
    ...plain,
    ...{ pathKind: 'block', format: 'vpc', readwrite: false, directIo: true, discard: true, shared: true },
  };
  const [file, image, device] = plugCommands(disk).map(({ command }) => command.arguments);
  const common = { 'read-only': true, discard: 'unmap', cache: { direct: true } };
  expect(file).toEqual({
    driver: 'host_device',
    'node-name': 'vbd-51728-file',
    filename: '/images/data.img',
    ...common,
  });
  expect(image).toEqual({ driver: 'vpc', 'node-name': 'vbd-51728-image', file: 'vbd-51728-file', ...common });
  expect(device).toEqual({
    ...{ driver: 'virtio-blk-pci', id: 'vbd-51728', drive: 'vbd-51728-image', serial: 'xvdb', 'share-rw': true },
  });
});

test('the names are ones that QEMU takes, the largest devid included', () => {
  for (const name of Object.values(hotplugNames(devid(2 ** 29))))
    expect(name).toMatch(/^[A-Za-z][-._A-Za-z0-9]{0,30}$/);
});

describe.runIf(haveQemu())('a real QEMU', () => {
  const directory = temporaryDirectory();
  const image = (name: string): string => join(directory.path, name);
  let qemu: RunningQemu;

  beforeAll(async () => {
    const qmpSocket = join(directory.path, 'qmp');
    const model = embedded({ binary: qemuBinary, target: { ...embeddedTarget, qmpSocket } });
    qemu = await startQemu(qemuArgv(model, { domid: '1' }), qmpSocket);
    spawnSync('qemu-img', ['create', '-q', '-f', 'qcow2', image('with,comma.qcow2'), '3M']);
    spawnSync('qemu-img', ['create', '-q', '-f', 'vpc', '-o', 'force_size=on', image('old.vhd'), '2M']);
    writeFileSync(image('raw.img'), '');
    truncateSync(image('raw.img'), 1024 * 1024);
  });
  afterAll(async () => {
    await qemu.stop();
    directory.remove();
  });

  const execute = (command: { execute: string; arguments?: unknown }): Promise<unknown> =>
    qemu.client.execute(command.execute, command.arguments, wait);
  const sizes = async (): Promise<unknown> =>
    ((await execute({ execute: 'query-block' })) as { inserted: { image: unknown; ro: boolean } }[]).map(
      ({ inserted }) => inserted,
    );

  test.each<[string, Partial<HotplugDisk>, object]>([
    ['raw', { path: image('raw.img') }, { ro: false, image: { format: 'raw', 'virtual-size': 2 ** 20 } }],
    [
      'qcow2, whatever is in its path',
      { path: image('with,comma.qcow2'), format: 'qcow2', discard: true, shared: false },
      { ro: false, image: { format: 'qcow2', 'virtual-size': 3 * 2 ** 20 } },
    ],
    [
      'a read-only VHD',
      { path: image('old.vhd'), format: 'vpc', readwrite: false },
      { ro: true, image: { format: 'vpc', 'virtual-size': 2 * 2 ** 20 } },
    ],
  ])('gets a disk and gives it back: %s', async (_, changes, expected) => {
    const disk = { ...plain, ...changes };
    for (const { command } of plugCommands(disk)) await execute(command);
    expect(await sizes()).toMatchObject([expected]);

    const { request, isReleased, cleanup } = unplug(disk.devid);
    const released = qemu.client.nextEvent(isReleased, 'the end of the disk', wait);
    await execute(request);
    // The machine is stopped, so no guest lets go; a reset does it in the guest's place.
    await execute({ execute: 'system_reset' });
    await released;
    for (const command of cleanup) await execute(command);
    expect(await sizes()).toEqual([]);
    expect(await execute({ execute: 'query-named-block-nodes' })).toEqual([]);
  });

  test('is as before after a plug that failed half-way', async () => {
    writeFileSync(image('no-qcow2'), 'x'.repeat(512));
    const commands = plugCommands({ ...plain, path: image('no-qcow2'), format: 'qcow2' });
    await execute(commands[0]!.command);
    await expect(execute(commands[1]!.command)).rejects.toMatchObject({ code: 'qmp-generic-error' });
    await execute(commands[0]!.undo);
    expect(await execute({ execute: 'query-named-block-nodes' })).toEqual([]);
    expect(readFileSync(image('no-qcow2'), 'utf8')).toBe('x'.repeat(512));
  });

  test('keeps a second writer out by its image locks', async () => {
    const first = { ...plain, path: image('raw.img') };
    const second = { ...first, devid: devid(51744), vdev: 'xvdc' };
    const plugged = [];
    for (const { command, undo } of plugCommands(first).slice(0, 2)) {
      await execute(command);
      plugged.unshift(undo);
    }
    const [device] = plugCommands(first).slice(2);
    await execute(device!.command);
    const other = plugCommands(second);
    await execute(other[0]!.command);
    await execute(other[1]!.command);
    await expect(execute(other[2]!.command)).rejects.toThrow('lock');
  });
});
