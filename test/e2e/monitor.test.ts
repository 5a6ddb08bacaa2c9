import { existsSync } from 'node:fs';
import { copyFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Session } from './session.ts';

const PROJECT = join(import.meta.dirname, '..', '..');
const ROOT_IMAGE = join(PROJECT, '.cache', 'guest', 'root.img');
const ready = existsSync(ROOT_IMAGE) && existsSync(join(PROJECT, 'dist', 'xl.cjs'));
if (!ready) console.warn('skipped: the example guest or the build is missing; run `npm run setup` and `npm run build`');

const PATIENCE = 240_000;

describe.runIf(ready)('the monitor of a guest on the embedded host', () => {
  let session: Session;
  beforeEach(async () => {
    session = await Session.open();
  });
  afterEach(() => session.close());

  async function example(): Promise<string> {
    const image = join(session.directory, 'root.img');
    await copyFile(ROOT_IMAGE, image);
    const text = await readFile(join(PROJECT, 'examples', 'hello-pvh.cfg'), 'utf8');
    const path = join(session.directory, 'hello.cfg');
    await writeFile(path, text.replaceAll('.cache/guest/root.img', image));
    return path;
  }

  const log = () => readFile(join(session.stateDirectory, 'log', 'xl-hello.log'), 'utf8');
  const until = (holds: () => Promise<unknown>) => expect.poll(holds, { timeout: PATIENCE, interval: 100 });

  async function monitorPid(): Promise<number> {
    const names = (await readdir(session.stateDirectory)).filter((name) => /^monitor-.*\.json$/.test(name));
    expect(names).toHaveLength(1);
    const note = JSON.parse(await readFile(join(session.stateDirectory, names[0]!), 'utf8')) as { pid: number };
    return note.pid;
  }

  test(
    'makes it again when it reboots; killed, it is missed, and another takes over; it ends with the guest',
    async () => {
      await session.ok('list');
      const files = await session.files();
      const nodes = await session.nodes();
      await session.ok('create', '-q', await example());
      const [{ uuid }] = JSON.parse(await session.ok('--json', 'list')) as [{ uuid: string }];
      await session.console('hello').heard('guest: ready');
      await session.ok('reboot', 'hello');
      await until(async () => (await session.xl('domid', 'hello')).stdout).toBe('2\n');
      await session.console('hello').heard('guest: ready');
      expect(JSON.parse(await session.ok('--json', 'list'))).toMatchObject([{ domid: 2, uuid }]);
      expect(await log()).toContain('Action for shutdown reason code 1 is restart\n');

      expect((await session.xl('list')).stderr).not.toContain('monitor');
      const first = await monitorPid();
      process.kill(first, 'SIGKILL');
      await until(async () => (await session.xl('list')).stderr).toContain(
        `nobody looks after hello (domain 2): its monitor, process ${first}, has died`,
      );
      await session.ok('monitor', 'hello');
      expect((await session.xl('list')).stderr).not.toContain('monitor');
      const second = await session.xl('monitor', 'hello');
      expect(second.status).toBe(1);
      expect(second.stderr).toContain(`process ${await monitorPid()} looks after the domain already`);

      await session.ok('shutdown', '-ww', 'hello');
      await until(() => session.files()).toEqual(files);
      expect(await session.nodes()).toEqual(nodes);
      expect((await log()).trimEnd().split('\n').at(-1)).toBe('Done. Exiting now');
    },
    PATIENCE,
  );

  test(
    'is gone with the guest that is destroyed, is not started with -e, and is the command itself with -F',
    async () => {
      await session.ok('list');
      const files = await session.files();
      const config = await example();
      await session.ok('create', '-q', '-p', config);
      await monitorPid();
      await session.ok('destroy', 'hello');
      expect(await session.files()).toEqual(files);

      await session.ok('create', '-q', '-p', '-e', config);
      expect((await readdir(session.stateDirectory)).filter((name) => name.startsWith('monitor-'))).toEqual([]);
      await session.ok('destroy', 'hello');

      const foreground = session.start('create', '-q', '-p', '-F', config);
      let said = '';
      foreground.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
      await expect.poll(() => said, { timeout: PATIENCE }).toContain('Waiting for domain hello (domid 3) to die');
      expect(await monitorPid()).toBe(foreground.pid);
      const ended = new Promise((resolve) => foreground.once('exit', resolve));
      await session.ok('destroy', 'hello');
      expect(await ended).toBe(0);
      expect(await session.files()).toEqual(files);
    },
    PATIENCE,
  );
});
