import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, open, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createOverlay } from '../../lib/host/dscow/create.ts';
import { exportOf } from '../../lib/host/dscow/export.ts';
import { openOverlay, type OpenedOverlay } from '../../lib/host/dscow/open.ts';
import { NbdClient } from '../../lib/host/nbd/client.ts';
import { NbdServer } from '../../lib/host/nbd/server.ts';

const run = promisify(execFile);
const hasLibnbd = existsSync('/usr/bin/nbdcopy');
if (!hasLibnbd) console.warn('nbdinfo and nbdcopy left out: libnbd-bin is not installed (npm run setup test)');

let directory: string;
let opened: OpenedOverlay | null = null;
let server: NbdServer | null = null;
const log: string[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'xl-nbd-'));
  log.length = 0;
});
afterEach(async () => {
  await server?.close();
  await opened?.close();
  [server, opened] = [null, null];
  await rm(directory, { recursive: true });
});

const at = (name: string): string => join(directory, name);

/** An overlay over a base of this size, whose first MiB has a pattern, served; the URI for clients. */
async function serve(size: number, { readOnly = false, blockBits = 16 } = {}): Promise<string> {
  await writeFile(at('base'), new Uint8Array(0));
  await truncate(at('base'), size);
  const file = await open(at('base'), 'r+');
  await file.write(new Uint8Array(Math.min(size, 1024 * 1024)).fill(0x11), 0);
  await file.close();
  await createOverlay(at('cow'), at('base'), { blockBits });
  opened = await openOverlay(at('cow'), { readOnly, forceBase: false });
  server = await NbdServer.listen({
    path: at('s'),
    exports: [exportOf(opened.overlay, 'disk')],
    log: (line) => log.push(line),
  });
  return `nbd+unix:///disk?socket=${at('s')}`;
}

const qemuIo = (uri: string, ...commands: string[]) =>
  run('qemu-io', ['-f', 'raw', ...commands.flatMap((command) => ['-c', command]), uri]);

describe('qemu-io', () => {
  test.each([
    { size: 2_147_483_647, blockBits: 16 },
    { size: 2_147_483_648, blockBits: 12 },
    { size: 3_221_225_472, blockBits: 21 },
    { size: 4_096_000_000, blockBits: 16 },
    { size: 5_497_558_138_880, blockBits: 16 },
    { size: 5_497_558_138_880, blockBits: 12 },
  ])('reads back what it writes at both ends of $size bytes, blocks of 2^$blockBits', async ({ size, blockBits }) => {
    const uri = await serve(size, { blockBits });
    const last = Math.floor(size / 512) * 512 - 70_144;
    const { stdout } = await qemuIo(
      uri,
      'read -P 0x11 0 1M',
      'write -P 0x22 65000 300000',
      `write -P 0x33 ${last} 70144`,
      'write -z 700000 100000',
      'flush',
      'read -P 0x11 0 65000',
      'read -P 0x22 65000 300000',
      'read -P 0x11 365000 200000',
      'read -P 0 700000 100000',
      `read -P 0x33 ${last} 70144`,
    );
    expect(stdout).not.toMatch(/Pattern verification failed/);
    expect((await stat(at('cow'))).blocks * 512).toBeLessThan(8 * 1024 * 1024);
  });

  test('is refused what lies behind the end, and writes to what is read-only', async () => {
    const uri = await serve(1024 * 1024, { readOnly: true });
    await expect(qemuIo(uri, 'write 0 512')).rejects.toThrow();
    await expect(run('qemu-io', ['-r', '-f', 'raw', '-c', 'read 1M 512', uri])).rejects.toThrow();
    expect((await run('qemu-io', ['-r', '-f', 'raw', '-c', 'read -P 0x11 0 512', uri])).stdout).not.toMatch(/failed/);
  });
});

test('many clients at once see one disk', async () => {
  const uri = await serve(64 * 1024 * 1024);
  await Promise.all(
    Array.from({ length: 8 }, (_, index) =>
      qemuIo(
        uri,
        `write -P ${index + 1} ${index * 100_000} 100000`,
        'flush',
        `read -P ${index + 1} ${index * 100_000} 100000`,
      ),
    ),
  );
  const { stdout } = await qemuIo(
    uri,
    ...Array.from({ length: 8 }, (_, i) => `read -P ${i + 1} ${i * 100_000} 100000`),
  );
  expect(stdout).not.toMatch(/failed/);
  expect(log).toEqual([]);
});

test('qemu-img sees the same disk as the overlay written out', async () => {
  const uri = await serve(16 * 1024 * 1024);
  await qemuIo(uri, 'write -P 7 3000000 500000');
  await run('qemu-img', ['convert', '-O', 'raw', uri, at('out.img')]);
  const { stdout } = await run('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', uri, at('out.img')]);
  expect(stdout).toContain('identical');
});

describe.runIf(hasLibnbd)('libnbd', () => {
  test('knows the export and where its changes are', async () => {
    const uri = await serve(16 * 1024 * 1024);
    await qemuIo(uri, 'write 1M 64k', 'write 4M 128k');
    const info = JSON.parse((await run('nbdinfo', ['--json', uri])).stdout) as { exports: Record<string, unknown>[] };
    expect(info.exports[0]).toMatchObject({
      'export-name': 'disk',
      'export-size': 16 * 1024 * 1024,
      can_multi_conn: true,
      can_fua: true,
      can_flush: true,
      can_zero: true,
      can_trim: false,
    });
    expect((await run('nbdinfo', ['--list', uri])).stdout).toContain('export="disk"');
    const map = JSON.parse((await run('nbdinfo', ['--json', '--map=qemu:allocation-depth', uri])).stdout) as {
      offset: number;
      length: number;
      type: number;
    }[];
    const changed = map.filter(({ type }) => type === 1).map(({ offset, length }) => [offset, length]);
    expect(changed).toEqual([
      [1024 * 1024, 65_536],
      [4 * 1024 * 1024, 131_072],
    ]);
  });

  test('copies out and in over several connections', async () => {
    const uri = await serve(32 * 1024 * 1024);
    const content = Buffer.alloc(32 * 1024 * 1024, 'content of this disk, ');
    await writeFile(at('in.img'), content);
    await run('nbdcopy', ['--connections=4', '--flush', at('in.img'), uri]);
    await run('nbdcopy', ['--connections=4', uri, at('out.img')]);
    execFileSync('cmp', [at('in.img'), at('out.img')]);
    expect(log).toEqual([]);
  });
});

describe('our client', () => {
  test('reads, writes and zeroes, many at once', async () => {
    await serve(8 * 1024 * 1024);
    const client = await NbdClient.connect(at('s'), 'disk');
    expect(client.info.size).toBe(8 * 1024 * 1024);
    await Promise.all(
      Array.from({ length: 100 }, (_, index) => client.write(new Uint8Array(1000).fill(index), index * 1000, 1)),
    );
    await client.writeZeroes(50_000, 1000);
    await client.flush();
    const bytes = new Uint8Array(100_000);
    await client.read(bytes, 0);
    expect(
      bytes.every((byte, index) => byte === (index >= 50_000 && index < 51_000 ? 0 : Math.floor(index / 1000))),
    ).toBe(true);
    // Larger than the pieces in which the server works; with simple replies it goes out as one.
    const large = new Uint8Array(5 * 1024 * 1024 + 17).fill(9);
    await client.write(large, 123);
    const back = new Uint8Array(large.length);
    await Promise.all([client.read(back, 123), client.read(bytes, 0)]);
    expect(Buffer.compare(back, large)).toBe(0);
    await client.close();
  });

  test('is told what cannot be', async () => {
    await serve(1024 * 1024);
    await expect(NbdClient.connect(at('s'), 'other')).rejects.toMatchObject({ code: 'nbd-refused' });
    await expect(NbdClient.connect(at('nothing'), '')).rejects.toMatchObject({ code: 'nbd-unreachable' });
    const client = await NbdClient.connect(at('s'), '');
    await expect(client.read(new Uint8Array(512), 1024 * 1024)).rejects.toThrow('error 22');
    await expect(client.write(new Uint8Array(512), 1024 * 1024)).rejects.toThrow('error 28');
    await client.read(new Uint8Array(512), 0);
    await client.close();
  });
});

test('the socket is for its owner alone, and goes with the server', async () => {
  await serve(1024 * 1024);
  expect((await stat(at('s'))).mode & 0o777).toBe(0o600);
  await server?.close();
  server = null;
  expect(existsSync(at('s'))).toBe(false);
});

test('a client that talks nonsense is sent away, and harms nobody', async () => {
  const uri = await serve(1024 * 1024);
  for (const nonsense of [Buffer.alloc(100_000, 0xff), Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.alloc(3)]) {
    const socket = connect(at('s'));
    socket.on('error', () => undefined);
    socket.end(nonsense);
    await new Promise((resolve) => socket.resume().once('close', resolve));
  }
  await qemuIo(uri, 'write -P 5 0 4096', 'read -P 5 0 4096');
});

test('a client that goes in the middle of a write leaves nothing half done behind', async () => {
  const uri = await serve(1024 * 1024);
  const client = await NbdClient.connect(at('s'), 'disk');
  const cut = client.write(new Uint8Array(512 * 1024).fill(3), 0);
  cut.catch(() => undefined);
  await client.close();
  await qemuIo(uri, 'write -P 6 0 4096', 'read -P 6 0 4096');
  await server?.close();
  server = null;
  await opened?.close();
  opened = null;
  expect((await stat(at('cow'))).size).toBeGreaterThan(0);
});
