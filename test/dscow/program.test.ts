import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, stat, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NbdClient } from '../../lib/host/nbd/client.ts';

const PROGRAM = join(import.meta.dirname, '..', '..', 'dist', 'xl.cjs');
const run = promisify(execFile);
const ready = existsSync(PROGRAM);
if (!ready) console.warn('skipped: the build is missing; run `npm run build`');
const PATIENCE = 120_000;

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'xl-dscow-'));
  await writeFile(at('base.img'), Buffer.alloc(4 * 1024 * 1024, 'what the base says '));
});
afterEach(async () => {
  for (const { name } of await list()) await xl('dscow', 'detach', name);
  await rm(directory, { recursive: true, force: true });
});

const at = (name: string): string => join(directory, name);
const environment = () => ({ ...process.env, XL_STATE_DIR: at('state'), NO_COLOR: '1' });

async function call(program: string, words: string[]) {
  try {
    const { stdout, stderr } = await run(process.execPath, [program, ...words], { env: environment() });
    return { status: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { status: code, stdout, stderr };
  }
}
const xl = (...words: string[]) => call(PROGRAM, words);

async function ok(...words: string[]): Promise<string> {
  const { status, stdout, stderr } = await xl(...words);
  if (status !== 0) throw new Error(`xl ${words.join(' ')} ended with ${status}\n${stderr}`);
  return stdout;
}

const list = async () =>
  JSON.parse(await ok('dscow', 'list', '--json')) as { name: string; pid: number; users: number[] }[];
const identical = async (one: string, other: string) => (await run('qemu-img', ['compare', one, other])).stdout;
const changes = async (file: string) =>
  (JSON.parse(await ok('dscow', 'info', '--json', file)) as { changedBlocks: number }).changedBlocks;

/** An overlay with some changes. */
async function changed(name = 'x.dscow'): Promise<string> {
  const file = at(name);
  await ok('dscow', 'create', file, at('base.img'));
  const socket = (await ok('dscow', 'serve', file)).trim();
  const client = await NbdClient.connect(socket, '');
  await client.write(new Uint8Array(100_000).fill(0x5a), 1_000_000);
  await client.writeZeroes(3_000_000, 70_000);
  await client.close();
  await ok('dscow', 'detach', name.replace('.dscow', ''));
  return file;
}

describe.runIf(ready)('xl dscow', () => {
  test(
    'converts to raw and qcow2 and back, commits, resets: the disk stays the same',
    { timeout: PATIENCE },
    async () => {
      const file = await changed();
      expect(await changes(file)).toBe(4);
      expect(JSON.parse(await ok('dscow', 'map', '--json', file))).toContainEqual({
        offset: 983_040,
        length: 131_072,
        from: 'overlay',
      });
      await ok('dscow', 'convert', file, at('a.raw'));
      await ok('dscow', 'convert', '-O', 'qcow2', file, at('b.qcow2'));
      expect(await identical(at('a.raw'), at('b.qcow2'))).toContain('identical');
      await ok('dscow', 'convert', '-O', 'dscow', at('b.qcow2'), at('c.dscow'));
      await ok('dscow', 'commit', '--into', at('d.raw'), at('c.dscow'));
      expect(await identical(at('a.raw'), at('d.raw'))).toContain('identical');
      await rm(at('c.dscow'));

      await ok('dscow', 'commit', file);
      expect(await identical(at('a.raw'), at('base.img'))).toContain('identical');
      expect(await changes(file)).toBe(0);
      expect((await xl('dscow', 'check', file)).status).toBe(0);
    },
  );

  test('reset drops the changes, and refuses while the overlay is served', { timeout: PATIENCE }, async () => {
    const file = await changed();
    await ok('dscow', 'serve', file);
    expect((await xl('dscow', 'reset', file)).stderr).toMatch(/x\.dscow is in use by process \d+/);
    const { pid } = (await list())[0]!;
    expect(pid).toBeGreaterThan(0);
    await ok('dscow', 'detach', 'x');
    await ok('dscow', 'reset', file);
    expect(await changes(file)).toBe(0);
    expect((await readdir(directory)).filter((name) => name.includes('.lock') || name.includes('.new'))).toEqual([]);
  });

  test('a base that changed is refused, one that only moved is taken', { timeout: PATIENCE }, async () => {
    const file = await changed();
    await utimes(at('base.img'), 1, 1);
    const refused = await xl('dscow', 'serve', file);
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain('--force-base');
    expect((await xl('dscow', 'check', file)).stdout).toContain('it was written last at');
    await ok('dscow', 'rebase', file, at('base.img'));
    await writeFile(at('other.img'), new Uint8Array(4 * 1024 * 1024));
    expect((await xl('dscow', 'rebase', file, at('other.img'))).stderr).toContain('is not the image that');
    expect((await xl('dscow', 'check', file)).status).toBe(0);
  });

  test('says of a file that it is none', async () => {
    expect((await xl('dscow', 'info', at('base.img'))).stderr.replace(/\s+/g, ' ')).toContain(
      'is not a dscow v2 file (the 2006 format is undocumented and cannot be read)',
    );
    await run('qemu-img', ['create', '-q', '-f', 'qcow2', at('q.qcow2'), '1M']);
    expect((await xl('dscow', 'create', at('y.dscow'), at('q.qcow2'))).stderr).toContain('qcow2 image');
  });

  test('understands the commands of 2006', { timeout: PATIENCE }, async () => {
    await symlink(PROGRAM, at('dscow_tool'));
    await symlink(PROGRAM, at('cowd'));
    await writeFile(at('windowsbase.img'), '');
    await truncate(at('windowsbase.img'), 3_221_225_472);
    expect((await call(at('dscow_tool'), ['-c', at('windowsbase.dscow'), at('windowsbase.img')])).status).toBe(0);
    expect((await stat(at('windowsbase.dscow'))).blocks * 512).toBeLessThan(65_536);
    const swallowed = await call(at('cowd'), ['-p', '--sync=a', 'dscow', 'windowsbase', at('windowsbase.dscow')]);
    expect(swallowed).toMatchObject({ status: 2 });
    expect(swallowed.stderr).toContain('-p took "--sync=a" for the plugin');
  });

  test('a server that is killed under load loses nothing that was flushed', { timeout: PATIENCE }, async () => {
    const file = at('k.dscow');
    await ok('dscow', 'create', file, at('base.img'));
    const flushed = new Uint8Array(512);
    for (let round = 1; round <= 4; round++) {
      const socket = (await ok('dscow', 'serve', file)).trim();
      const { pid } = (await list()).find(({ name }) => name === 'k')!;
      const client = await NbdClient.connect(socket, 'k');
      const content = new Uint8Array(4096);
      for (let sector = 0; sector < flushed.length; sector++) {
        await client.read(content, sector * 8192);
        // A write that was not flushed may be there or not; one that was must be.
        if (flushed[sector]! > 0) expect([flushed[sector], 100 + round - 1]).toContain(content[0]);
      }
      const load: Promise<void>[] = [];
      for (let step = 0; step < 300; step++) {
        const sector = (step * 37) % flushed.length;
        if (step < 200) {
          await client.write(content.fill(round), sector * 8192);
          flushed[sector] = round;
          if (step === 199) await client.flush();
        } else load.push(client.write(new Uint8Array(4096).fill(100 + round), sector * 8192));
      }
      process.kill(pid, 'SIGKILL');
      await Promise.allSettled(load);
      await client.close();
    }
    expect((await xl('dscow', 'check', file)).status).toBe(0);
    expect(await ok('dscow', 'info', file)).toContain('was not closed the last time');
  });

  test('serves a disk of 5 TiB in little memory', { timeout: PATIENCE }, async () => {
    await writeFile(at('big.img'), '');
    await truncate(at('big.img'), 5_497_558_138_880);
    await ok('dscow', 'create', '-b', '4096', at('big.dscow'), at('big.img'));
    const socket = (await ok('dscow', 'serve', at('big.dscow'))).trim();
    const { pid } = (await list())[0]!;
    const client = await NbdClient.connect(socket, 'big');
    const data = new Uint8Array(1024 * 1024).fill(1);
    for (let lap = 0; lap < 4; lap++) {
      await Promise.all(
        Array.from({ length: 16 }, (_, index) => client.write(data, (lap * 16 + index) * 17_000_000_000)),
      );
      await Promise.all(
        Array.from({ length: 16 }, (_, index) => client.read(new Uint8Array(data.length), index * 17_000_000_000)),
      );
    }
    await client.close();
    const { stdout } = await run('ps', ['-o', 'rss=', '-p', String(pid)]);
    expect(Number(stdout) / 1024).toBeLessThan(160);
  });
});
