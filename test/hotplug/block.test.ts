import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { XlError } from '../../lib/base/error.ts';
import { addBlock, blockScript, removeBlock, type BlockHotplug } from '../../lib/host/real/block-hotplug.ts';
import { realBlockLook, type BlockTarget, type Mount } from '../../lib/host/real/block-look.ts';
import { sharingMode } from '../../lib/host/real/block-sharing.ts';
import { losetupDevices, parseLosetup, type LoopDevices } from '../../lib/host/real/loop-devices.ts';
import { memoryHost } from '../../lib/host/memory/host.ts';
import { temporaryDirectory } from '../host/temporary.ts';

const script = fileURLToPath(new URL('../../hotplug/block', import.meta.url));

/** A domain 0 with some images, and loop devices that are only a table. */
function dom0() {
  const { store, ports } = memoryHost({ backends: 'silent' });
  const targets = new Map<string, BlockTarget>();
  const mounts: Mount[] = [];
  const loops = new Map<string, string>();
  const attached: { file: string; readOnly: boolean }[] = [];
  const identityOf = (path: string): string => {
    const target = targets.get(path);
    return target?.kind === 'file' ? target.identity : '';
  };
  const devices: LoopDevices = {
    list: () => Promise.resolve([...loops].map(([path, backing]) => ({ path, backing }))),
    attach: async (file, { readOnly }, use) => {
      const path = `/dev/loop${loops.size}`;
      loops.set(path, identityOf(file));
      targets.set(path, { kind: 'block', path, device: `7:${(loops.size - 1).toString(16)}` });
      attached.push({ file, readOnly });
      await use(path).catch((error: unknown) => {
        loops.delete(path);
        throw error;
      });
      return path;
    },
    detach: (path) => {
      loops.delete(path);
      return Promise.resolve();
    },
  };
  const look = {
    target: (path: string) => Promise.resolve(targets.get(path) ?? null),
    mounts: () => Promise.resolve(mounts),
  };
  const vbd = (domid: number, devid: number, params: string, mode: string, kind = 'vbd'): BlockHotplug => {
    const backend = `/local/domain/0/backend/${kind}/${domid}/${devid}`;
    store.write(`/local/domain/${domid}/vm`, `/vm/${domid}`);
    store.write(`${backend}/params`, params);
    store.write(`${backend}/mode`, mode);
    store.write(`${backend}/dev`, `xvd${String.fromCharCode(97 + ((devid - 51712) >> 4))}`);
    store.write(`/local/domain/${domid}/name`, `guest-${domid}`);
    store.write(`${backend}/state`, '2');
    return { backend, store: ports.store, loops: devices, look };
  };
  const image = (path: string, inode: number, writable = true): void => {
    targets.set(path, { kind: 'file', path: '/real' + path, identity: `254:0:${inode}`, writable });
    targets.set('/real' + path, { kind: 'file', path: '/real' + path, identity: `254:0:${inode}`, writable });
  };
  image('/a.img', 1);
  image('/link-to-a.img', 1);
  image('/b.img', 2);
  image('/ro.img', 3, false);
  targets.set('/dev/vg/x', { kind: 'block', path: '/dev/dm-0', device: 'fd:0' });
  targets.set('/dev/vg/same', { kind: 'block', path: '/dev/dm-0', device: 'fd:0' });
  targets.set('/tmp', { kind: 'other', path: '/tmp' });
  return { store, vbd, loops, attached, mounts };
}

/** What a script that fails leaves in the backend, and throws. */
async function failure(hotplug: BlockHotplug): Promise<{
  status: string | null;
  error: string | null;
  code: string;
  message: string;
}> {
  const thrown: unknown = await addBlock(hotplug).then(
    () => null,
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(XlError);
  const [status, error] = await Promise.all(
    ['hotplug-status', 'hotplug-error'].map((key) => hotplug.store.read(`${hotplug.backend}/${key}`)),
  );
  const { code, message, messages } = thrown as XlError;
  expect(messages).toEqual([error]);
  return { status: status ?? null, error: error ?? null, code, message };
}

const keysOf = (host: ReturnType<typeof dom0>, { backend }: BlockHotplug): Record<string, string | null> =>
  Object.fromEntries(
    ['node', 'physical-device', 'physical-device-path', 'hotplug-status'].map((key) => [
      key,
      host.store.read(`${backend}/${key}`),
    ]),
  );

describe('block add', () => {
  test('tells blkback the number of a block device, in hex', async () => {
    const host = dom0();
    const disk = host.vbd(1, 51712, '/dev/vg/x', 'w');
    await addBlock(disk);
    expect(keysOf(host, disk)).toEqual({
      node: null,
      'physical-device': 'fd:0',
      'physical-device-path': '/dev/dm-0',
      'hotplug-status': 'connected',
    });
  });

  test('puts a file behind a loop device, and writes its nodes in the stock script’s order', async () => {
    const host = dom0();
    const disk = host.vbd(1, 51712, '/a.img', 'r');
    const order: string[] = [];
    host.store.observe((path) => order.push(path.slice(disk.backend.length + 1)));
    await addBlock(disk);
    expect(order).toEqual(['node', 'physical-device', 'physical-device-path', 'hotplug-status']);
    expect(keysOf(host, disk)).toMatchObject({ node: '/dev/loop0', 'physical-device': '7:0' });
    expect(host.attached).toEqual([{ file: '/real/a.img', readOnly: true }]);
  });

  test('does nothing the second time', async () => {
    const host = dom0();
    const disk = host.vbd(1, 51712, '/a.img', 'w');
    await addBlock(disk);
    await addBlock(disk);
    expect(host.attached).toHaveLength(1);
  });

  test('connects an empty drive without a device', async () => {
    const host = dom0();
    const disk = host.vbd(1, 5632, '', 'r');
    await addBlock(disk);
    expect(keysOf(host, disk)).toMatchObject({ 'physical-device': null, 'hotplug-status': 'connected' });
  });

  test.each<[string, string, string]>([
    ['a target that is not there', '/none.img', '/none.img does not exist.'],
    ['a directory', '/tmp', '/tmp is not a block device.'],
  ])('refuses %s', async (_, params, error) => {
    const host = dom0();
    expect(await failure(host.vbd(1, 51712, params, 'w'))).toEqual({
      status: 'error',
      error,
      message: error,
      code: 'hotplug-error',
    });
  });

  test('refuses to write a file that nobody may write', async () => {
    const host = dom0();
    expect(await failure(host.vbd(1, 51712, '/ro.img', 'w'))).toEqual({
      status: 'busy',
      error: 'File /real/ro.img is read-only, and so I will not\nmount it read-write in a guest domain.',
      message: 'File /real/ro.img is read-only, and so I will not mount it read-write in a guest domain.',
      code: 'hotplug-busy',
    });
  });

  test('takes no loop device for a backend that has given up meanwhile', async () => {
    const host = dom0();
    const disk = host.vbd(1, 51712, '/a.img', 'w');
    host.store.write(`${disk.backend}/state`, '5');
    expect((await failure(disk)).error).toBe(`Path closed or removed during hotplug add: ${disk.backend} state: 5`);
    expect(host.attached).toEqual([]);
  });

  test('gives the loop device back where its nodes cannot be written', async () => {
    const host = dom0();
    const disk = host.vbd(1, 51712, '/a.img', 'w');
    const store = {
      ...disk.store,
      write: (path: string, value: string) =>
        path.endsWith('/physical-device') ? Promise.reject(new Error('EQUOTA')) : disk.store.write(path, value),
    };
    await expect(addBlock({ ...disk, store })).rejects.toThrow('EQUOTA');
    expect(host.loops.size).toBe(0);
    expect(keysOf(host, disk)).toMatchObject({ node: null, 'hotplug-status': 'error' });
  });
});

describe('sharing', () => {
  const guest = 'guest domain,\nand so cannot be mounted';
  const rows: readonly [string, string, string, string, string, string | null][] = [
    ['one file for two writers', '/a.img', 'w', '/a.img', 'w', `in a ${guest} now.`],
    ['one file under two names', '/a.img', 'w', '/link-to-a.img', 'w', `in a ${guest} now.`],
    ['one file for a reader beside a writer', '/a.img', 'w', '/a.img', 'r', `read-write in a ${guest} read-only now.`],
    ['one file for a writer beside a reader', '/a.img', 'r', '/a.img', 'w', `in a ${guest} now.`],
    ['one device for two writers', '/dev/vg/x', 'w', '/dev/vg/same', 'w', `in a ${guest} now.`],
    ['one file for two readers', '/a.img', 'r', '/a.img', 'r', null],
    ['two files', '/a.img', 'w', '/b.img', 'w', null],
    ['one file for two writers who know better', '/a.img', 'w', '/a.img', 'w!', null],
  ];
  test.each(rows)('%s', async (_, first, firstMode, second, secondMode, refusal) => {
    const host = dom0();
    await addBlock(host.vbd(1, 51712, first, firstMode));
    const other = host.vbd(2, 51712, second, secondMode);
    if (refusal === null) return addBlock(other);
    const { status, error, code } = await failure(other);
    expect([status, code]).toEqual(['busy', 'hotplug-busy']);
    expect(error?.endsWith(refusal), error ?? '').toBe(true);
    expect(host.loops.size).toBeLessThanOrEqual(1);
  });

  test('is refused in the stock script’s words', async () => {
    const host = dom0();
    await addBlock(host.vbd(1, 51712, '/a.img', 'w'));
    expect((await failure(host.vbd(2, 51712, '/a.img', 'r'))).error).toBe(
      'File /real/a.img is loopback-mounted through /dev/loop0,\nwhich is mounted read-write in a guest domain,\nand so cannot be mounted read-only now.',
    );
    await addBlock(host.vbd(1, 51728, '/dev/vg/x', 'w'));
    expect((await failure(host.vbd(2, 51728, '/dev/vg/x', 'w'))).error).toBe(
      'Device /dev/dm-0 is mounted in a guest domain,\nand so cannot be mounted now.',
    );
  });

  test.each([
    ['w', 'r', '/real/a.img is in use: guest-1 (domain 1) has it as xvdb, read-write'],
    ['r', 'w', '/real/a.img is in use: guest-1 (domain 1) has it as xvdb, read-only'],
  ])('says to people whose it is (%s beside %s)', async (first, second, message) => {
    const host = dom0();
    await addBlock(host.vbd(1, 51728, '/a.img', first));
    expect((await failure(host.vbd(2, 51712, '/a.img', second))).message).toBe(message);
  });

  test('is refused within one guest too', async () => {
    const host = dom0();
    await addBlock(host.vbd(1, 51712, '/a.img', 'w'));
    expect((await failure(host.vbd(1, 51728, '/a.img', 'r'))).message).toBe(
      '/real/a.img is in use: guest-1 (domain 1) has it as xvda, read-write',
    );
  });

  test('is found where the other guest’s disk is in QEMU', async () => {
    const host = dom0();
    host.vbd(1, 51712, 'qcow2:/link-to-a.img', 'w', 'qdisk');
    expect(await failure(host.vbd(2, 51712, '/a.img', 'w'))).toMatchObject({
      status: 'busy',
      error: 'File /real/a.img is mounted in a guest domain,\nand so cannot be mounted now.',
    });
  });

  test.each<[string, string, boolean, string, string | null]>([
    [
      'written',
      '7:0',
      false,
      'r',
      'read-write in the privileged domain,\nand so cannot be mounted read-only by a guest.',
    ],
    ['read', '7:0', true, 'w', 'in the privileged domain,\nand so cannot be mounted by a guest.'],
    ['read', '7:0', true, 'r', null],
    ['elsewhere', '8:1', false, 'w', null],
  ])('of a file that domain 0 has mounted (%s, device %s)', async (_, device, readOnly, mode, refusal) => {
    const host = dom0();
    // The user's own loop device on the same file.
    await host.vbd(9, 1, '/a.img', 'r').loops.attach('/a.img', { readOnly: false }, () => Promise.resolve());
    host.mounts.push({ device, readOnly, point: '/mnt' });
    const disk = host.vbd(1, 51712, '/a.img', mode);
    if (refusal === null) return addBlock(disk);
    const { error, message } = await failure(disk);
    expect(error?.endsWith(refusal)).toBe(true);
    expect(message).toBe('/real/a.img is mounted on /mnt in this domain');
  });

  test('is no sharing between a stub domain and its guest, nor with a domain that is going', async () => {
    const host = dom0();
    await addBlock(host.vbd(1, 51712, '/a.img', 'w'));
    host.store.write('/local/domain/2/target', '1');
    await addBlock(host.vbd(2, 51712, '/a.img', 'w'));
    host.store.rm('/local/domain/1');
    host.store.rm('/local/domain/2');
    await addBlock(host.vbd(3, 51712, '/a.img', 'w'));
  });

  test.each([
    ['r', 'r'],
    ['ro', 'r'],
    ['w', 'w'],
    ['rw', 'w'],
    ['w!', '!'],
    ['', 'r'],
  ])('of mode %j is %s', (mode, canonical) => {
    expect(sharingMode(mode)).toBe(canonical);
  });
});

describe('block remove', () => {
  test('gives the loop device back, once', async () => {
    const host = dom0();
    const disk = host.vbd(1, 51712, '/a.img', 'w');
    await addBlock(disk);
    await removeBlock(disk);
    expect(host.loops.size).toBe(0);
    // Another takes the same device: a second `remove` must not take it away.
    await addBlock(host.vbd(2, 51712, '/b.img', 'w'));
    await removeBlock(disk);
    expect(host.loops.size).toBe(1);
  });

  test('leaves a loop device that another guest’s disk has got meanwhile', async () => {
    const host = dom0();
    const disk = host.vbd(1, 51712, '/a.img', 'w');
    await addBlock(host.vbd(2, 51712, '/b.img', 'w'));
    // What is left of a command that was killed before the device was its own.
    host.store.write(`${disk.backend}/node`, '/dev/loop0');
    await removeBlock(disk);
    expect(host.loops.size).toBe(1);
    expect(host.store.read(`${disk.backend}/node`)).toBeNull();
  });

  test('gives back the loop device of a name that leads to another file by now', async () => {
    const host = dom0();
    const disk = host.vbd(1, 51712, '/link-to-a.img', 'w');
    await addBlock(disk);
    host.store.write(`${disk.backend}/params`, '/b.img');
    await removeBlock(disk);
    expect(host.loops.size).toBe(0);
  });

  test.each(['/dev/sda', '/dev/loop0/../sda', '', '/dev/loop'])('never detaches %j', async (node) => {
    const host = dom0();
    const disk = host.vbd(1, 51712, '/a.img', 'w');
    host.store.write(`${disk.backend}/node`, node);
    const loops = { ...disk.loops, detach: () => Promise.reject(new Error('detached')) };
    await removeBlock({ ...disk, loops });
  });
});

describe('losetup', () => {
  test('is read with numbers as texts or as numbers, and with none at all', () => {
    const text = (inode: unknown, device: string): string =>
      JSON.stringify({ loopdevices: [{ name: '/dev/loop3', 'back-ino': inode, 'back-maj:min': device }] });
    const expected = [{ path: '/dev/loop3', backing: '254:0:2154735' }];
    expect(parseLosetup(text(2154735, '     254:0  '))).toEqual(expected);
    expect(parseLosetup(text('2154735', '254:0'))).toEqual(expected);
    expect(parseLosetup('')).toEqual([]);
    expect(parseLosetup('{"loopdevices": []}')).toEqual([]);
  });

  test('takes and finds a device in one call, and detaches only what is attached', async () => {
    const calls: string[] = [];
    const loops = losetupDevices((words) => {
      calls.push(words.join(' '));
      if (words[0] === '--find') return Promise.resolve('/dev/loop5\n');
      return Promise.resolve('{"loopdevices":[{"name":"/dev/loop5","back-ino":1,"back-maj:min":"1:1"}]}');
    });
    expect(await loops.attach('-odd name', { readOnly: true }, () => Promise.resolve())).toBe('/dev/loop5');
    await loops.detach('/dev/loop5');
    await loops.detach('/dev/loop6');
    expect(calls.filter((call) => !call.startsWith('--list'))).toEqual([
      '--find --show --read-only -- -odd name',
      '--detach /dev/loop5',
    ]);
  });

  test('gives a device back where it is of no use', async () => {
    const calls: string[] = [];
    const loops = losetupDevices((words) => {
      calls.push(words[0]!);
      if (words[0] === '--find') return Promise.resolve('/dev/loop5\n');
      return Promise.resolve('{"loopdevices":[{"name":"/dev/loop5","back-ino":1,"back-maj:min":"1:1"}]}');
    });
    const attaching = loops.attach('a.img', { readOnly: false }, () => Promise.reject(new Error('of no use')));
    await expect(attaching).rejects.toThrow('of no use');
    expect(calls).toEqual(['--find', '--list', '--detach']);
  });
});

describe('a look at this machine', () => {
  test('gives a file the identity that losetup gives it', async () => {
    const path = `${await temporaryDirectory()}/image`;
    await writeFile(path, '');
    const device = execFileSync('stat', ['-c', '%Hd:%Ld:%i', path], { encoding: 'utf8' }).trim();
    expect(await realBlockLook.target(path)).toEqual({ kind: 'file', path, identity: device, writable: true });
  });

  test('sees devices, directories and nothing', async () => {
    expect(await realBlockLook.target('/dev/null')).toEqual({ kind: 'other', path: '/dev/null' });
    expect(await realBlockLook.target('/tmp')).toMatchObject({ kind: 'other' });
    expect(await realBlockLook.target('/none')).toBeNull();
  });

  test('lists mounts by device number', async () => {
    for (const { device } of await realBlockLook.mounts()) expect(device).toMatch(/^[0-9a-f]+:[0-9a-f]+$/);
  });
});

test.each<[readonly string[], string]>([
  [[], 'backend/vbd/1/51712'],
  [['online'], 'backend/vbd/1/51712'],
  [['add', 'more'], 'backend/vbd/1/51712'],
  [['add'], ''],
  [['add'], 'backend/vbd/1/../2/51712'],
  [['remove'], '/local/domain/0/name'],
])('a call that is no hotplug event is refused: block %j, XENBUS_PATH=%j', async (words, path) => {
  const { ports } = memoryHost();
  await expect(blockScript(words, { XENBUS_PATH: path }, ports.store)).rejects.toMatchObject({ code: 'hotplug-usage' });
});

describe('the script', () => {
  /** Runs hotplug/block with something else than the bundled xl behind it. */
  async function runScript(body: string, words: readonly string[] = ['add']) {
    const directory = await temporaryDirectory();
    await writeFile(`${directory}/xl.sh`, body);
    const env = {
      ...process.env,
      XL_TS: `${directory}/xl.sh`,
      XL_TS_NODE: '/bin/sh',
      XL_TS_HOTPLUG_LOCKS: `${directory}/locks`,
      DIRECTORY: directory,
      XENBUS_PATH: 'backend/vbd/1/51712',
    };
    const outcome = spawnSync(script, words, { env, encoding: 'utf8', timeout: 20_000 });
    return { ...outcome, directory };
  }

  test('hands its words and its environment on, and ends with the same status', async () => {
    const { status, stdout } = await runScript('echo "$@" "$XENBUS_PATH"; exit 7', ['remove']);
    expect([status, stdout]).toEqual([7, 'hotplug block remove backend/vbd/1/51712\n']);
  });

  test('holds the stock scripts’ lock meanwhile, and removes its file as they do', async () => {
    const { stdout, directory } = await runScript(
      'flock -n -x "$DIRECTORY/locks/block" true && echo free || echo held',
    );
    expect(stdout).toBe('held\n');
    expect(existsSync(`${directory}/locks/block`)).toBe(false);
  });

  test('lets one at a time to work, however many are called', async () => {
    const directory = await temporaryDirectory();
    const body = 'n=$(cat "$DIRECTORY/n"); sleep 0.02; echo $((n + 1)) > "$DIRECTORY/n"';
    await writeFile(`${directory}/xl.sh`, body);
    await writeFile(`${directory}/n`, '0');
    const env = {
      ...process.env,
      XL_TS: `${directory}/xl.sh`,
      XL_TS_NODE: '/bin/sh',
      XL_TS_HOTPLUG_LOCKS: `${directory}/locks`,
      DIRECTORY: directory,
    };
    const many = `i=0; while [ $i -lt 8 ]; do '${script}' add & i=$((i + 1)); done; wait`;
    execFileSync('/bin/sh', ['-c', many], { env, timeout: 20_000 });
    expect((await readFile(`${directory}/n`, 'utf8')).trim()).toBe('8');
  });

  test('is clean by shellcheck', () => {
    const outcome = spawnSync('shellcheck', [script], { encoding: 'utf8' });
    if (outcome.error) {
      console.log('skipped: shellcheck is not installed (Debian: shellcheck)');
      return;
    }
    expect(outcome.stdout).toBe('');
    expect(outcome.status).toBe(0);
  });
});
