import { createConnection, type Socket } from 'node:net';
import { errnoOf, XlError } from '../../base/error.ts';
import { ClientHandshake, type ExportInfo } from '../../nbd/client-handshake.ts';
import { Command, type Request } from '../../nbd/protocol.ts';
import { ReplyReader, type Awaited } from '../../nbd/reply-reader.ts';
import { encodeRequest } from '../../nbd/requests.ts';
import { checkSocketPath } from '../../xenstore/dial.ts';

/** A connection to an NBD server on a Unix socket. Any number of requests may be under way. */
export class NbdClient {
  readonly info: ExportInfo;
  readonly #socket: Socket;
  readonly #awaited = new Map<bigint, Awaited & { fail: (error: Error) => void }>();
  #cookie = 0n;
  #lost: Error | null = null;

  private constructor(socket: Socket, info: ExportInfo, rest: Uint8Array) {
    this.#socket = socket;
    this.info = info;
    const replies = new ReplyReader();
    const take = (bytes: Uint8Array): void => {
      try {
        replies.push(bytes, (cookie) => this.#answered(cookie));
      } catch (error) {
        socket.destroy(error as Error);
      }
    };
    socket.on('data', take);
    socket.on('error', (error) => this.#lose(error));
    socket.on('close', () => this.#lose(new XlError('nbd-gone', 'the NBD server has ended the connection')));
    take(rest);
  }

  /** Connects to an export. Throws XlError `nbd-unreachable`, `nbd-refused`, `nbd-protocol`. */
  static async connect(path: string, name: string): Promise<NbdClient> {
    checkSocketPath(path);
    const socket = createConnection(path);
    return await new Promise<NbdClient>((resolve, reject) => {
      const fail = (error: unknown): void => {
        socket.destroy();
        reject(error instanceof XlError ? error : unreachableServer(path, error));
      };
      const handshake = new ClientHandshake(name, (bytes) => socket.write(bytes));
      socket.once('error', fail);
      socket.once('close', () => fail(new Error('it ended the connection')));
      socket.on('data', (bytes: Buffer) => {
        try {
          const agreed = handshake.push(bytes);
          if (agreed === null) return;
          socket.removeAllListeners('data').removeAllListeners('error').removeAllListeners('close');
          resolve(new NbdClient(socket, agreed.info, agreed.rest));
        } catch (error) {
          fail(error);
        }
      });
    });
  }

  /** Fills the target with the bytes from an offset on. */
  read(target: Uint8Array, offset: number): Promise<void> {
    return this.#ask({ type: Command.Read, offset, length: target.length }, target);
  }

  write(data: Uint8Array, offset: number, flags = 0): Promise<void> {
    return this.#ask({ type: Command.Write, offset, length: data.length, flags }, undefined, data);
  }

  writeZeroes(offset: number, length: number): Promise<void> {
    return this.#ask({ type: Command.WriteZeroes, offset, length });
  }

  /** Resolves when everything that had been written is durable. */
  flush(): Promise<void> {
    return this.#ask({ type: Command.Flush, offset: 0, length: 0 });
  }

  /** Says goodbye; resolves when the connection has ended. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      if (this.#socket.closed) resolve();
      else this.#socket.once('close', () => resolve());
    });
    const cookie = this.#cookie++;
    this.#socket.end(encodeRequest({ flags: 0, type: Command.Disconnect, cookie, offset: 0n, length: 0 }));
    await closed;
  }

  #ask(
    request: { type: number; offset: number; length: number; flags?: number },
    target: Uint8Array = new Uint8Array(),
    data?: Uint8Array,
  ): Promise<void> {
    if (this.#lost !== null) return Promise.reject(this.#lost);
    const { type, offset, length, flags = 0 } = request;
    const whole: Request = { flags, type, cookie: this.#cookie++, offset: BigInt(offset), length };
    return new Promise<void>((resolve, reject) => {
      const done = (errno: number): void => {
        if (errno === 0) resolve();
        else reject(new XlError('nbd-failed', `the NBD server answers with error ${errno}`));
      };
      this.#awaited.set(whole.cookie, { target, done, fail: reject });
      this.#socket.write(encodeRequest(whole));
      if (data !== undefined) this.#socket.write(data);
    });
  }

  #answered(cookie: bigint): Awaited | null {
    const awaited = this.#awaited.get(cookie) ?? null;
    this.#awaited.delete(cookie);
    return awaited;
  }

  #lose(error: Error): void {
    this.#lost ??= error;
    for (const { fail } of this.#awaited.values()) fail(this.#lost);
    this.#awaited.clear();
  }
}

const unreachableServer = (path: string, error: unknown): XlError =>
  new XlError('nbd-unreachable', `no NBD server answers at ${path}: ${errnoOf(error) ?? String(error)}`, {
    cause: error,
  });
