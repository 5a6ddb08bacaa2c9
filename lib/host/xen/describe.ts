import { access, readFile } from 'node:fs/promises';
import { XlError } from '../../base/error.ts';
import type { HostDirs } from '../../base/facts.ts';
import type { HostDescription } from '../facts.ts';

/** Where Linux shows what Xen says of itself (Documentation/ABI/stable/sysfs-hypervisor-xen). */
const VERSION = '/sys/hypervisor/version';

/** Where Xen's own scripts learn its build's directories; libxl has the same ones compiled in. */
const HOTPLUG_PATHS = '/etc/xen/scripts/hotplugpath.sh';

/** Our own files below the run directory: journals, and what QEMU said of its version. Gone at the next boot. */
const STATE_NAME = 'xl-ts';

/**
 * This machine's Xen as far as it is known without looking at domains and files: its version, its build's directories
 * and its device model. Throws XlError `not-xen` where no Xen runs. XL_QEMU names another QEMU.
 */
export async function describeXen(env: Readonly<NodeJS.ProcessEnv>): Promise<HostDescription> {
  const [xenVersion, paths] = await Promise.all([readVersion(), readFile(HOTPLUG_PATHS, 'utf8').catch(() => '')]);
  const build = parseHotplugPaths(paths);
  const path = env.XL_QEMU ?? (await firstThatRuns(deviceModels(build)));
  return {
    host: 'xen',
    xenVersion,
    dirs: xenDirs(xenVersion, build),
    qemu: { path, accel: 'xen', accelReason: 'Xen runs the guests' },
  };
}

async function readVersion(): Promise<string> {
  try {
    const [major, minor, extra] = await Promise.all(
      ['major', 'minor', 'extra'].map((name) => readFile(`${VERSION}/${name}`, 'utf8')),
    );
    // `extra` begins with its dot, `.7`; a build may add words of its own, as in `.0-rc1`.
    return `${major!.trim()}.${minor!.trim()}${extra!.trim()}`;
  } catch (error) {
    throw new XlError('not-xen', 'no Xen runs on this machine', {
      cause: error,
      hint: 'boot Xen and Linux as its domain 0; `--host embedded` does without Xen',
    });
  }
}

/** Variables of hotplugpath.sh, `XEN_RUN_DIR` and its like; other lines are passed over. */
export function parseHotplugPaths(text: string): Readonly<Record<string, string>> {
  const lines = text.matchAll(/^([A-Za-z_]+)="?([^"\n]*)"?$/gm);
  return Object.fromEntries([...lines].map(([, name, value]) => [name!, value!]));
}

/** The directories of a build of Xen; those that its hotplugpath.sh does not name are where Debian has them. */
export function xenDirs(xenVersion: string, build: Readonly<Record<string, string>>): HostDirs {
  const directory = (name: string, usual: string): string => (build[name] ?? usual).replace(/\/+$/, '');
  const run = directory('XEN_RUN_DIR', '/var/run/xen');
  const release = xenVersion.split('.').slice(0, 2).join('.');
  return {
    lib: directory('XEN_LIB_DIR', '/var/lib/xen'),
    run,
    log: directory('XEN_LOG_DIR', '/var/log/xen'),
    scripts: directory('XEN_SCRIPT_DIR', '/etc/xen/scripts'),
    firmware: directory('XENFIRMWAREDIR', `/usr/lib/xen-${release}/boot`),
    state: `${run}/${STATE_NAME}`,
  };
}

/** Where a build may have its QEMU: Xen's own beside its programs, Debian's, and the system's (tools/configure.ac). */
const deviceModels = (build: Readonly<Record<string, string>>): readonly [string, ...string[]] => [
  '/usr/libexec/xen-qemu-system-i386',
  `${build.LIBEXEC_BIN ?? '/usr/lib/xen/bin'}/qemu-system-i386`,
  '/usr/lib/xen/bin/qemu-system-i386',
  '/usr/bin/qemu-system-i386',
  '/usr/bin/qemu-system-x86_64',
];

/** The first path that there is; where there is none the first, so that errors name what was looked for. */
async function firstThatRuns(paths: readonly [string, ...string[]]): Promise<string> {
  for (const path of paths) {
    const there = await access(path).then(
      () => true,
      () => false,
    );
    if (there) return path;
  }
  return paths[0];
}
