import { XlError } from '../base/error.ts';
import { BytesIn } from './bytes-in.ts';
import {
  HandshakeFlag,
  Info,
  join,
  NBD_MAGIC,
  Option,
  OPTION_MAGIC,
  OPTION_REPLY_MAGIC,
  OptionReply,
  u16,
  u32,
  u64,
  utf8,
  viewOf,
} from './protocol.ts';

/** What a server says of an export. */
export interface ExportInfo {
  /** Bytes. */
  readonly size: number;
  readonly flags: number;
}

/** No reply to an option is longer. */
const REPLY_MAX = 65_536;

/** The client's half of the negotiation: asks for one export with simple replies. It never sees a socket. */
export class ClientHandshake {
  readonly #input = new BytesIn();
  readonly #name: string;
  readonly #send: (bytes: Uint8Array) => void;
  #greeted = false;
  #info: ExportInfo | null = null;
  #head: { readonly type: number; readonly length: number } | null = null;

  constructor(name: string, send: (bytes: Uint8Array) => void) {
    this.#name = name;
    this.#send = send;
  }

  /** The export when all is agreed, and the bytes behind; null before. Throws XlError `nbd-refused`, `nbd-protocol`. */
  push(bytes: Uint8Array): { readonly info: ExportInfo; readonly rest: Uint8Array } | null {
    this.#input.push(bytes);
    if (!this.#greeted && !this.#greet()) return null;
    for (;;) {
      if (this.#head === null) {
        const head = this.#input.take(20);
        if (head === null) return null;
        const view = viewOf(head);
        if (view.getBigUint64(0) !== OPTION_REPLY_MAGIC) throw protocolError('a reply has no magic');
        this.#head = { type: view.getUint32(12), length: view.getUint32(16) };
        if (this.#head.length > REPLY_MAX) throw protocolError(`a reply has ${this.#head.length} bytes`);
      }
      const data = this.#input.take(this.#head.length);
      if (data === null) return null;
      const { type } = this.#head;
      this.#head = null;
      if (type === OptionReply.Info) this.#takeInfo(data);
      else if (type === OptionReply.Ack && this.#info !== null) {
        return { info: this.#info, rest: this.#input.take(this.#input.length)! };
      } else throw refusal(this.#name, type, data);
    }
  }

  #greet(): boolean {
    const bytes = this.#input.take(18);
    if (bytes === null) return false;
    const view = viewOf(bytes);
    if (view.getBigUint64(0) !== NBD_MAGIC || view.getBigUint64(8) !== OPTION_MAGIC) {
      throw protocolError('it does not greet as an NBD server of today does');
    }
    const flags = view.getUint16(16) & (HandshakeFlag.FixedNewstyle | HandshakeFlag.NoZeroes);
    const name = utf8(this.#name);
    const go = join(u32(name.length), name, u16(0));
    this.#send(join(u32(flags), u64(OPTION_MAGIC), u32(Option.Go), u32(go.length), go));
    this.#greeted = true;
    return true;
  }

  #takeInfo(data: Uint8Array): void {
    const view = viewOf(data);
    if (data.length < 2 || view.getUint16(0) !== Info.Export) return;
    if (data.length !== 12) throw protocolError('its description of the export has another form');
    const size = view.getBigUint64(2);
    if (size > BigInt(Number.MAX_SAFE_INTEGER)) throw protocolError(`the export has ${size} bytes`);
    this.#info = { size: Number(size), flags: view.getUint16(10) };
  }
}

function refusal(name: string, type: number, data: Uint8Array): XlError {
  const words = new TextDecoder().decode(data.subarray(0, 200));
  const what = type === OptionReply.UnknownExport ? 'has no export' : 'refuses the export';
  return new XlError('nbd-refused', `the NBD server ${what} "${name}"${words === '' ? '' : `: ${words}`}`);
}

/** The error for a server that does not keep to the protocol. */
export const protocolError = (what: string): XlError =>
  new XlError('nbd-protocol', `the NBD server does not keep to the protocol: ${what}`);
