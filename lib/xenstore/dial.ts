import { close, createReadStream, createWriteStream, open } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { Duplex } from 'node:stream';
import { promisify } from 'node:util';
import { errnoOf, XlError } from '../base/error.ts';

/** Where libxenstore looks, in its order: the socket of the daemon, then the kernel's devices. */
export function xenstorePaths(env: Readonly<NodeJS.ProcessEnv>): string[] {
  if (env.XENSTORED_PATH !== undefined) return [env.XENSTORED_PATH];
  return [`${env.XENSTORED_RUNDIR ?? '/var/run/xenstored'}/socket`, '/dev/xen/xenbus', '/proc/xen/xenbus'];
}

/** The bytes a Unix socket's path may have on Linux, its nul not counted (sun_path of unix(7)). */
export const SOCKET_PATH_MAX = 107;

/** Throws `socket-path-too-long`: Node would cut the path and use another file. */
export function checkSocketPath(path: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes <= SOCKET_PATH_MAX) return;
  throw new XlError('socket-path-too-long', `the socket path ${path} has ${bytes} bytes, and ${SOCKET_PATH_MAX} fit`, {
    hint: 'use a shorter directory',
  });
}

/** Opens the first of the paths that can be opened. `xenstore-unreachable`, with each path's reason, where none can. */
export async function dialFirst(
  paths: readonly string[],
  signal?: AbortSignal,
): Promise<{ socket: Duplex; peer: string }> {
  const reasons: string[] = [];
  for (const path of paths) {
    signal?.throwIfAborted();
    try {
      return { socket: await dial(path, signal), peer: path };
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof XlError) throw error;
      reasons.push(`${path}: ${errnoOf(error) ?? String(error)}`);
    }
  }
  throw new XlError('xenstore-unreachable', `no xenstore answers at ${paths.join(', ')}`, {
    hint: 'start xenstored, or name its socket in XENSTORED_PATH',
    evidence: [{ title: 'tried', lines: reasons }],
  });
}

async function dial(path: string, signal?: AbortSignal): Promise<Duplex> {
  const status = await stat(path);
  return status.isSocket() ? dialSocket(path, signal) : openDevice(path);
}

function dialSocket(path: string, signal?: AbortSignal): Promise<Duplex> {
  checkSocketPath(path);
  return new Promise((resolve, reject) => {
    const socket = createConnection(path);
    const settle = (error?: Error): void => {
      signal?.removeEventListener('abort', abort);
      socket.removeAllListeners('error').removeAllListeners('connect');
      if (error === undefined) resolve(socket);
      else {
        socket.destroy();
        reject(error);
      }
    };
    const abort = (): void => settle(new Error('aborted'));
    signal?.addEventListener('abort', abort, { once: true });
    socket.once('connect', () => settle());
    socket.once('error', settle);
  });
}

/** The kernel's xenbus device speaks the same messages through read and write (drivers/xen/xenbus/xenbus_dev_frontend.c). */
async function openDevice(path: string): Promise<Duplex> {
  const fd = await promisify(open)(path, 'r+');
  const readable = createReadStream(path, { fd, autoClose: false });
  const writable = createWriteStream(path, { fd, autoClose: false });
  const device = Duplex.from({ readable, writable });
  device.once('close', () => close(fd));
  return device;
}
