import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BOOT, CACHE, checkCachePath, fingerprint, hostError, readIfThere, SAVED, say, SOURCES } from './places.ts';

/** The programs that building and running take, and the Debian packages that bring them. */
const PROGRAMS = {
  debootstrap: 'debootstrap',
  'qemu-system-x86_64': 'qemu-system-x86',
  'qemu-img': 'qemu-utils',
  mke2fs: 'e2fsprogs',
  ssh: 'openssh-client',
} as const;

/** Whether there is an image, made by these very files with this very Node. */
export const isBuilt = (): boolean => existsSync(BOOT.disk) && readIfThere(BOOT.recipe) === recipe();

/**
 * Makes the image unless it is there. Throws XlError `xen-host` that says what the machine lacks. Whatever is mounted
 * on the way goes with the build's own mount namespace, however it ends.
 */
export function build(): void {
  if (isBuilt()) return;
  checkCachePath();
  checkMachine();
  const begun = performance.now();
  mkdirSync(CACHE, { recursive: true });
  rmSync(BOOT.recipe, { force: true });
  // Saved machines go on from the image that was.
  rmSync(SAVED, { recursive: true, force: true });
  const words = ['bash', join(SOURCES, 'build.sh'), CACHE, process.execPath];
  const { status } = spawnSync('unshare', ['--mount', ...words], { stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) throw hostError(`the Xen host could not be built; status ${String(status)}`);
  writeFileSync(BOOT.recipe, `${recipe()}\n`);
  say(`built in ${((performance.now() - begun) / 1000).toFixed(0)} s, in ${CACHE}`);
}

function checkMachine(): void {
  if (process.arch !== 'x64') throw hostError(`the Xen host is for 64-bit x86; this is ${process.arch}`);
  if (process.getuid?.() !== 0) throw hostError('only root can build the Xen host, with debootstrap and chroot');
  const path = `${process.env.PATH ?? ''}:/sbin:/usr/sbin`.split(':');
  const missing = Object.entries(PROGRAMS).filter(([name]) => !path.some((folder) => existsSync(join(folder, name))));
  if (missing.length > 0) {
    throw hostError(
      `missing: ${missing.map(([name]) => name).join(', ')}`,
      `apt-get install ${missing.map(([, debian]) => debian).join(' ')}, or: sh scripts/setup.sh xen`,
    );
  }
}

/** What the image depends on: the scripts and configurations here, and the Node that goes into it. */
function recipe(): string {
  const files = ['dom0', 'guest'].flatMap((folder) =>
    readdirSync(join(SOURCES, folder))
      .sort()
      .map((name) => join(folder, name)),
  );
  const texts = ['build.sh', ...files].flatMap((name) => [name, readFileSync(join(SOURCES, name))]);
  return fingerprint([process.version, process.execPath, ...texts]);
}
