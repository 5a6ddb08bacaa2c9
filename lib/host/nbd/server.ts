import { createServer, type Server, type Socket } from 'node:net';
import { Buffers } from '../../nbd/buffers.ts';
import { Connection } from '../../nbd/connection.ts';
import type { NbdExport } from '../../nbd/export.ts';
import { listenPrivately } from '../../xenstore/listen.ts';

export interface NbdServerOptions {
  readonly path: string;
  readonly exports: readonly NbdExport[];
  /** Acknowledge a write only when it is durable. */
  readonly alwaysFua?: boolean;
  readonly log: (line: string) => void;
}

/** Connections at once; one more is sent away. */
const CONNECTIONS_MAX = 64;
/** Bytes of requests under way on all connections, shared evenly. */
const BYTES_UNDER_WAY = 24 * 1024 * 1024;
/** Bytes of buffers kept for the next request. */
const BUFFERS_KEPT = 16 * 1024 * 1024;

/** An NBD server on a Unix socket that only its owner can connect to (mode 0600). */
export class NbdServer {
  readonly #options: NbdServerOptions;
  readonly #server: Server;
  readonly #buffers = new Buffers(BUFFERS_KEPT);
  readonly #open = new Map<Socket, Promise<void>>();

  private constructor(options: NbdServerOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  /** Listens; throws the errors of `listenPrivately`. */
  static async listen(options: NbdServerOptions): Promise<NbdServer> {
    const server = new NbdServer(options);
    await listenPrivately(server.#server, options.path);
    // A client who could not be let in (too many open files) must not end the server.
    server.#server.on('error', (error) => options.log(`a client could not be let in: ${error.message}`));
    return server;
  }

  get connections(): number {
    return this.#open.size;
  }

  /** Ends all connections and removes the socket; resolves when everything that clients had begun has ended. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    const ends = [...this.#open.values()];
    for (const socket of this.#open.keys()) socket.destroy();
    await Promise.all([...ends, closed]);
  }

  #serve(socket: Socket): void {
    const { exports, alwaysFua = false, log } = this.#options;
    if (this.#open.size >= CONNECTIONS_MAX) {
      log(`a client was sent away: there are ${CONNECTIONS_MAX} connections`);
      socket.destroy();
      return;
    }
    const connection = new Connection({
      exports,
      transport: {
        send: (bytes, sent) => void socket.write(bytes, sent),
        pause: () => void socket.pause(),
        resume: () => void socket.resume(),
        end: () => void socket.end(() => socket.destroy()),
      },
      buffers: this.#buffers,
      limit: () => BYTES_UNDER_WAY / this.#open.size,
      alwaysFua,
      log,
    });
    const ended = new Promise<void>((resolve) => {
      socket.once('close', () => void this.#ended(connection).then(resolve));
    }).finally(() => this.#open.delete(socket));
    this.#open.set(socket, ended);
    socket.on('error', (error) => log(`connection lost: ${error.message}`));
    socket.on('data', (bytes: Buffer) => connection.push(bytes));
  }

  /** A client may go without a word; what it wrote is made durable all the same. */
  async #ended(connection: Connection): Promise<void> {
    await connection.close();
    for (const disk of this.#options.exports) {
      await disk.flush().catch((error: unknown) => this.#options.log(`a flush failed: ${String(error)}`));
    }
  }
}
