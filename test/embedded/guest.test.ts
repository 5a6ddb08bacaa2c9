import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { XlError } from '../../lib/base/error.ts';
import { listDomains, type HostConnection } from '../../lib/host/embedded/start.ts';
import { whyNoGuest, guest } from './support/guest.ts';
import {
  attach,
  create,
  destroy,
  detach,
  disk,
  HVM_CMDLINE,
  isRunning,
  PVH_CMDLINE,
  Screen,
  TestHost,
  until,
  type TestDomain,
} from './support/host.ts';

const MINUTES = 120_000;

describe.skipIf(whyNoGuest !== null)('a guest on the embedded host', { timeout: MINUTES }, () => {
  let host: TestHost;
  let connection: HostConnection;
  let images: string;

  beforeAll(async () => {
    host = await TestHost.make();
    connection = await host.connect();
    images = await mkdtemp(join(tmpdir(), 'xl-ts-images-'));
    for (const name of ['data.img', 'other.img', 'third.img']) {
      await writeFile(join(images, name), `this is ${name}\n`);
      await truncate(join(images, name), 8 * 1024 * 1024);
    }
  });

  afterAll(async () => {
    await host.remove();
    await rm(images, { recursive: true, force: true });
  });

  const pvh = (name: string, uuid: string, more: Partial<TestDomain> = {}): TestDomain => ({
    name,
    type: 'pvh',
    uuid,
    disks: [],
    cmdline: PVH_CMDLINE,
    ...more,
  });

  test('boots from its disk, sees a second disk come and go, and is gone after destroy', async () => {
    const domid = await create(
      connection,
      pvh('boots', '00000000-0000-4000-8000-000000000001', {
        disks: [disk('xvda', guest.rootImage, { writable: false })],
        cmdline: `${PVH_CMDLINE} root=/dev/xvda`,
      }),
    );
    const screen = await Screen.open(host.dir, domid);
    await screen.see('guest: ready');
    expect(screen.text).toContain('disk     xvda, 64 MiB');
    expect(screen.text).toContain('root     xvda (ext2)');

    await attach(connection, domid, disk('xvdb', join(images, 'data.img')));
    await screen.see('guest: disk xvdb (8 MiB) appeared');
    const backend = `/local/domain/0/backend/vbd/${domid}/51728`;
    expect(await connection.store.readText(`${backend}/state`)).toBe('4');
    expect(await connection.store.readText(`${backend}/sectors`)).toBe('16384');
    expect(await connection.store.readText(`/local/domain/${domid}/device/vbd/51728/state`)).toBe('4');
    screen.type('head -n 1 /dev/xvdb\n');
    await screen.see('this is data.img');

    await detach(connection, domid, 'xvdb');
    await screen.see('guest: disk xvdb (8 MiB) is gone');
    expect(await connection.store.directory(`/libxl/${domid}/device/vbd`)).toEqual(['51712']);

    expect(await listDomains(connection)).toMatchObject([{ domid, name: 'boots', type: 'pvh', state: 'running' }]);
    await destroy(connection, domid);
    expect(await listDomains(connection)).toEqual([]);
    expect(await connection.store.directory('/local/domain')).toEqual(['0']);
    await until('the console ended', () => Promise.resolve(screen.ended));
  });

  test('an HVM guest has its disks as IDE hardware, and takes another one while it runs', async () => {
    const slot = { family: 'hd', devid: 768, disk: 0 } as const;
    const domid = await create(connection, {
      name: 'hvm',
      type: 'hvm',
      uuid: '00000000-0000-4000-8000-000000000002',
      disks: [disk('hda', guest.rootImage)],
      emulated: [
        {
          vdev: 'hda',
          slot,
          cdrom: false,
          readwrite: true,
          medium: { kind: 'image', path: guest.rootImage, format: 'raw' },
        },
      ],
      cmdline: `${HVM_CMDLINE} root=/dev/hda`,
    });
    const screen = await Screen.open(host.dir, domid);
    await screen.see('guest: ready');
    expect(screen.text).toContain('root     hda (ext2)');
    await attach(connection, domid, disk('xvdb', join(images, 'other.img')));
    await screen.see('guest: disk xvdb (8 MiB) appeared');
    await detach(connection, domid, 'xvdb');
    await screen.see('guest: disk xvdb (8 MiB) is gone');

    const hda = `/local/domain/0/backend/vbd/${domid}/768`;
    await connection.store.write(`${hda}/state`, '5');
    await until('the driver said no', async () => (await connection.store.readText(`${hda}/state`)) === '4');
    expect(await connection.store.readText(`${hda}/hotplug-error`)).toContain('part of the emulated machine');
    await destroy(connection, domid);
  });

  test('a guest that switches itself off is cleared away, and so is one whose QEMU is killed', async () => {
    const first = await create(connection, pvh('off', '00000000-0000-4000-8000-000000000003'));
    const second = await create(connection, pvh('killed', '00000000-0000-4000-8000-000000000004'));
    const screen = await Screen.open(host.dir, first);
    const pid = Number(await connection.store.readText(`/local/domain/${second}/image/device-model-pid`));
    process.kill(pid, 'SIGKILL');
    await screen.see('guest# ');
    screen.type('poweroff\n');
    await until('no domain is left', async () => (await listDomains(connection)).length === 0);
    expect(await connection.store.directory('/local/domain')).toEqual(['0']);
    expect(await connection.store.directory('/vm')).toEqual([]);
    expect(await connection.store.directory('/libxl')).toEqual([]);
    expect(await isRunning(pid)).toBe(false);
  });

  test('a disk that cannot be opened stops the creation, says why, and leaves nothing', async () => {
    const missing = join(images, 'missing.img');
    const domain = pvh('fails', '00000000-0000-4000-8000-000000000005', { disks: [disk('xvda', missing)] });
    const error: unknown = await create(connection, domain).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(XlError);
    const words = (error as XlError).evidence.flatMap(({ lines }) => lines).join('\n');
    expect(words).toContain(`${missing} cannot be opened for writing: ENOENT`);
    expect(await listDomains(connection)).toEqual([]);
    expect(await connection.store.directory('/local/domain')).toEqual(['0']);
  });

  test('a QEMU that refuses its command line ends the creation with its own words, and leaves nothing', async () => {
    const domain = pvh('refused', '00000000-0000-4000-8000-000000000008', { extraArgs: ['-no-such-option'] });
    const error: unknown = await create(connection, domain).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'device-model-exited' });
    expect((error as XlError).evidence.flatMap(({ lines }) => lines).join('\n')).toContain(
      '-no-such-option: invalid option',
    );
    await until('no domain is left', async () => (await listDomains(connection)).length === 0);
    expect(await connection.store.directory('/local/domain')).toEqual(['0']);
  });

  test('a forced detach takes the disk from a guest that does not answer, and closes its image', async () => {
    // Nothing runs that could answer: a paused machine.
    const domid = await create(
      connection,
      pvh('stuck', '00000000-0000-4000-8000-000000000006', { disks: [disk('xvda', join(images, 'third.img'))] }),
    );
    await connection.control.ask({ op: 'hypercall', call: { op: 'pausedomain', domid: String(domid) } });
    await detach(connection, domid, 'xvda', true);
    expect(await connection.store.directory(`/libxl/${domid}/device`)).not.toContain('vbd');
    // QEMU has let go of the image: another domain can have it for writing.
    const other = await create(
      connection,
      pvh('next', '00000000-0000-4000-8000-000000000007', { disks: [disk('xvda', join(images, 'third.img'))] }),
    );
    await destroy(connection, other);
    await destroy(connection, domid);
  });
});
