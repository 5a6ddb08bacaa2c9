import { constants } from 'node:fs';
import { access, readFile, realpath, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseQemuVersion } from '../../qemu/version.ts';

/** A QEMU that does not say its version by then is none, in milliseconds. */
const ANSWER_MS = 10_000;

/** The version of the QEMU at a path (or of that name on PATH), or null where none answers. `cache` is a file that remembers. */
export async function qemuVersion(program: string, cache: string | null): Promise<string | null> {
  const path = await findProgram(program);
  if (path === null) return null;
  const key = await fingerprint(path);
  const known = await remembered(cache);
  if (known?.key === key) return known.version;
  const version = parseQemuVersion(await ask(path));
  if (version !== null) await remember(cache, { key, version });
  return version;
}

/** Where a program is: the path itself, or the first of that name on PATH that may be run; null where there is none. */
export async function findProgram(program: string): Promise<string | null> {
  const directories = (process.env.PATH ?? '').split(':').filter((directory) => directory !== '');
  const candidates = program.includes('/') ? [program] : directories.map((directory) => join(directory, program));
  for (const path of candidates) {
    const runs = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runs) return path;
  }
  return null;
}

async function ask(path: string): Promise<string> {
  // Loaded here: most commands know the version from the cache and start the sooner.
  const { execa } = await import('execa');
  const { stdout } = await execa(path, ['--version'], { reject: false, stdin: 'ignore', timeout: ANSWER_MS });
  return stdout;
}

/** Another binary, or another version of it, has another fingerprint. */
async function fingerprint(path: string): Promise<string> {
  const target = await realpath(path);
  const { mtimeMs, size, ino } = await stat(target);
  return [target, mtimeMs, size, ino].join(' ');
}

interface Remembered {
  readonly key: string;
  readonly version: string;
}

async function remembered(cache: string | null): Promise<Remembered | null> {
  if (cache === null) return null;
  try {
    const { key, version } = JSON.parse(await readFile(cache, 'utf8')) as Partial<Remembered>;
    return typeof key === 'string' && typeof version === 'string' ? { key, version } : null;
  } catch {
    return null;
  }
}

/** A cache that cannot be written costs the next command some milliseconds, nothing more. */
async function remember(cache: string | null, what: Remembered): Promise<void> {
  if (cache === null) return;
  const draft = `${cache}.${process.pid}`;
  await writeFile(draft, JSON.stringify(what), { mode: 0o600 })
    .then(() => rename(draft, cache))
    .catch(() => undefined);
}
