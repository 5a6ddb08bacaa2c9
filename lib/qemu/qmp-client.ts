import { createConnection, type Socket } from 'node:net';
import { unreachable, XlError } from '../base/error.ts';
import { encodeCommand, QmpDecoder, type QmpEvent, type QmpMessage } from './qmp-codec.ts';
import { closedError, commandError, goneError, socketError, strayAnswer, timeoutError } from './qmp-error.ts';

/** The bounds of a wait: at most so long, and broken off with the signal's reason. */
export interface QmpWait {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export type QmpListener = (event: QmpEvent) => void;

/** Stands for the greeting among the ids, which are numbers from 1. */
const greetingKey = Symbol('greeting');
/** Whoever has more commands open than this does not wait for answers. */
const mostOpenCommands = 256;

/**
 * A conversation with one QEMU's monitor. Commands may overlap; each answer finds its command by id. A monitor talks to
 * one client at a time, so close it when the work is done. Errors are those of `qmp-error.ts`.
 */
export class QmpClient {
  /** Why the conversation ended, once it has: null where we closed it. */
  readonly closed: Promise<XlError | null>;
  readonly #path: string;
  readonly #socket: Socket;
  readonly #decoder = new QmpDecoder();
  /** Who waits for the answer to which id. */
  readonly #answers = new Map<unknown, (answer: QmpMessage) => void>();
  readonly #waiters = new Set<(reason: Error) => void>();
  readonly #listeners = new Set<QmpListener>();
  readonly #settleClosed: (reason: XlError | null) => void;
  #version = '';
  #lastId = 0;
  #ended: XlError | null = null;

  /** Connects to the monitor's Unix socket and gets it ready for commands; the bounds are for both. */
  static async connect(path: string, wait: QmpWait): Promise<QmpClient> {
    if (wait.signal?.aborted === true) throw abortReason(wait.signal);
    const client = new QmpClient(path);
    try {
      await client.#answerTo(greetingKey, 'its greeting', wait);
      await client.execute('qmp_capabilities', undefined, wait);
      return client;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  private constructor(path: string) {
    let settleClosed: (reason: XlError | null) => void = () => undefined;
    this.closed = new Promise((resolve) => {
      settleClosed = resolve;
    });
    this.#settleClosed = settleClosed;
    this.#path = path;
    this.#socket = createConnection(path);
    this.#socket.on('data', (bytes) => this.#receive(bytes));
    this.#socket.on('error', (error) => this.#end(socketError(path, error)));
    this.#socket.on('close', () => this.#end(goneError(path)));
  }

  /** QEMU's version as its greeting said, `7.2.22`. */
  get version(): string {
    return this.#version;
  }

  /** Does a command; the answer's `return`. A command that was given up may still happen, its answer is then dropped. */
  async execute(command: string, commandArguments: unknown, wait: QmpWait): Promise<unknown> {
    this.#assertOpen(wait);
    if (this.#answers.size >= mostOpenCommands) {
      throw new XlError('qmp-busy', `${mostOpenCommands} commands wait for answers of the monitor ${this.#path}`);
    }
    const id = ++this.#lastId;
    const answer = this.#answerTo(id, `an answer to ${command}`, wait);
    this.#socket.write(encodeCommand(id, command, commandArguments));
    const message = await answer;
    if (message.kind === 'error') throw commandError(command, message);
    return message.kind === 'return' ? message.value : undefined;
  }

  /** Calls the listener for every event from now on; the function that it gives ends that. */
  onEvent(listener: QmpListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * The next event that matches, from this call on: so call it before the command that causes the event. `subject` is
   * what is waited for, for the error.
   */
  async nextEvent(matches: (event: QmpEvent) => boolean, subject: string, wait: QmpWait): Promise<QmpEvent> {
    this.#assertOpen(wait);
    let stopListening = (): void => undefined;
    try {
      return await this.#bounded<QmpEvent>(subject, wait, (resolve) => {
        stopListening = this.onEvent((event) => {
          if (matches(event)) resolve(event);
        });
      });
    } finally {
      stopListening();
    }
  }

  /** Ends the conversation; whoever still waits gets `qmp-closed`. */
  close(): void {
    this.#end(null);
  }

  #receive(bytes: Uint8Array): void {
    try {
      for (const message of this.#decoder.push(bytes)) this.#accept(message);
    } catch (error) {
      if (!(error instanceof XlError)) throw error;
      this.#end(error);
    }
  }

  #accept(message: QmpMessage): void {
    switch (message.kind) {
      case 'event':
        for (const listener of [...this.#listeners]) listener(message);
        return;
      case 'greeting':
        this.#version = message.version;
        this.#hand(greetingKey, message);
        return;
      case 'return':
      case 'error':
        this.#hand(message.id, message);
        return;
      default:
        unreachable(message);
    }
  }

  /** Gives an answer to whoever waits for it. One that comes after its command was given up is dropped. */
  #hand(id: unknown, message: QmpMessage): void {
    const resolve = this.#answers.get(id);
    if (resolve !== undefined) resolve(message);
    else if (!this.#wasAsked(id)) throw strayAnswer(message);
  }

  #wasAsked(id: unknown): boolean {
    return typeof id === 'number' && Number.isInteger(id) && id >= 1 && id <= this.#lastId;
  }

  async #answerTo(id: unknown, subject: string, wait: QmpWait): Promise<QmpMessage> {
    try {
      return await this.#bounded<QmpMessage>(subject, wait, (resolve) => this.#answers.set(id, resolve));
    } finally {
      this.#answers.delete(id);
    }
  }

  /** A promise that `begin` arranges to be resolved, unless the time, the signal or the conversation ends before. */
  #bounded<T>(
    subject: string,
    { timeoutMs, signal }: QmpWait,
    begin: (resolve: (value: T) => void) => void,
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const leave = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        this.#waiters.delete(fail);
      };
      const fail = (reason: Error): void => {
        leave();
        reject(reason);
      };
      const abort = (): void => fail(abortReason(signal));
      const timer = setTimeout(() => fail(timeoutError(this.#path, subject, timeoutMs)), timeoutMs);
      signal?.addEventListener('abort', abort);
      this.#waiters.add(fail);
      begin((value) => {
        leave();
        resolve(value);
      });
    });
  }

  #assertOpen({ signal }: QmpWait): void {
    if (signal?.aborted === true) throw abortReason(signal);
    if (this.#ended !== null) throw this.#ended;
  }

  #end(reason: XlError | null): void {
    if (this.#ended !== null) return;
    this.#ended = reason ?? closedError(this.#path);
    this.#socket.destroy();
    for (const fail of [...this.#waiters]) fail(this.#ended);
    this.#listeners.clear();
    this.#settleClosed(reason);
  }
}

const abortReason = (signal: AbortSignal | undefined): Error =>
  signal?.reason instanceof Error ? signal.reason : new XlError('aborted', 'broken off');
