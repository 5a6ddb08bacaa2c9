import { lstat, unlink } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { errnoOf, XlError } from '../base/error.ts';
import { checkSocketPath } from './dial.ts';
import type { StoreServerCore } from './store/core.ts';
import { serveStream } from './store/serve.ts';

/**
 * The store on a Unix socket of mode 0600, where Xen's own tools reach it with XENSTORED_PATH. Every connection acts as
 * domain 0. A client that does not read is not read from, and is cut off when its events outgrow the store's bound.
 */
export class StoreServer {
  readonly path: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(core: StoreServerCore, path: string) {
    this.path = path;
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      serveStream(core, socket, 0);
    });
  }

  /**
   * Listens at `path`. A socket that a dead server left behind is taken over; `socket-in-use` where a server answers,
   * `socket-path-taken` where something else lies there, `socket-path-too-long` over 107 bytes.
   */
  static async listen(core: StoreServerCore, path: string): Promise<StoreServer> {
    checkSocketPath(path);
    await removeStale(path);
    const server = new StoreServer(core, path);
    await server.#listen();
    return server;
  }

  /** Ends all connections and removes the socket. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error) => {
        reject(new XlError('socket-failed', `cannot listen at ${this.path}: ${error.message}`, { cause: error }));
      });
      // bind() happens within listen(): under this mask nobody else can connect even for a moment.
      const mask = process.umask(0o177);
      this.#server.listen(this.path, resolve);
      process.umask(mask);
    });
  }
}

async function removeStale(path: string): Promise<void> {
  const status = await lstat(path).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return null;
    throw new XlError('socket-failed', `cannot listen at ${path}: ${errnoOf(error) ?? String(error)}`, {
      cause: error,
    });
  });
  if (status === null) return;
  if (!status.isSocket()) {
    throw new XlError('socket-path-taken', `${path} is there and is no socket`, { hint: 'move it away' });
  }
  if (await answers(path)) {
    throw new XlError('socket-in-use', `another server listens at ${path}`, { hint: 'stop it, or use another path' });
  }
  await unlink(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createConnection(path);
    const done = (answer: boolean): void => {
      probe.destroy();
      resolve(answer);
    };
    probe.once('connect', () => done(true));
    probe.once('error', (error) => done(errnoOf(error) !== 'ECONNREFUSED'));
  });
}
