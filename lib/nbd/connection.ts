import type { Buffers } from './buffers.ts';
import type { Extent, MetaContext, NbdExport } from './export.ts';
import { nbdErrnoOf } from './errno.ts';
import { Negotiation, type Agreement } from './negotiation.ts';
import { Command, CommandFlag, NbdErrno, PAYLOAD_MAX, type Request } from './protocol.ts';
import {
  DATA_CHUNK_HEAD,
  errorChunk,
  putDataChunkHead,
  putSimpleHead,
  SIMPLE_HEAD,
  simpleReply,
  statusChunk,
} from './replies.ts';
import { RequestReader } from './requests.ts';

/** The way to a client. */
export interface Transport {
  /** Sends bytes; `sent` is called when they are not needed any more. */
  send(bytes: Uint8Array, sent?: () => void): void;
  /** Takes nothing more from the client until `resume`. */
  pause(): void;
  resume(): void;
  /** Ends the connection after what was sent. */
  end(): void;
}

export interface ConnectionOptions {
  readonly exports: readonly NbdExport[];
  readonly transport: Transport;
  readonly buffers: Buffers;
  /** Bytes of requests that this connection may have under way. */
  readonly limit: () => number;
  /** Acknowledge a write only when it is durable. */
  readonly alwaysFua: boolean;
  readonly log: (line: string) => void;
}

/** Data goes to and from the disk in pieces of this size at most: it bounds memory whatever a client asks for. */
const PIECE = 1024 * 1024;
/** Requests under way beyond this wait: each costs memory, even one of a single byte. */
const REQUESTS_AT_ONCE = 512;
/** Extents of one answer. */
const EXTENTS_MAX = 8192;

/** A write whose data is coming in. */
interface Incoming {
  readonly request: Request;
  /** An errno for which the data is only let pass. */
  errno: number;
  offset: number;
  pieces: Uint8Array[];
  bytes: number;
  readonly parts: Promise<void>[];
}

/** The server's side of one connection: bytes in, bytes out, and an export between. It never sees a socket. */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #negotiation: Negotiation;
  readonly #reader = new RequestReader();
  #agreement: Agreement | null = null;
  #incoming: Incoming | null = null;
  readonly #waiting: Request[] = [];
  #underWay = 0;
  #bytes = 0;
  #paused = false;
  #over = false;
  /** Who has the way to the client for itself, and what waits behind. */
  #exclusive = false;
  readonly #behind: (() => void)[] = [];
  #whenIdle: (() => void)[] = [];

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#negotiation = new Negotiation(options.exports, (bytes) => options.transport.send(bytes));
  }

  /** Takes what has come from the client. */
  push(bytes: Uint8Array): void {
    if (this.#over) return;
    if (this.#agreement !== null) {
      this.#transmit(bytes);
      return;
    }
    const outcome = this.#negotiation.push(bytes);
    if (outcome.state === 'over') {
      this.#end(outcome.why);
      return;
    }
    if (outcome.state === 'more') return;
    this.#agreement = outcome.agreement;
    this.#transmit(outcome.rest);
  }

  /** The client has gone, or is to go: nothing new is begun. Resolves when all that was begun has ended. */
  async close(): Promise<void> {
    this.#over = true;
    this.#waiting.length = 0;
    const incoming = this.#incoming;
    this.#incoming = null;
    // A write whose data will never be whole is under way for ever otherwise.
    if (incoming !== null) this.#finish(0);
    if (this.#underWay > 0) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
  }

  #transmit(bytes: Uint8Array): void {
    const understood = this.#reader.push(bytes, {
      request: (request) => this.#take(request),
      payload: (piece, remaining) => this.#takePayload(piece, remaining),
    });
    if (!understood) {
      this.#end('a request has no magic');
      return;
    }
    this.#holdBack();
  }

  #take(request: Request): void {
    if (this.#over) return;
    if (request.type === Command.Disconnect) {
      this.#end(null);
      return;
    }
    if (request.type === Command.Write) {
      this.#beginWrite(request);
      return;
    }
    if (this.#isFull() || this.#waiting.length > 0) this.#waiting.push(request);
    else this.#start(request);
  }

  #isFull(): boolean {
    return this.#underWay >= REQUESTS_AT_ONCE || (this.#bytes > 0 && this.#bytes >= this.#options.limit());
  }

  /** Stops listening while there is enough to do; starts what waits when there is not. */
  #holdBack(): void {
    while (this.#waiting.length > 0 && !this.#isFull() && !this.#over) this.#start(this.#waiting.shift()!);
    const full = this.#isFull() || this.#waiting.length > 0;
    if (full === this.#paused || this.#over) return;
    this.#paused = full;
    if (full) this.#options.transport.pause();
    else this.#options.transport.resume();
  }

  #begin(bytes: number): void {
    this.#underWay++;
    this.#bytes += bytes;
  }

  #finish(bytes: number): void {
    this.#underWay--;
    this.#bytes -= bytes;
    if (this.#underWay === 0) {
      for (const resolve of this.#whenIdle) resolve();
      this.#whenIdle = [];
    }
    this.#holdBack();
  }

  #start(request: Request): void {
    const errno = this.#refusal(request);
    if (errno !== 0) {
      this.#fail(request, errno, 'the request is refused');
      return;
    }
    switch (request.type) {
      case Command.Read: {
        this.#read(request);
        return;
      }
      case Command.Flush: {
        this.#act(request, () => this.#disk.flush());
        return;
      }
      case Command.WriteZeroes: {
        this.#act(request, async () => {
          await this.#disk.writeZeroes(Number(request.offset), request.length);
          await this.#settle(request);
        });
        return;
      }
      case Command.BlockStatus: {
        this.#blockStatus(request);
        return;
      }
      default: {
        this.#fail(request, NbdErrno.EINVAL, 'this command is not known here');
        return;
      }
    }
  }

  /** Why a request cannot be served, by its own words; 0 where it can. */
  #refusal({ type, flags, offset, length }: Request): number {
    if (type === Command.Flush) return 0;
    const writing = type === Command.Write || type === Command.WriteZeroes;
    if (type === Command.Trim || type === Command.Cache) return NbdErrno.ENOTSUP;
    if (writing && this.#disk.readOnly) return NbdErrno.EPERM;
    if (offset + BigInt(length) > BigInt(this.#disk.size)) return writing ? NbdErrno.ENOSPC : NbdErrno.EINVAL;
    if (length === 0) return NbdErrno.EINVAL;
    if ((type === Command.Read || type === Command.Write) && length > PAYLOAD_MAX) return NbdErrno.EOVERFLOW;
    // To zero fast would be to have a bit for zeroes; the data has to be written.
    if (type === Command.WriteZeroes && (flags & CommandFlag.FastZero) !== 0) return NbdErrno.ENOTSUP;
    if (type === Command.Read && (flags & CommandFlag.Df) !== 0 && length > PIECE) return NbdErrno.EOVERFLOW;
    return 0;
  }

  #read(request: Request): void {
    const { length } = request;
    if (length <= PIECE) {
      this.#begin(length);
      void this.#readPiece(request, 0, length, true).finally(() => this.#finish(length));
      return;
    }
    // One piece after the other: a request of any size takes the memory of one.
    this.#begin(PIECE);
    void this.#readPieces(request).finally(() => this.#finish(PIECE));
  }

  async #readPieces(request: Request): Promise<void> {
    const { length } = request;
    // Between the pieces of a simple reply nothing else may stand.
    const release = this.#structured ? null : await this.#takeTheWay();
    try {
      for (let done = 0; done < length && !this.#over;) {
        const piece = Math.min(PIECE, length - done);
        if (!(await this.#readPiece(request, done, piece, done + piece === length, release !== null))) return;
        done += piece;
      }
    } finally {
      release?.();
    }
  }

  /** Reads a piece of a request and sends it; resolves when the bytes are with the kernel. False where it failed. */
  async #readPiece(request: Request, done: number, length: number, last: boolean, owner = false): Promise<boolean> {
    const { cookie } = request;
    const offset = Number(request.offset) + done;
    const head = this.#structured ? DATA_CHUNK_HEAD : done === 0 ? SIMPLE_HEAD : 0;
    const buffer = this.#options.buffers.take(head + length);
    try {
      await this.#disk.read(buffer.subarray(head, head + length), offset);
    } catch (error) {
      this.#options.buffers.give(buffer);
      // The head of a simple reply has promised all of the data: there is no way back.
      if (!this.#structured && done > 0) this.#end(`a read failed: ${String(error)}`);
      else this.#failOf(request, error, owner);
      return false;
    }
    if (this.#structured) putDataChunkHead(buffer, { cookie, offset, length, last });
    else if (done === 0) putSimpleHead(buffer, cookie, 0);
    await new Promise<void>((resolve) => this.#send(buffer.subarray(0, head + length), resolve, owner));
    this.#options.buffers.give(buffer);
    return true;
  }

  #beginWrite(request: Request): void {
    const errno = this.#refusal(request);
    if (errno === NbdErrno.EOVERFLOW) {
      this.#end(`a write of ${request.length} bytes`);
      return;
    }
    if (request.length === 0) {
      this.#fail(request, errno, 'a write of nothing');
      return;
    }
    this.#begin(0);
    this.#incoming = { request, errno, offset: Number(request.offset), pieces: [], bytes: 0, parts: [] };
  }

  #takePayload(piece: Uint8Array, remaining: number): void {
    const incoming = this.#incoming;
    if (incoming === null) return;
    if (incoming.errno === 0) {
      incoming.pieces.push(piece);
      incoming.bytes += piece.length;
      if (incoming.bytes >= PIECE || remaining === 0) this.#writePart(incoming);
    }
    if (remaining > 0) return;
    this.#incoming = null;
    void this.#endWrite(incoming).finally(() => this.#finish(0));
  }

  /** Writes what has come so far; the rest of the data comes in meanwhile. */
  #writePart(incoming: Incoming): void {
    const { pieces, offset, bytes } = incoming;
    incoming.pieces = [];
    incoming.offset += bytes;
    incoming.bytes = 0;
    this.#begin(bytes);
    const part = this.#disk.write(pieces, offset).finally(() => this.#finish(bytes));
    // Its failure is told when all of the data has come.
    part.catch(() => undefined);
    incoming.parts.push(part);
  }

  async #endWrite({ request, errno, parts }: Incoming): Promise<void> {
    if (errno !== 0) {
      this.#fail(request, errno, 'the request is refused');
      return;
    }
    try {
      if (parts.length === 1) await parts[0];
      else for (const part of await Promise.allSettled(parts)) if (part.status === 'rejected') throw part.reason;
      await this.#settle(request);
      this.#send(simpleReply(request.cookie, 0));
    } catch (error) {
      this.#failOf(request, error);
    }
  }

  #blockStatus(request: Request): void {
    const contexts = this.#agreement!.contexts;
    if (contexts.length === 0) {
      this.#fail(request, NbdErrno.EINVAL, 'no context was negotiated');
      return;
    }
    this.#begin(0);
    void this.#answerStatus(request, contexts).finally(() => this.#finish(0));
  }

  async #answerStatus(request: Request, contexts: readonly MetaContext[]): Promise<void> {
    const { cookie, flags, length } = request;
    try {
      const answers = await Promise.all(contexts.map((context) => context.status(Number(request.offset), length)));
      answers.forEach((extents, index) => {
        const shown = atMost(extents, (flags & CommandFlag.ReqOne) !== 0 ? 1 : EXTENTS_MAX, length);
        this.#send(statusChunk(cookie, index + 1, shown, index === answers.length - 1));
      });
    } catch (error) {
      this.#failOf(request, error);
    }
  }

  #act(request: Request, action: () => Promise<void>): void {
    this.#begin(0);
    void action()
      .then(
        () => this.#send(simpleReply(request.cookie, 0)),
        (error: unknown) => this.#failOf(request, error),
      )
      .finally(() => this.#finish(0));
  }

  /** FUA: what the request wrote is durable before it is acknowledged. */
  async #settle({ flags }: Request): Promise<void> {
    if (this.#options.alwaysFua || (flags & CommandFlag.Fua) !== 0) await this.#disk.flush();
  }

  #failOf(request: Request, error: unknown, owner = false): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#options.log(
      `${commandName(request.type)} of ${request.length} bytes at ${request.offset} failed: ${message}`,
    );
    this.#fail(request, nbdErrnoOf(error), message, owner);
  }

  /** With structured replies negotiated, what would have data answers with a chunk also where it failed. */
  #fail({ type, cookie }: Request, errno: number, message: string, owner = false): void {
    const chunked = this.#structured && (type === Command.Read || type === Command.BlockStatus);
    this.#send(chunked ? errorChunk(cookie, errno, message) : simpleReply(cookie, errno), undefined, owner);
  }

  #send(bytes: Uint8Array, sent?: () => void, owner = false): void {
    if (this.#exclusive && !owner) this.#behind.push(() => this.#options.transport.send(bytes, sent));
    else this.#options.transport.send(bytes, sent);
  }

  async #takeTheWay(): Promise<() => void> {
    while (this.#exclusive) await new Promise<void>((resolve) => this.#behind.push(resolve));
    this.#exclusive = true;
    return () => {
      this.#exclusive = false;
      for (const next of this.#behind.splice(0)) next();
    };
  }

  #end(why: string | null): void {
    if (this.#over) return;
    this.#over = true;
    if (why !== null) this.#options.log(`connection ended: ${why}`);
    this.#options.transport.end();
  }

  get #disk(): NbdExport {
    return this.#agreement!.disk;
  }

  get #structured(): boolean {
    return this.#agreement!.structured;
  }
}

/** The first extents, cut to the length that was asked about. */
function atMost(extents: readonly Extent[], count: number, length: number): Extent[] {
  const shown: Extent[] = [];
  let left = length;
  for (const extent of extents.slice(0, count)) {
    if (left <= 0) break;
    shown.push({ length: Math.min(extent.length, left), flags: extent.flags });
    left -= extent.length;
  }
  return shown;
}

const commandName = (type: number): string =>
  Object.entries(Command)
    .find(([, number]) => number === type)?.[0]
    .toLowerCase() ?? `command ${type}`;
