import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { errnoOf, XlError } from '../../base/error.ts';
import { decodeAnswer, encodeLine, fromWire, LineSplitter, type Answers, type Request } from './control.ts';

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** What a request is answered with. */
export type AnswerTo<R extends Request> = Answers[R['op']];

/**
 * A connection to the embedded host's daemon. Errors: those of the daemon as it gave them, `host-unreachable` where
 * nobody listens, `host-gone` where the daemon ends before it has answered.
 */
export class ControlClient {
  /** Resolves when the connection is over, whoever ended it. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #path: string;
  readonly #lines = new LineSplitter();
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #end: XlError | null = null;

  private constructor(socket: Socket, path: string) {
    this.#socket = socket;
    this.#path = path;
    socket.on('data', (bytes: Buffer) => this.#receive(bytes));
    socket.on('error', () => socket.destroy());
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.#finish();
        resolve();
      });
    });
  }

  static async connect(path: string, options: { readonly signal?: AbortSignal } = {}): Promise<ControlClient> {
    const socket = createConnection(path);
    try {
      await once(socket, 'connect', options);
    } catch (error) {
      socket.destroy();
      options.signal?.throwIfAborted();
      throw new XlError('host-unreachable', `nobody answers at ${path}: ${errnoOf(error) ?? String(error)}`, {
        cause: error,
        hint: '`xl host status` tells whether the embedded host runs',
      });
    }
    return new ControlClient(socket, path);
  }

  /** Asks; when the signal fires the answer is no longer waited for, though what was asked may happen. */
  async ask<R extends Request>(request: R, signal?: AbortSignal): Promise<AnswerTo<R>> {
    signal?.throwIfAborted();
    if (this.#end !== null) throw this.#end;
    this.#lastId += 1;
    const id = this.#lastId;
    this.#socket.write(encodeLine({ ...request, id }));
    const forget = new AbortController();
    try {
      return (await new Promise<unknown>((resolve, reject) => {
        this.#waiting.set(id, { resolve, reject });
        const abort = (): void => reject(signal!.reason as Error);
        signal?.addEventListener('abort', abort, { once: true, signal: forget.signal });
      })) as AnswerTo<R>;
    } finally {
      forget.abort();
      this.#waiting.delete(id);
    }
  }

  /** Lets the process end although the connection is open. */
  unref(): void {
    this.#socket.unref();
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(bytes: Buffer): void {
    try {
      for (const line of this.#lines.push(bytes)) {
        const answer = decodeAnswer(line);
        const waiting = answer.id === null ? undefined : this.#waiting.get(answer.id);
        if ('error' in answer) {
          if (answer.id === null) throw fromWire(answer.error);
          waiting?.reject(fromWire(answer.error));
        } else waiting?.resolve(answer.result);
      }
    } catch (error) {
      this.#end ??= error instanceof XlError ? error : null;
      this.#socket.destroy();
    }
  }

  #finish(): void {
    this.#end ??= new XlError('host-gone', `the embedded host's daemon at ${this.#path} has gone`, {
      hint: 'its last words are in log/daemon.log of its state directory; the next command starts it anew',
    });
    for (const { reject } of this.#waiting.values()) reject(this.#end);
    this.#waiting.clear();
  }
}
