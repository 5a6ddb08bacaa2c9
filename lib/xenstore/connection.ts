import { setMaxListeners } from 'node:events';
import type { Duplex } from 'node:stream';
import { errnoOf, XlError } from '../base/error.ts';
import {
  HEADER_BYTES,
  MessageType,
  PAYLOAD_MAX,
  Parser,
  REPLY_MAX,
  messageName,
  wireText,
  writeHeader,
} from './codec.ts';
import type { MessageName, Packet } from './codec.ts';
import { storeFailure } from './failure.ts';

/** What each request may say about itself. */
export interface RequestOptions {
  /** Ends the wait; the request itself may have been done. The promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds to wait for the answer; the connection's own bound unless said. Then `xenstore-timeout`. */
  readonly timeoutMs?: number | undefined;
}

/** One request before it is sent: payload strings are written as they are, so each brings the nul that it needs. */
export interface Request {
  readonly name: MessageName;
  readonly transactionId: number;
  readonly text: string;
  /** Bytes after the text: the value of a WRITE. */
  readonly bytes?: Uint8Array | undefined;
}

export interface ConnectionOptions {
  /** What the other end is called in errors: the socket's path. */
  readonly peer: string;
  readonly timeoutMs: number;
  /** How many requests may wait for an answer at once; one more is refused with `xenstore-busy`. */
  readonly maxWaiting: number;
  /** The req_id after which the first request's comes; 0 unless said. */
  readonly lastRequestId?: number | undefined;
  /** A watch event's payload. */
  readonly onEvent: (payload: Buffer) => void;
  /** Called once, when the connection is over, with why. */
  readonly onGone: (reason: XlError) => void;
}

interface Waiting {
  readonly request: Request;
  readonly timeoutMs: number;
  readonly deadline: number;
  /** Undefined once nobody waits any more; the entry stays until the answer comes, to know it by. */
  settle: Settle | undefined;
}

interface Settle {
  readonly resolve: (payload: Buffer) => void;
  readonly reject: (error: unknown) => void;
}

/** Requests are written into slabs of this size; a slab is never written to twice, so nothing is copied. */
const SLAB_BYTES = 64 * 1024;
/** Room that any request fits into: UTF-8 takes at most three bytes a UTF-16 unit. */
const REQUEST_ROOM = HEADER_BYTES + 4 * PAYLOAD_MAX;

/**
 * One xenstore connection for as long as its socket lives. Requests are pipelined: those of one turn of the event loop
 * leave in one write, and each answer finds its request by req_id. Both servers answer in order.
 */
export class Connection {
  readonly #socket: Duplex;
  readonly #options: ConnectionOptions;
  readonly #parser = new Parser(REPLY_MAX);
  readonly #waiting = new Map<number, Waiting>();
  #lastId: number;
  #slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  #sent = 0;
  #written = 0;
  #timer: NodeJS.Timeout | undefined;
  #gone: XlError | undefined;

  constructor(socket: Duplex, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#lastId = options.lastRequestId ?? 0;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (error) => this.#end(this.#goneBecause(errnoOf(error) ?? error.message, error)));
    socket.on('end', () => this.#end(this.#goneBecause('the server closed the connection')));
    socket.on('close', () => this.#end(this.#goneBecause('the connection was closed')));
  }

  /** Why the connection is over, or undefined while it lives. */
  get gone(): XlError | undefined {
    return this.#gone;
  }

  /** Sends a request; the answer's payload. An ERROR answer rejects with its name (see storeFailure). */
  request(request: Request, options: RequestOptions = {}): Promise<Buffer> {
    const { signal, timeoutMs = this.#options.timeoutMs } = options;
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const deadline = performance.now() + timeoutMs;
      const waiting: Waiting = { request, timeoutMs, deadline, settle: { resolve, reject } };
      this.#send(request, waiting);
      if (signal !== undefined) abandonOn(signal, waiting, { resolve, reject });
    });
  }

  /** Ends the connection; what still waits is refused with `reason`. */
  destroy(reason: XlError): void {
    this.#end(reason);
  }

  #send(request: Request, waiting: Waiting): void {
    if (this.#gone !== undefined) throw this.#gone;
    if (this.#waiting.size >= this.#options.maxWaiting) {
      throw new XlError('xenstore-busy', `${this.#waiting.size} requests already wait for ${this.#options.peer}`, {
        hint: 'wait for some answers before asking more',
      });
    }
    const id = this.#nextId();
    this.#write(id, request);
    this.#waiting.set(id, waiting);
    this.#timer ??= this.#watchTheClock();
  }

  /** Ids run through all 32 bits and begin anew; 0 is the events', and one that still waits is not given again. */
  #nextId(): number {
    do this.#lastId = (this.#lastId + 1) >>> 0;
    while (this.#lastId === 0 || this.#waiting.has(this.#lastId));
    return this.#lastId;
  }

  #write(id: number, request: Request): void {
    if (request.text.length > PAYLOAD_MAX || (request.bytes?.length ?? 0) > PAYLOAD_MAX) throw tooBig(request);
    if (SLAB_BYTES - this.#written < REQUEST_ROOM) {
      this.#flush();
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#sent = this.#written = 0;
    }
    const start = this.#written + HEADER_BYTES;
    let end = start + this.#slab.write(request.text, start);
    if (request.bytes !== undefined) {
      this.#slab.set(request.bytes, end);
      end += request.bytes.length;
    }
    if (end - start > PAYLOAD_MAX) throw tooBig(request);
    writeHeader(this.#slab, this.#written, MessageType[request.name], id, request.transactionId, end - start);
    if (this.#written === this.#sent) process.nextTick(() => this.#flush());
    this.#written = end;
  }

  #flush(): void {
    if (this.#written === this.#sent || this.#gone !== undefined) return;
    this.#socket.write(this.#slab.subarray(this.#sent, this.#written));
    this.#sent = this.#written;
  }

  #receive(chunk: Buffer): void {
    for (const packet of this.#parser.feed(chunk)) {
      if (this.#gone !== undefined) return;
      if (packet.type === MessageType.WATCH_EVENT) this.#options.onEvent(packet.payload);
      else this.#answer(packet);
    }
    if (this.#parser.failure !== undefined) this.#end(this.#parser.failure);
  }

  #answer(packet: Packet): void {
    const waiting = this.#waiting.get(packet.requestId);
    if (waiting === undefined) return;
    this.#waiting.delete(packet.requestId);
    const { request, settle } = waiting;
    if (packet.type === MessageType.ERROR) {
      settle?.reject(storeFailure(wireText(packet.payload).replace(/\0.*$/s, ''), describe(request)));
    } else if (packet.type !== MessageType[request.name]) {
      const got = messageName(packet.type) ?? `message ${packet.type}`;
      const error = new XlError('xenstore-bad-message', `xenstore answered ${describe(request)} with ${got}`);
      settle?.reject(error);
      this.#end(error);
    } else if (settle === undefined) this.#undo(request, packet.payload);
    else settle.resolve(packet.payload);
  }

  /** A late answer that nobody waits for must not leave a transaction or a watch behind at the server. */
  #undo(request: Request, payload: Buffer): void {
    if (request.name === 'WATCH') this.#forget({ name: 'UNWATCH', transactionId: 0, text: request.text });
    if (request.name !== 'TRANSACTION_START') return;
    this.#forget({ name: 'TRANSACTION_END', transactionId: Number.parseInt(wireText(payload), 10), text: 'F\0' });
  }

  #forget(request: Request): void {
    this.request(request).catch(() => undefined);
  }

  /** One coarse timer looks at all deadlines: a timer a request would cost more than the request. */
  #watchTheClock(): NodeJS.Timeout {
    const everyMs = Math.max(5, Math.min(250, this.#options.timeoutMs / 4));
    return setInterval(() => {
      const now = performance.now();
      let someoneWaits = false;
      for (const waiting of this.#waiting.values()) {
        if (waiting.deadline <= now) {
          waiting.settle?.reject(this.#timeout(waiting));
          waiting.settle = undefined;
        }
        someoneWaits ||= waiting.settle !== undefined;
      }
      if (!someoneWaits) this.#stopTheClock();
    }, everyMs);
  }

  #stopTheClock(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #timeout({ request, timeoutMs }: Waiting): XlError {
    const { peer } = this.#options;
    return new XlError('xenstore-timeout', `${peer} did not answer ${describe(request)} within ${timeoutMs / 1000} s`, {
      hint: 'xenstored is there but silent: see whether it hangs or is stopped',
    });
  }

  #goneBecause(what: string, cause?: unknown): XlError {
    return new XlError('xenstore-gone', `xenstore at ${this.#options.peer} is gone: ${what}`, {
      hint: 'see whether xenstored still runs',
      cause,
    });
  }

  #end(reason: XlError): void {
    if (this.#gone !== undefined) return;
    this.#gone = reason;
    this.#stopTheClock();
    this.#socket.destroy();
    for (const { settle } of this.#waiting.values()) settle?.reject(reason);
    this.#waiting.clear();
    this.#options.onGone(reason);
  }
}

function abandonOn(signal: AbortSignal, waiting: Waiting, { resolve, reject }: Settle): void {
  const abort = (): void => {
    waiting.settle = undefined;
    reject(signal.reason);
  };
  const withoutSignal =
    <T>(settle: (value: T) => void) =>
    (value: T): void => {
      signal.removeEventListener('abort', abort);
      settle(value);
    };
  // Requests overlap freely, and all of a transaction's may hang on one signal: that is no leak.
  setMaxListeners(0, signal);
  signal.addEventListener('abort', abort, { once: true });
  waiting.settle = { resolve: withoutSignal(resolve), reject: withoutSignal(reject) };
}

const tooBig = (request: Request): XlError =>
  new XlError('xenstore-too-big', `${describe(request)} takes more than the ${PAYLOAD_MAX} bytes that fit a message`, {
    hint: 'a value has at most 4096 bytes less its path and a nul',
  });

/** `READ /a/b`, for messages: the operation and the first string of its payload. */
function describe(request: Request): string {
  const subject = request.text.slice(0, 200).split('\0', 1)[0]!;
  return subject === '' ? request.name : `${request.name} ${subject}`;
}
