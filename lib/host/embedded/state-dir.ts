import { lstat, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf, XlError } from '../../base/error.ts';
import type { HostDirs } from '../../base/facts.ts';
import { SOCKET_PATH_MAX } from '../../xenstore/dial.ts';

/** Where the embedded host keeps its sockets, logs and notes: everything below one directory that is ours alone. */
export interface StateDir {
  readonly root: string;
  /** The daemon's control socket. */
  readonly control: string;
  /** The store's socket: what `XENSTORED_PATH` is to be for Xen's own tools. */
  readonly xenstored: string;
  /** Held by the daemon for its whole life. */
  readonly lock: string;
  /** What the daemon says. */
  readonly daemonLog: string;
  /** One note for each QEMU that runs, so that the next daemon finds those that a killed one left behind. */
  readonly machines: string;
  /** The next domain's number, so that a new daemon does not use an old domain's again at once. */
  readonly nextDomid: string;
  readonly log: string;
  readonly lib: string;
}

/** The longest name of a socket below the state directory. */
const LONGEST_SOCKET_NAME = 'machine-32751-console.sock';

/** The path of the state directory for this user: `XL_STATE_DIR`, else `XDG_RUNTIME_DIR/xl-ts`, /run/xl-ts, /tmp/xl-ts-UID. */
export function stateDirPath(env: Readonly<Record<string, string | undefined>>, uid: number): string {
  const { XL_STATE_DIR: chosen, XDG_RUNTIME_DIR: runtime } = env;
  if (chosen !== undefined && chosen !== '') return chosen;
  if (runtime !== undefined && runtime !== '') return join(runtime, 'xl-ts');
  return uid === 0 ? '/run/xl-ts' : `/tmp/xl-ts-${uid}`;
}

/** The names below a state directory. Throws XlError `state-dir-relative`, or `socket-path-too-long`. */
export function stateDir(root: string): StateDir {
  if (!root.startsWith('/')) {
    throw new XlError('state-dir-relative', `the state directory ${root} is not an absolute path`, {
      hint: 'set XL_STATE_DIR to an absolute path',
    });
  }
  const longest = Buffer.byteLength(join(root, LONGEST_SOCKET_NAME));
  if (longest > SOCKET_PATH_MAX) {
    throw new XlError(
      'socket-path-too-long',
      `sockets in ${root} would have paths of ${longest} bytes; Linux allows ${SOCKET_PATH_MAX}`,
      { hint: 'set XL_STATE_DIR to a shorter path' },
    );
  }
  const at = (name: string): string => join(root, name);
  return {
    root,
    control: at('control.sock'),
    xenstored: at('xenstored.sock'),
    lock: at('daemon.lock'),
    daemonLog: at('log/daemon.log'),
    machines: at('machines'),
    nextDomid: at('next-domid'),
    log: at('log'),
    lib: at('lib'),
  };
}

/** The socket on which a domain's console is served to everyone who asks: backlog first, then live. */
export const consoleClientSocket = (dir: StateDir, domid: number): string => join(dir.root, `console-${domid}.sock`);

/** The host's directories as plans know them. */
export function embeddedDirs(dir: StateDir): HostDirs {
  return {
    lib: dir.lib,
    run: dir.root,
    log: dir.log,
    scripts: '/etc/xen/scripts',
    firmware: '/usr/share/seabios',
    state: dir.root,
  };
}

/**
 * Makes the state directory and those below it, for their owner only. Throws XlError `state-dir-unsafe` where somebody
 * else could write into it (in /tmp anybody can make a directory first), or `state-dir-failed`.
 */
export async function prepareStateDir(dir: StateDir, uid: number): Promise<void> {
  try {
    await mkdir(dir.root, { recursive: true, mode: 0o700 });
    await checkOwner(dir.root, uid);
    for (const path of [dir.machines, dir.log, dir.lib]) await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    if (error instanceof XlError) throw error;
    throw new XlError(
      'state-dir-failed',
      `cannot make the state directory ${dir.root}: ${errnoOf(error) ?? 'failed'}`,
      {
        cause: error,
        hint: 'set XL_STATE_DIR to a directory that you may write',
      },
    );
  }
}

async function checkOwner(path: string, uid: number): Promise<void> {
  const stat = await lstat(path);
  const trouble = !stat.isDirectory()
    ? 'is not a directory'
    : stat.uid !== uid
      ? `belongs to user ${stat.uid}`
      : (stat.mode & 0o022) !== 0
        ? 'can be written by others'
        : null;
  if (trouble === null) return;
  throw new XlError('state-dir-unsafe', `the state directory ${path} ${trouble}`, {
    hint: 'remove it, or set XL_STATE_DIR to a directory of your own',
  });
}
