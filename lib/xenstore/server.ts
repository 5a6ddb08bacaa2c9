import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { listenPrivately } from './listen.ts';
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
    const server = new StoreServer(core, path);
    await listenPrivately(server.#server, path);
    return server;
  }

  /** Ends all connections and removes the socket. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
