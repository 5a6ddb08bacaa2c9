import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { Duplex } from 'node:stream';

/** Offsets in a domain's xenstore page (xen/include/public/io/xs_wire.h): two rings of 1024 bytes, then their indices. */
const RING_BYTES = 1024;
const REPLIES = 1024;
const REQUEST_CONSUMER = 2048;
const REQUEST_PRODUCER = 2052;
const REPLY_CONSUMER = 2056;
const REPLY_PRODUCER = 2060;
const ERROR = 2072;

const POLL_MS = 1;

/** The domain's end of its rings: the page is a file that the daemon has mapped; events are looked for by polling. */
export class RingStream extends Duplex {
  readonly #page: number;
  readonly #notify: () => void;
  readonly #timer: NodeJS.Timeout;
  #pending: { rest: Buffer; done: () => void } | undefined;

  /** `notify` fires the ring's event channel. */
  constructor(path: string, notify: () => void) {
    super();
    this.#page = openSync(path, 'r+');
    this.#notify = notify;
    this.#timer = setInterval(() => this.#poll(), POLL_MS);
  }

  override _read(): void {
    // What comes is pushed by the poll.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#pending = { rest: chunk, done };
    this.#poll();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearInterval(this.#timer);
    closeSync(this.#page);
    done(error);
  }

  #poll(): void {
    if (this.#index(ERROR) !== 0) {
      this.destroy();
      return;
    }
    const moved = this.#send() + this.#receive();
    if (moved > 0) this.#notify();
  }

  #send(): number {
    if (this.#pending === undefined) return 0;
    const { rest, done } = this.#pending;
    const producer = this.#index(REQUEST_PRODUCER);
    const room = RING_BYTES - ((producer - this.#index(REQUEST_CONSUMER)) >>> 0);
    const sent = Math.min(room, rest.length);
    for (let at = 0; at < sent; at++) writeSync(this.#page, rest, at, 1, (producer + at) % RING_BYTES);
    this.#setIndex(REQUEST_PRODUCER, producer + sent);
    this.#pending = { rest: rest.subarray(sent), done };
    if (sent === rest.length) {
      this.#pending = undefined;
      done();
    }
    return sent;
  }

  #receive(): number {
    const consumer = this.#index(REPLY_CONSUMER);
    const waiting = (this.#index(REPLY_PRODUCER) - consumer) >>> 0;
    if (waiting === 0) return 0;
    const bytes = Buffer.alloc(waiting);
    for (let at = 0; at < waiting; at++) readSync(this.#page, bytes, at, 1, REPLIES + ((consumer + at) % RING_BYTES));
    this.#setIndex(REPLY_CONSUMER, consumer + waiting);
    this.push(bytes);
    return waiting;
  }

  #index(offset: number): number {
    const bytes = Buffer.alloc(4);
    readSync(this.#page, bytes, 0, 4, offset);
    return bytes.readUInt32LE();
  }

  #setIndex(offset: number, value: number): void {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value >>> 0);
    writeSync(this.#page, bytes, 0, 4, offset);
  }
}
