import { BytesIn } from './bytes-in.ts';
import { protocolError } from './client-handshake.ts';
import { SIMPLE_REPLY_MAGIC, viewOf } from './protocol.ts';
import { SIMPLE_HEAD } from './replies.ts';

/** Where the data of a reply goes, and who hears of its end. */
export interface Awaited {
  /** What a read is to fill; empty for other requests. */
  readonly target: Uint8Array;
  done(errno: number): void;
}

/** Cuts a server's bytes into simple replies and gives each to who awaits it. */
export class ReplyReader {
  readonly #input = new BytesIn();
  #current: { readonly awaited: Awaited; filled: number } | null = null;

  /** `find` gives up who awaits the reply with this cookie. Throws XlError `nbd-protocol`. */
  push(bytes: Uint8Array, find: (cookie: bigint) => Awaited | null): void {
    this.#input.push(bytes);
    for (;;) {
      if (this.#current === null) {
        const head = this.#input.take(SIMPLE_HEAD);
        if (head === null) return;
        const view = viewOf(head);
        if (view.getUint32(0) !== SIMPLE_REPLY_MAGIC) throw protocolError('a reply has no magic');
        const awaited = find(view.getBigUint64(8));
        if (awaited === null) throw protocolError('a reply answers nothing');
        const errno = view.getUint32(4);
        if (errno === 0) this.#current = { awaited, filled: 0 };
        else awaited.done(errno);
        continue;
      }
      const { awaited, filled } = this.#current;
      if (filled < awaited.target.length) {
        const piece = this.#input.takeUpTo(awaited.target.length - filled);
        if (piece.length === 0) return;
        awaited.target.set(piece, filled);
        this.#current.filled += piece.length;
        continue;
      }
      this.#current = null;
      awaited.done(0);
    }
  }
}
