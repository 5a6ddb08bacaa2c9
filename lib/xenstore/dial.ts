import { close, open, read, write } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { Duplex } from 'node:stream';
import { promisify } from 'node:util';
import { errnoOf, XlError } from '../base/error.ts';
import { encodePacket, MessageType } from './codec.ts';

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
  return status.isSocket() ? dialSocket(path, signal) : new DeviceStream(await promisify(open)(path, 'r+'));
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

/**
 * The kernel's xenbus device speaks the same messages through read and write (drivers/xen/xenbus/xenbus_dev_frontend.c).
 * A read waits in the kernel for as long as nothing comes, and Node cannot take it back: so the last thing that is done
 * is a request whose answer ends it.
 */
class DeviceStream extends Duplex {
  readonly #fd: number;
  #reading = false;
  #closed: (() => void) | undefined;

  constructor(fd: number) {
    super();
    this.#fd = fd;
  }

  override _read(): void {
    this.#reading = true;
    read(this.#fd, Buffer.allocUnsafe(READ_BYTES), 0, READ_BYTES, null, (error, length, buffer) => {
      this.#reading = false;
      if (this.#closed !== undefined) this.#closed();
      else if (error === null) this.push(length === 0 ? null : buffer.subarray(0, length));
      else this.destroy(error);
    });
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error: Error | null) => void): void {
    write(this.#fd, chunk, 0, chunk.length, null, (error, length) => {
      if (error !== null || length === chunk.length) done(error);
      else this._write(chunk.subarray(length), _encoding, done);
    });
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#closed = () => close(this.#fd, (failure) => done(error ?? failure ?? null));
    if (!this.#reading) this.#closed();
    else write(this.#fd, LAST_REQUEST, 0, LAST_REQUEST.length, null, () => undefined);
  }
}

const READ_BYTES = 64 * 1024;
const LAST_REQUEST = encodePacket({
  type: MessageType.GET_DOMAIN_PATH,
  requestId: 0xffff_ffff,
  transactionId: 0,
  payload: Buffer.from('0\0'),
});
