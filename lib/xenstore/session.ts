import type { Duplex } from 'node:stream';
import { XlError } from '../base/error.ts';
import { wireStrings } from './codec.ts';
import { Connection } from './connection.ts';
import type { Request, RequestOptions } from './connection.ts';
import { dialFirst, xenstorePaths } from './dial.ts';
import { checkPath } from './path.ts';
import { Watch, WATCH_CAPACITY } from './watch.ts';

/** How to reach a store, and the bounds of the waiting. */
export interface ConnectOptions {
  /** A socket or device; where libxenstore looks, unless said (XENSTORED_PATH, /var/run/xenstored/socket, devices). */
  readonly path?: string | undefined;
  /** A stream that is open already, instead of a path; the client owns it from then on. */
  readonly socket?: Duplex | undefined;
  /** Ends the attempt to connect. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds that each answer may take; 30 s unless said. */
  readonly timeoutMs?: number | undefined;
  /** Requests that may wait at once; 16384 unless said. */
  readonly maxWaiting?: number | undefined;
  /**
   * Connects again, without end, when the server goes away: what waits fails with `xenstore-gone` all the same, watches
   * are set anew (each brings its first event again), transactions are lost.
   */
  readonly reconnect?: boolean | undefined;
}

export interface WatchOptions {
  /** Takes the watch back; the iteration then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** How many different paths may wait; WATCH_CAPACITY unless said. */
  readonly capacity?: number | undefined;
}

const RECONNECT_MS = [20, 50, 100, 250, 500, 1000, 2000];

/** What lives longer than one connection: the way to the server, and the watches. */
export class Session {
  readonly #options: ConnectOptions;
  readonly #watches = new Map<string, Watch>();
  #connection: Connection;
  #lastToken = 0;
  #closed = false;
  #retry: NodeJS.Timeout | undefined;
  readonly #dialling = new AbortController();

  private constructor(options: ConnectOptions, socket: Duplex, peer: string) {
    this.#options = options;
    this.#connection = this.#connect(socket, peer);
  }

  /** Connects. `xenstore-unreachable` where nothing answers. */
  static async open(options: ConnectOptions): Promise<Session> {
    if (options.socket === undefined) {
      const { socket, peer } = await dialFirst(pathsOf(options), options.signal);
      return new Session(options, socket, peer);
    }
    if (options.reconnect === true) throw new TypeError('a client of a given stream has no way to connect again');
    return new Session(options, options.socket, 'the given stream');
  }

  request(request: Request, options?: RequestOptions): Promise<Buffer> {
    return this.#connection.request(request, options);
  }

  /** Sets a watch; see Watch. A refusal comes out of its iteration. */
  watch(path: string, options: WatchOptions): Watch {
    checkPath(path, true);
    options.signal?.throwIfAborted();
    const token = String(++this.#lastToken);
    const watch: Watch = new Watch(path, options.capacity ?? WATCH_CAPACITY, async () => {
      options.signal?.removeEventListener('abort', abort);
      if (this.#watches.delete(token)) await this.#unwatch(path, token);
    });
    const abort = (): void => {
      watch.fail(options.signal?.reason);
      if (this.#watches.delete(token)) void this.#unwatch(path, token);
    };
    options.signal?.addEventListener('abort', abort, { once: true });
    this.#watches.set(token, watch);
    this.#setWatch(token, watch);
    return watch;
  }

  /** The server was told to forget all watches of this connection: they end quietly. */
  forgetWatches(): void {
    for (const watch of this.#watches.values()) watch.finish();
    this.#watches.clear();
  }

  /** Ends the connection; watches end quietly, requests that wait fail with `xenstore-gone`. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#dialling.abort();
    this.forgetWatches();
    this.#connection.destroy(new XlError('xenstore-gone', 'the xenstore connection was closed by this side'));
  }

  #connect(socket: Duplex, peer: string): Connection {
    return new Connection(socket, {
      peer,
      timeoutMs: this.#options.timeoutMs ?? 30_000,
      maxWaiting: this.#options.maxWaiting ?? 16_384,
      onEvent: (payload) => this.#deliver(payload),
      onGone: (reason) => this.#lose(reason),
    });
  }

  /** An event of a watch that was taken back may still be on its way: an unknown token is nobody's. */
  #deliver(payload: Buffer): void {
    const [path, token] = wireStrings(payload);
    if (path !== undefined && token !== undefined) this.#watches.get(token)?.push(path);
  }

  #setWatch(token: string, watch: Watch): void {
    const connection = this.#connection;
    connection
      .request({ name: 'WATCH', transactionId: 0, text: `${watch.path}\0${token}\0` })
      .catch((error: unknown) => {
        if (this.#options.reconnect === true && connection.gone !== undefined) return;
        if (this.#watches.delete(token)) watch.fail(error);
      });
  }

  /** A server that is gone has forgotten the watch by itself. */
  async #unwatch(path: string, token: string): Promise<void> {
    const request: Request = { name: 'UNWATCH', transactionId: 0, text: `${path}\0${token}\0` };
    await this.#connection.request(request).catch(() => undefined);
  }

  #lose(reason: XlError): void {
    if (this.#closed) return;
    if (this.#options.reconnect === true) this.#reconnect(0);
    else {
      for (const watch of this.#watches.values()) watch.fail(reason);
      this.#watches.clear();
    }
  }

  #reconnect(attempt: number): void {
    this.#retry = setTimeout(
      () => {
        dialFirst(pathsOf(this.#options), this.#dialling.signal).then(
          ({ socket, peer }) => {
            this.#connection = this.#connect(socket, peer);
            for (const [token, watch] of this.#watches) this.#setWatch(token, watch);
          },
          () => {
            if (!this.#closed) this.#reconnect(attempt + 1);
          },
        );
      },
      RECONNECT_MS[Math.min(attempt, RECONNECT_MS.length - 1)],
    );
  }
}

const pathsOf = (options: ConnectOptions): string[] =>
  options.path === undefined ? xenstorePaths(process.env) : [options.path];
