import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { access, mkdtemp, readdir, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cutDisk, emulatedDrives, plugDisk } from '../../lib/host/embedded/machine-disks.ts';
import { vdevToDevid } from '../../lib/disk/vdev.ts';
import type { HotplugDisk } from '../../lib/qemu/hotplug-disk.ts';
import { QmpClient } from '../../lib/qemu/qmp-client.ts';
import { until } from './support/host.ts';

const QEMU = '/usr/bin/qemu-system-x86_64';
const missing = await access(QEMU).then(
  () => false,
  () => true,
);
if (missing) console.warn(`the tests of a machine's disks are skipped: there is no ${QEMU}`);

describe.skipIf(missing)('a machine’s disks', () => {
  let directory: string;
  let qemu: ChildProcess;
  let monitor: QmpClient;
  const path = (name: string): string => join(directory, name);

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'xl-ts-disks-'));
    const image = promisify(execFile);
    await image('qemu-img', ['create', '-q', '-f', 'raw', path('base.raw'), '1M']);
    const over = ['-b', path('base.raw'), '-F', 'raw', path('over.qcow2')];
    await image('qemu-img', ['create', '-q', '-f', 'qcow2', ...over]);
    qemu = spawn(
      QEMU,
      [
        ...['-machine', 'pc,accel=tcg', '-nodefaults', '-display', 'none', '-S'],
        ...['-drive', `file=${path('base.raw')},if=ide,index=2,format=raw,read-only=on,media=cdrom`],
        ...['-qmp', `unix:${path('qmp')},server=on,wait=off`],
      ],
      { stdio: 'ignore' },
    );
    // The socket is there a moment before QEMU listens on it.
    await until('QEMU listens', () =>
      QmpClient.connect(path('qmp'), { timeoutMs: 10_000 }).then(
        (client) => {
          monitor = client;
          return true;
        },
        () => false,
      ),
    );
  });

  afterEach(async () => {
    monitor.close();
    qemu.kill('SIGKILL');
    await rm(directory, { recursive: true });
  });

  const disk = (more: Partial<HotplugDisk>): HotplugDisk => ({
    devid: vdevToDevid('xvdb'),
    vdev: 'xvdb',
    path: path('over.qcow2'),
    pathKind: 'file',
    format: 'qcow2',
    readwrite: true,
    directIo: false,
    discard: true,
    shared: false,
    ...more,
  });

  /** Names of the images that QEMU has open. */
  async function openImages(): Promise<string[]> {
    const fds = `/proc/${qemu.pid!}/fd`;
    const links = await Promise.all((await readdir(fds)).map((fd) => readlink(join(fds, fd)).catch(() => '')));
    return links.filter((link) => link.startsWith(`${directory}/`)).map((link) => link.slice(directory.length + 1));
  }

  test('are plugged with the size that the image has', async () => {
    expect(await plugDisk(monitor, disk({}))).toBe(1024 * 1024);
    expect(await openImages()).toContain('over.qcow2');
  });

  test('leave nothing behind where they cannot be plugged', async () => {
    await expect(plugDisk(monitor, disk({ format: 'qed' }))).rejects.toMatchObject({ code: 'qmp-generic-error' });
    expect(await openImages()).toEqual(['base.raw']);
    await plugDisk(monitor, disk({}));
  });

  test('are closed under a guest that keeps them, with what lies below them', async () => {
    await plugDisk(monitor, disk({}));
    await cutDisk(monitor, vdevToDevid('xvdb'), 'qcow2');
    expect(await openImages()).toEqual(['base.raw']);
  });

  test('that the machine was started with are known by their places', async () => {
    expect([...(await emulatedDrives(monitor))]).toEqual(['ide1-cd0']);
  });
});
