import { existsSync } from 'node:fs';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Session } from './session.ts';

const PROJECT = join(import.meta.dirname, '..', '..');
const ROOT_IMAGE = join(PROJECT, '.cache', 'guest', 'root.img');
const ready = existsSync(ROOT_IMAGE) && existsSync(join(PROJECT, 'dist', 'xl.cjs'));
if (!ready) console.warn('skipped: the example guest or the build is missing; run `npm run setup` and `npm run build`');

const PATIENCE = 240_000;

describe.runIf(ready)('on the embedded host', () => {
  let session: Session;
  beforeEach(async () => {
    session = await Session.open();
  });
  afterEach(() => session.close());

  /** The example with a root image of its own, and with another name where one is given. */
  async function example(kind: 'pvh' | 'hvm', name?: string): Promise<string> {
    const id = name ?? kind;
    const image = join(session.directory, `${id}.img`);
    await copyFile(ROOT_IMAGE, image);
    const text = await readFile(join(PROJECT, 'examples', `hello-${kind}.cfg`), 'utf8');
    const path = join(session.directory, `${id}.cfg`);
    const own = text.replaceAll('.cache/guest/root.img', image);
    await writeFile(path, name === undefined ? own : own.replace(/^name .*$/m, `name = "${name}"`));
    return path;
  }

  test(
    'a guest ends in good order when it is asked to, and its end says how',
    async () => {
      await session.ok('list');
      const before = await session.nodes();
      await session.ok('create', '-q', await example('pvh'));
      await session.ok('create', '-q', await example('pvh', 'second'), 'on_reboot="destroy"');
      await session.console('hello').heard('guest: ready');
      const domid = (await session.ok('domid', 'hello')).trim();
      const { status, stderr } = await session.xl('shutdown', '-w', 'hello');
      expect(status).toBe(0);
      expect(stderr).toContain(`Shutting down domain ${domid}\n`);
      expect(stderr).toContain('Waiting for 1 domains\n');
      expect(stderr).toMatch(new RegExp(`^Domain ${domid} has been (shut down, reason code 0|destroyed)$`, 'm'));

      await session.console('second').heard('guest: ready');
      const ends: unknown = JSON.parse(await session.ok('--json', 'reboot', '-a', '-ww'));
      expect(ends).toEqual([{ domid: Number(domid) + 1, state: 'destroyed' }]);
      expect(await session.nodes()).toEqual(before);
      expect(await readFile(join(session.stateDirectory, 'log', 'daemon.log'), 'utf8')).toMatch(
        /\(second\) has ended: reboot/,
      );
    },
    PATIENCE,
  );

  test(
    'a guest without PV drivers ends by its power button, and only with -F',
    async () => {
      await session.ok('create', '-q', await example('hvm'));
      await session.console('hello-hvm').heard('guest: ready');
      const refused = await session.xl('shutdown', 'hello-hvm');
      expect(refused.status).toBe(1);
      expect(refused.stderr).toContain(
        'PV control interface not available: external graceful shutdown not possible.\n',
      );
      expect(refused.stderr).toContain('shutdown failed (rc=-10)');
      expect(refused.stderr).toContain('Use "-F" to fallback to ACPI power event.');
      const { status, stderr } = await session.xl('shutdown', '-F', '-w', 'hello-hvm');
      expect(status).toBe(0);
      expect(stderr).toContain('PV control interface not available: sending ACPI power button event.\n');
    },
    PATIENCE,
  );

  test(
    'all guests are asked, also where one of them cannot be; a dry run asks none',
    async () => {
      // Paused guests: the request waits for them in their machine.
      await session.ok('create', '-q', '-p', await example('hvm'));
      await session.ok('create', '-q', '-p', await example('pvh'));
      const asked = [{ domid: 2, state: 'asked' }];
      const mixed = await session.xl('--json', 'shutdown', '-a');
      expect({ status: mixed.status, answer: JSON.parse(mixed.stdout) as unknown }).toEqual({
        status: 1,
        answer: asked,
      });
      expect(JSON.parse(mixed.stderr)).toMatchObject({ error: { code: 'no-pv-control' } });

      // As an HVM guest says that it has PV drivers.
      session.write('/local/domain/1/control/feature-poweroff', '1');
      const plan = await session.ok('shutdown', '-n', 'hello-hvm');
      expect(plan).toContain('/local/domain/1/control/shutdown');
      expect((await session.xl('reboot', '-n', 'hello-hvm')).status).toBe(1);
      expect(JSON.parse(await session.ok('--json', 'shutdown', 'hello-hvm'))).toEqual([{ domid: 1, state: 'asked' }]);
      expect(await session.ok('list')).toMatch(/^hello-hvm .*\nhello /m);
    },
    PATIENCE,
  );

  test(
    'a domain is renamed, gets and loses an interface, and is listed with its age',
    async () => {
      await session.ok('create', '-q', '-p', await example('pvh'));
      await session.ok('create', '-q', '-p', await example('pvh', 'second'));
      const before = await session.nodes();

      const taken = await session.xl('rename', 'hello', 'second');
      expect(taken.status).toBe(1);
      expect(taken.stderr).toContain('Domain with name "second" already exists.');
      expect(taken.stderr).toContain("Can't rename domain 'hello'.");
      const domid = (await session.ok('domid', 'hello')).trim();
      expect(await session.ok('rename', '-n', 'hello', 'first')).toContain('rename hello to first');
      await session.ok('rename', 'hello', 'first');
      expect(await session.ok('list')).toMatch(/^first .*\nsecond /m);
      expect(JSON.parse(await session.ok('list', '-l', 'first'))).toMatchObject([
        { config: { c_info: { name: 'first' } } },
      ]);
      const [, uuid] = /^(\S+) {2}\d+ {4}first {25}$/m.exec(await session.ok('vm-list'))!;
      expect(uuid).toMatch(/^[0-9a-f-]{36}$/);

      await session.ok('network-attach', 'first', 'mac=00:16:3e:01:02:03');
      expect(await session.nodes()).not.toEqual(before);
      expect(await session.ok('network-list', 'first')).toBe(
        'Idx BE Mac Addr.         handle state evt-ch   tx-/rx-ring-ref BE-path                       \n' +
          `0   0  00:16:3e:01:02:03     0     4     -1    -1/-1          /local/domain/0/backend/vif/${domid}/0\n`,
      );
      expect(JSON.parse(await session.ok('--json', 'network-list', 'first'))).toMatchObject([{ devid: 0, state: 4 }]);
      const unknown = await session.xl('network-detach', 'first', '00:16:3e:01:02:04');
      expect({ status: unknown.status, said: unknown.stderr.includes('Unknown device 00:16:3e:01:02:04.') }).toEqual({
        status: 1,
        said: true,
      });
      await session.ok('network-detach', 'first', '00:16:3E:01:02:03');
      expect(await session.nodes()).toEqual(before);
      const stray = await session.xl('network-list', 'second', 'nosuch', 'first');
      expect(stray.status).toBe(1);
      expect(stray.stdout).toMatch(/^Idx .*\n$/);
      expect(stray.stderr).toContain('nosuch is an invalid domain identifier (rc=-6)');

      expect(await session.ok('uptime', 'second')).toMatch(/^Name +ID Uptime\nsecond +\d+ {2}0:\d\d:\d\d\n$/);
      expect(await session.ok('uptime', '-s')).toMatch(
        /^ \d\d:\d\d:\d\d up {2}0:\d\d, first \(\d+\)\n.*, second \(\d+\)\n$/,
      );

      expect(await session.xl('shutdown', '77')).toMatchObject({ status: 1 });
      expect(await session.xl('shutdown')).toMatchObject({
        status: 1,
        stderr: expect.stringContaining('You must specify -a or a domain id.\n\n') as string,
      });
      expect(await session.xl('sysrq', 'first', 'hh')).toMatchObject({ status: 1 });
      expect((await session.xl('sysrq', 'first', 'h')).stderr).toContain('hear no SysRq');
    },
    PATIENCE,
  );
});
