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

const PATIENCE = 600_000;
const POINTS = 20;

describe.runIf(ready)('on the embedded host', () => {
  let session: Session;
  beforeEach(async () => {
    session = await Session.open();
  });
  afterEach(() => session.close());

  /** The example with three disks, so that its creation says a line for each of more than twenty steps. */
  async function example(): Promise<string> {
    const image = (name: string) => join(session.directory, name);
    await copyFile(ROOT_IMAGE, image('root.img'));
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', image('b.qcow2'), '8M']);
    execFileSync('qemu-img', ['create', '-q', '-f', 'raw', image('c.img'), '8M']);
    const text = await readFile(join(PROJECT, 'examples', 'hello-pvh.cfg'), 'utf8');
    const more = `disk += [ "${image('b.qcow2')},qcow2,xvdb,w", "${image('c.img')},raw,xvdc,w" ]\n`;
    const path = image('hello.cfg');
    await writeFile(path, `${text.replaceAll('.cache/guest/root.img', image('root.img'))}\n${more}`);
    return path;
  }

  /** Kills a creation as soon as it has said so many lines; whether it had not ended before. */
  function killAfter(lines: number, config: string): Promise<boolean> {
    const child = session.start('create', '-p', '-e', config);
    let said = '';
    return new Promise((resolve) => {
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        if (said.split('\n').length > lines) child.kill('SIGKILL');
      });
      child.once('exit', (_, signal) => resolve(signal === 'SIGKILL'));
    });
  }

  test(
    'a creation that is killed leaves nothing after `xl gc`, wherever it died, and the next one goes well',
    async () => {
      const config = await example();
      await session.ok('list');
      const nodes = await session.nodes();
      const files = await session.files();
      for (let point = 1; point <= POINTS; point += 1) {
        expect(await killAfter(point, config), `killed after ${point} lines`).toBe(true);
        await session.ok('gc', '--dry-run');
        await session.ok('gc');
        expect(await session.nodes(), `nodes after ${point} lines`).toEqual(nodes);
        expect(await session.files(), `files after ${point} lines`).toEqual(files);
        expect(await session.machines(), `machines after ${point} lines`).toEqual([]);
        expect(JSON.parse(await session.ok('--json', 'list')), `domains after ${point} lines`).toEqual([]);
      }
      await session.ok('create', '-q', '-p', config);
      await session.ok('destroy', 'hello');
      expect(await session.files()).toEqual(files);
    },
    PATIENCE,
  );

  test(
    'what has no domain is found, told with its reasons, and taken away; a dry run changes nothing',
    async () => {
      await session.ok('list');
      const nodes = await session.nodes();
      const files = await session.files();
      session.write('/local/domain/77/name', 'ghost');
      session.write('/libxl/78/type', 'pvh');
      // A domain of which only a device is left.
      session.write('/libxl/80/dm-version', 'qemu_xen');
      session.write('/libxl/80/device/vbd/51712/frontend', '/local/domain/80/device/vbd/51712');
      session.write('/libxl/80/device/vbd/51712/backend', '/local/domain/0/backend/vbd/80/51712');
      session.write('/local/domain/0/backend/vbd/80/51712/online', '1');
      const uuid = '3fad88a9-9883-495c-bc85-23113ca30bde';
      await writeFile(join(session.stateDirectory, 'lib', `userdata-d.79.${uuid}.libxl-json`), '{}');
      await writeFile(join(session.stateDirectory, `monitor-${uuid}.json.new-4194303-1`), '');
      const left = await session.nodes();
      const told = await session.ok('gc', '-n');
      expect(told).toContain('would clear away domain 77 (ghost)\n  ours: ');
      expect(told).toContain('dead: the embedded host has no domain 78\n');
      expect(told).toContain(`would clear away domain 79, ${uuid}\n`);
      expect(await session.nodes()).toEqual(left);
      const { dryRun, found } = JSON.parse(await session.ok('--json', 'gc')) as { dryRun: boolean; found: unknown[] };
      expect([dryRun, found.length]).toEqual([false, 5]);
      expect(await session.nodes()).toEqual(nodes);
      expect(await session.files()).toEqual(files);
      expect((await session.xl('gc')).stderr).toContain('nothing is left of dead domains\n');
    },
    PATIENCE,
  );
});
