import { BytesIn } from './bytes-in.ts';
import type { MetaContext, NbdExport } from './export.ts';
import {
  HandshakeFlag,
  Info,
  join,
  NAME_MAX,
  NBD_MAGIC,
  Option,
  OPTION_MAGIC,
  OPTION_REPLY_MAGIC,
  OptionReply,
  PAYLOAD_MAX,
  TransmissionFlag,
  u16,
  u32,
  u64,
  utf8,
  viewOf,
} from './protocol.ts';

/** What a client has chosen. */
export interface Agreement {
  readonly disk: NbdExport;
  readonly structured: boolean;
  /** Contexts for block status; their numbers are their places, counted from 1. */
  readonly contexts: readonly MetaContext[];
}

export type Outcome =
  | { readonly state: 'more' }
  /** The connection ends, after what is to be sent. */
  | { readonly state: 'over'; readonly why: string }
  /** What came behind the last option is the first of the transmission. */
  | { readonly state: 'agreed'; readonly agreement: Agreement; readonly rest: Uint8Array };

/** An option's data beyond this is nothing that a client of ours would send. */
const OPTION_DATA_MAX = 65_536;
/** A client that only talks is sent away. */
const OPTIONS_MAX = 1000;
const MORE: Outcome = { state: 'more' };

/** The server's half of the negotiation, fed with bytes; it never sees a socket. What it says is in `send`. */
export class Negotiation {
  readonly #exports: readonly NbdExport[];
  readonly #input = new BytesIn();
  readonly #send: (bytes: Uint8Array) => void;
  #clientFlags: number | null = null;
  #structured = false;
  #contexts: { readonly of: string; readonly list: readonly MetaContext[] } = { of: '', list: [] };
  #options = 0;

  constructor(exports: readonly NbdExport[], send: (bytes: Uint8Array) => void) {
    this.#exports = exports;
    this.#send = send;
    send(join(u64(NBD_MAGIC), u64(OPTION_MAGIC), u16(HandshakeFlag.FixedNewstyle | HandshakeFlag.NoZeroes)));
  }

  push(bytes: Uint8Array): Outcome {
    this.#input.push(bytes);
    for (;;) {
      const outcome = this.#clientFlags === null ? this.#takeFlags() : this.#takeOption();
      if (outcome !== null) return outcome;
    }
  }

  #takeFlags(): Outcome | null {
    const bytes = this.#input.take(4);
    if (bytes === null) return MORE;
    this.#clientFlags = viewOf(bytes).getUint32(0);
    const known = HandshakeFlag.FixedNewstyle | HandshakeFlag.NoZeroes;
    return (this.#clientFlags & ~known) === 0 ? null : over(`the client has unknown flags ${this.#clientFlags}`);
  }

  #pending: { readonly option: number; readonly length: number } | null = null;

  #takeOption(): Outcome | null {
    if (this.#pending === null) {
      const head = this.#input.take(16);
      if (head === null) return MORE;
      const view = viewOf(head);
      if (view.getBigUint64(0) !== OPTION_MAGIC) return over('an option has no magic');
      this.#pending = { option: view.getUint32(8), length: view.getUint32(12) };
      if (this.#pending.length > OPTION_DATA_MAX) return over(`an option has ${this.#pending.length} bytes`);
      if (++this.#options > OPTIONS_MAX) return over('too many options');
    }
    const data = this.#input.take(this.#pending.length);
    if (data === null) return MORE;
    const { option } = this.#pending;
    this.#pending = null;
    return this.#answer(option, data);
  }

  #answer(option: number, data: Uint8Array): Outcome | null {
    switch (option) {
      case Option.ExportName:
        return this.#exportName(data);
      case Option.Abort:
        this.#reply(option, OptionReply.Ack);
        return over('the client has ended it');
      case Option.List:
        if (data.length > 0) return this.#refuse(option, OptionReply.Invalid, 'a list takes no data');
        for (const { name } of this.#exports) {
          this.#reply(option, OptionReply.Server, join(u32(utf8(name).length), utf8(name)));
        }
        return this.#reply(option, OptionReply.Ack);
      case Option.Info:
      case Option.Go:
        return this.#info(option, data);
      case Option.StructuredReply:
        if (data.length > 0) return this.#refuse(option, OptionReply.Invalid, 'it takes no data');
        this.#structured = true;
        return this.#reply(option, OptionReply.Ack);
      case Option.ListMetaContext:
      case Option.SetMetaContext:
        return this.#metaContext(option, data);
      default:
        return this.#refuse(option, OptionReply.Unsupported, 'this option is not known here');
    }
  }

  /** The old way in: no error can be told, so an unknown name ends the connection. */
  #exportName(data: Uint8Array): Outcome {
    const disk = this.#find(textOf(data));
    if (disk === null) return over('the client asked for an unknown export');
    const noZeroes = (this.#clientFlags! & HandshakeFlag.NoZeroes) !== 0;
    this.#send(join(u64(disk.size), u16(this.#flagsOf(disk)), new Uint8Array(noZeroes ? 0 : 124)));
    return this.#agreed(disk);
  }

  #info(option: number, data: Uint8Array): Outcome | null {
    const input = new Reader(data);
    const name = input.text();
    const wanted = input.list(() => input.u16());
    if (name === null || wanted === null || !input.atEnd) return this.#malformed(option);
    const disk = this.#find(name);
    if (disk === null) return this.#refuse(option, OptionReply.UnknownExport, 'there is no export of this name');
    this.#reply(option, OptionReply.Info, join(u16(Info.Export), u64(disk.size), u16(this.#flagsOf(disk))));
    if (wanted.includes(Info.Description)) {
      this.#reply(option, OptionReply.Info, join(u16(Info.Description), utf8(disk.description)));
    }
    if (wanted.includes(Info.BlockSize)) {
      const sizes = [1, disk.preferredBlockSize, PAYLOAD_MAX].map(u32);
      this.#reply(option, OptionReply.Info, join(u16(Info.BlockSize), ...sizes));
    }
    this.#reply(option, OptionReply.Ack);
    return option === Option.Go ? this.#agreed(disk) : null;
  }

  #metaContext(option: number, data: Uint8Array): Outcome | null {
    const input = new Reader(data);
    const name = input.text();
    const queries = input.list(() => input.text(), 4);
    if (name === null || queries === null || !input.atEnd) return this.#malformed(option);
    if (!this.#structured) return this.#refuse(option, OptionReply.Invalid, 'ask for structured replies first');
    const disk = this.#find(name);
    if (disk === null) return this.#refuse(option, OptionReply.UnknownExport, 'there is no export of this name');
    const listing = option === Option.ListMetaContext;
    const list = disk.contexts.filter(({ name: context }) =>
      queries.some((query) => query === context || (listing && query.endsWith(':') && context.startsWith(query))),
    );
    const answered = listing && queries.length === 0 ? disk.contexts : list;
    if (!listing) this.#contexts = { of: disk.name, list };
    answered.forEach((context, index) => {
      this.#reply(option, OptionReply.MetaContext, join(u32(listing ? 0 : index + 1), utf8(context.name)));
    });
    return this.#reply(option, OptionReply.Ack);
  }

  #agreed(disk: NbdExport): Outcome {
    const contexts = this.#contexts.of === disk.name ? this.#contexts.list : [];
    const rest = this.#input.take(this.#input.length) ?? new Uint8Array();
    return { state: 'agreed', agreement: { disk, structured: this.#structured, contexts }, rest };
  }

  /** The empty name is the first export, as clients use it who were told none. */
  #find(name: string | null): NbdExport | null {
    if (name === '') return this.#exports[0] ?? null;
    return this.#exports.find((disk) => disk.name === name) ?? null;
  }

  #flagsOf({ readOnly }: NbdExport): number {
    const { HasFlags, SendFlush, SendFua, SendWriteZeroes, CanMultiConn, ReadOnly, SendDf } = TransmissionFlag;
    const always = HasFlags | SendFlush | SendFua | SendWriteZeroes | CanMultiConn;
    return always | (readOnly ? ReadOnly : 0) | (this.#structured ? SendDf : 0);
  }

  #malformed(option: number): null {
    return this.#refuse(option, OptionReply.Invalid, 'the data of this option has another form');
  }

  #refuse(option: number, type: number, message: string): null {
    return this.#reply(option, type, utf8(message));
  }

  #reply(option: number, type: number, data: Uint8Array = new Uint8Array()): null {
    this.#send(join(u64(OPTION_REPLY_MAGIC), u32(option), u32(type), u32(data.length), data));
    return null;
  }
}

const over = (why: string): Outcome => ({ state: 'over', why });

/** Null for what is no UTF-8 or too long for a name. */
function textOf(bytes: Uint8Array): string | null {
  if (bytes.length > NAME_MAX) return null;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** Reads an option's data; every function gives null where the data ends too early. */
class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  u16(): number | null {
    return this.#number(2);
  }

  text(): string | null {
    const length = this.#number(4);
    if (length === null || this.#at + length > this.#bytes.length) return null;
    this.#at += length;
    return textOf(this.#bytes.subarray(this.#at - length, this.#at));
  }

  /** A count of 2 or 4 bytes, and so many items. */
  list<T>(item: () => T | null, countBytes: 2 | 4 = 2): T[] | null {
    const count = this.#number(countBytes);
    const items: T[] = [];
    for (let index = 0; index < (count ?? 0); index++) {
      const next = item();
      if (next === null) return null;
      items.push(next);
    }
    return count === null ? null : items;
  }

  #number(size: 2 | 4): number | null {
    if (this.#at + size > this.#bytes.length) return null;
    const view = viewOf(this.#bytes);
    this.#at += size;
    return size === 2 ? view.getUint16(this.#at - 2) : view.getUint32(this.#at - 4);
  }
}
