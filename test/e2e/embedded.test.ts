import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Session } from './session.ts';

const PROJECT = join(import.meta.dirname, '..', '..');
const ROOT_IMAGE = join(PROJECT, '.cache', 'guest', 'root.img');
const ready = existsSync(ROOT_IMAGE) && existsSync(join(PROJECT, 'dist', 'xl.cjs'));
if (!ready) console.warn('skipped: the example guest or the build is missing; run `npm run setup` and `npm run build`');

/** Booting an emulated machine twice on a busy machine takes its time. */
const PATIENCE = 240_000;

describe.runIf(ready)('a guest on the embedded host', () => {
  let session: Session;
  beforeEach(async () => {
    session = await Session.open();
  });
  afterEach(() => session.close());

  /** The example with a root image of its own, so that tests can run side by side. */
  async function example(name: string): Promise<string> {
    const image = join(session.directory, 'root.img');
    await copyFile(ROOT_IMAGE, image);
    const text = await readFile(join(PROJECT, 'examples', `${name}.cfg`), 'utf8');
    const path = join(session.directory, `${name}.cfg`);
    await writeFile(path, text.replaceAll('.cache/guest/root.img', image));
    return path;
  }

  async function image(name: string, format: 'raw' | 'qcow2', size: string): Promise<string> {
    const path = join(session.directory, name);
    execFileSync('qemu-img', ['create', '-q', '-f', format, path, size]);
    return Promise.resolve(path);
  }

  test.each([
    { config: 'hello-pvh', domain: 'hello' },
    { config: 'hello-hvm', domain: 'hello-hvm' },
  ])(
    '$config boots, sees disks come and go, and leaves nothing behind',
    async ({ config, domain }) => {
      const cfg = await example(config);
      await session.ok('list');
      const nodesBefore = await session.nodes();
      expect(nodesBefore).toContain('/local/domain/0/name');
      const filesBefore = await session.files();

      await session.ok('create', '-q', cfg);
      const console = session.console(domain);
      await console.heard('guest: ready');
      expect(await session.ok('list')).toMatch(new RegExp(`^${domain} +\\d+ +128 +1 `, 'm'));
      expect(await session.machines()).toHaveLength(1);

      const raw = await image('extra.img', 'raw', '32M');
      await session.ok('block-attach', domain, `${raw},raw,xvdb,rw`);
      await console.heard('guest: disk xvdb (32 MiB) appeared');
      const qcow2 = await image('extra.qcow2', 'qcow2', '48M');
      await session.ok('block-attach', domain, `${qcow2},qcow2,xvdc,rw`);
      await console.heard('guest: disk xvdc (48 MiB) appeared');
      const partitions = console.type('cat /proc/partitions');
      await console.heard(/\s32768 /, { from: partitions });
      await console.heard(/\s49152 /, { from: partitions });
      expect((await session.ok('block-list', domain)).trim().split('\n')).toHaveLength(config === 'hello-pvh' ? 4 : 5);

      if (config === 'hello-hvm') {
        const refused = await session.xl('block-detach', domain, 'hda');
        expect(refused.status).toBe(1);
        expect(refused.stderr).toContain('part of the emulated machine');
      }
      await session.ok('block-detach', domain, 'xvdb');
      await console.heard('guest: disk xvdb (32 MiB) is gone');
      const without = console.type('cat /proc/partitions; echo that was all');
      const end = await console.heard(/^that was all/m, { from: without });
      expect(console.text.slice(without, end)).not.toMatch(/\s32768 /);

      await session.ok('destroy', domain);
      expect(await session.machines()).toEqual([]);
      expect(await session.nodes()).toEqual(nodesBefore);
      expect(await session.files()).toEqual(filesBefore);
      expect((await session.xl('domid', domain)).status).toBe(1);
    },
    PATIENCE,
  );
});
