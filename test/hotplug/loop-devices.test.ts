import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { describe, expect, test } from 'vitest';
import { realBlockLook } from '../../lib/host/real/block-look.ts';
import { loopDevices } from '../../lib/host/real/loop-devices.ts';
import { temporaryDirectory } from '../host/temporary.ts';

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const reason = whyNot();
if (reason !== null) console.log(`skipped: loop devices cannot be taken here: ${reason}`);

function whyNot(): string | null {
  try {
    accessSync('/dev/loop-control', constants.R_OK | constants.W_OK);
    execFileSync('losetup', ['--version']);
    return null;
  } catch (error) {
    return String(error);
  }
}

/** What losetup(8) sees of a file's devices. */
const seen = (file: string): { name: string; ro: boolean; autoclear: boolean }[] => {
  const output = execFileSync('losetup', ['--json', '--output', 'NAME,RO,AUTOCLEAR', '--associated', file], {
    encoding: 'utf8',
  });
  return output === '' ? [] : (JSON.parse(output) as { loopdevices: ReturnType<typeof seen> }).loopdevices;
};

async function image(): Promise<string> {
  const path = `${await temporaryDirectory()}/image`;
  await writeFile(path, 'the first sector');
  await truncate(path, 1024 * 1024);
  return path;
}

describe.skipIf(reason !== null)('a loop device', () => {
  test.each([true, false])('shows its file (read-only %s), stays, and goes when it is given back', async (readOnly) => {
    const file = await image();
    const loops = await loopDevices();
    let meanwhile: ReturnType<typeof seen> = [];
    const path = await loops.attach(file, { readOnly }, async (name) => {
      meanwhile = seen(file);
      expect((await readFile(name)).toString('latin1', 0, 16)).toBe('the first sector');
    });
    try {
      // While we work on it, the kernel would take it back from a process that dies.
      expect(meanwhile).toEqual([{ name: path, ro: readOnly, autoclear: true }]);
      expect(seen(file)).toEqual([{ name: path, ro: readOnly, autoclear: false }]);
      const target = await realBlockLook.target(file);
      expect((await loops.list()).find((device) => device.path === path)?.backing).toBe(
        target?.kind === 'file' ? target.identity : 'no file',
      );
    } finally {
      await loops.detach(path);
    }
    expect(seen(file)).toEqual([]);
    await loops.detach(path);
  });

  test('is given back where it is of no use', async () => {
    const file = await image();
    const attaching = (await loopDevices()).attach(file, { readOnly: false }, () =>
      Promise.reject(new Error('no use')),
    );
    await expect(attaching).rejects.toThrow('no use');
    expect(seen(file)).toEqual([]);
  });

  test('is another one for each who asks at the same time', async () => {
    const files = await Promise.all(Array.from({ length: 6 }, image));
    const loops = await loopDevices();
    const paths = await Promise.all(
      files.map((file) => loops.attach(file, { readOnly: false }, () => Promise.resolve())),
    );
    try {
      expect(new Set(paths).size).toBe(files.length);
      files.forEach((file, index) => expect(seen(file).map(({ name }) => name)).toEqual([paths[index]]));
    } finally {
      for (const path of paths) await loops.detach(path);
    }
  });

  test('does not outlive a process that is killed before it has noted it', async () => {
    const file = await image();
    const directory = await temporaryDirectory();
    await symlink(`${root}/node_modules`, `${directory}/node_modules`);
    const program = `${directory}/take.cjs`;
    await build({
      stdin: {
        contents: `
          import { loopDevices } from './lib/host/real/loop-devices.ts';
          const forever = (path) => (console.log(path), new Promise(() => setInterval(() => {}, 60_000)));
          void loopDevices().then((loops) => loops.attach(process.argv[2], { readOnly: false }, forever));`,
        resolveDir: root,
      },
      bundle: true,
      platform: 'node',
      external: ['koffi'],
      outfile: program,
    });
    const child = spawn(process.execPath, [program, file], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [path] = (await once(child.stdout, 'data')) as [Buffer];
    expect(seen(file).map(({ name }) => name)).toEqual([path.toString().trim()]);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(seen(file)).toEqual([]);
  });
});
