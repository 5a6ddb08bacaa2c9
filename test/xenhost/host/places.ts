import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { XlError } from '../../../lib/base/error.ts';

/** The project's directory. scripts/xen-host.mjs bundles these files, and says where they came from. */
export const ROOT = process.env.XL_TS_ROOT ?? join(import.meta.dirname, '../../..');
/** Where the shell scripts and configurations of the host lie. */
export const SOURCES = join(ROOT, 'test/xenhost/host');

const CACHE_ROOT = process.env.XL_TS_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'xl-ts');
/** Everything that the host is made of: about 2.5 GB. XL_TS_CACHE moves it; removing it is safe while no host runs. */
export const CACHE = join(CACHE_ROOT, 'xen-host');

/** What `build` makes. */
export const BOOT = {
  xen: join(CACHE, 'boot/xen'),
  kernel: join(CACHE, 'boot/vmlinux'),
  initrd: join(CACHE, 'boot/initrd'),
  disk: join(CACHE, 'boot/dom0.qcow2'),
  recipe: join(CACHE, 'boot/recipe'),
  key: join(CACHE, 'key'),
} as const;

/** What belongs to the host that runs. */
export const RUN = {
  directory: join(CACHE, 'run'),
  pid: join(CACHE, 'run/pid'),
  port: join(CACHE, 'run/port'),
  monitor: join(CACHE, 'run/qmp'),
  ssh: join(CACHE, 'run/ssh'),
  disk: join(CACHE, 'run/disk.qcow2'),
  console: join(CACHE, 'run/console.log'),
} as const;

/** Saved machines, one directory each, named by all that they depend on. */
export const SAVED = join(CACHE, 'saved');
/** Held while the image is built, or while a machine starts. */
export const LOCK = join(CACHE, 'lock');

/** An error of the harness: what it says is all there is to say. */
export const hostError = (message: string, hint?: string): XlError => new XlError('xen-host', message, { hint });

/** Refuses a cache that sockets and QEMU's options cannot name: a path of 107 bytes at most, without a comma. */
export function checkCachePath(): void {
  // ssh makes its socket under a longer name first.
  if (Buffer.byteLength(RUN.ssh) > 85 || CACHE.includes(',')) {
    throw hostError(`${CACHE} is no place for sockets: too long, or with a comma`, 'set XL_TS_CACHE to a short path');
  }
}

export const say = (text: string): boolean => process.stderr.write(`xen-host: ${text}\n`);

/** The file's text without the white space at its end, or null where there is none. */
export const readIfThere = (path: string): string | null =>
  existsSync(path) ? readFileSync(path, 'utf8').trim() : null;

/** Sixteen characters that change when any of the texts does. */
export const fingerprint = (texts: readonly (string | Uint8Array)[]): string => {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(text).update('\0');
  return hash.digest('hex').slice(0, 16);
};
