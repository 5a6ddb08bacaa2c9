import { BytesIn } from './bytes-in.ts';
import { Command, REQUEST_BYTES, REQUEST_MAGIC, viewOf, type Request } from './protocol.ts';

/** Who gets what a client asks. */
export interface RequestSink {
  request(request: Request): void;
  /** Bytes of the write that was the last request, in order; how many are still to come. */
  payload(bytes: Uint8Array, remaining: number): void;
}

/** Cuts a client's bytes into requests and their data. Data is passed on as it came, without a copy. */
export class RequestReader {
  readonly #input = new BytesIn();
  #remaining = 0;

  /** False where the bytes are no request: nothing behind them can be understood. */
  push(bytes: Uint8Array, sink: RequestSink): boolean {
    this.#input.push(bytes);
    for (;;) {
      if (this.#remaining > 0) {
        const piece = this.#input.takeUpTo(this.#remaining);
        if (piece.length === 0) return true;
        this.#remaining -= piece.length;
        sink.payload(piece, this.#remaining);
        continue;
      }
      const head = this.#input.take(REQUEST_BYTES);
      if (head === null) return true;
      const request = decodeRequest(head);
      if (request === null) return false;
      if (request.type === Command.Write) this.#remaining = request.length;
      sink.request(request);
    }
  }
}

/** Reads a request's 28 bytes; null where they do not begin as one. */
export function decodeRequest(bytes: Uint8Array): Request | null {
  const view = viewOf(bytes);
  if (view.getUint32(0) !== REQUEST_MAGIC) return null;
  return {
    flags: view.getUint16(4),
    type: view.getUint16(6),
    cookie: view.getBigUint64(8),
    offset: view.getBigUint64(16),
    length: view.getUint32(24),
  };
}

/** A request's 28 bytes. */
export function encodeRequest({ flags, type, cookie, offset, length }: Request): Uint8Array {
  const bytes = new Uint8Array(REQUEST_BYTES);
  const view = viewOf(bytes);
  view.setUint32(0, REQUEST_MAGIC);
  view.setUint16(4, flags);
  view.setUint16(6, type);
  view.setBigUint64(8, cookie);
  view.setBigUint64(16, offset);
  view.setUint32(24, length);
  return bytes;
}
