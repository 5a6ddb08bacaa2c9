/**
 * The numbers of the NBD protocol (doc/proto.md of the NetworkBlockDevice project), the fixed newstyle of it. All
 * integers are big-endian.
 */
export const NBD_MAGIC = 0x4e42444d41474943n;
export const OPTION_MAGIC = 0x49484156454f5054n;
export const OPTION_REPLY_MAGIC = 0x0003e889045565a9n;
export const REQUEST_MAGIC = 0x25609513;
export const SIMPLE_REPLY_MAGIC = 0x67446698;
export const STRUCTURED_REPLY_MAGIC = 0x668e33ef;

/** Flags of the greeting and of the client's answer to it. */
export const HandshakeFlag = { FixedNewstyle: 1, NoZeroes: 2 } as const;

/** Options of the negotiation. */
export const Option = {
  ExportName: 1,
  Abort: 2,
  List: 3,
  Info: 6,
  Go: 7,
  StructuredReply: 8,
  ListMetaContext: 9,
  SetMetaContext: 10,
} as const;

/** Types of an option's reply. */
export const OptionReply = {
  Ack: 1,
  Server: 2,
  Info: 3,
  MetaContext: 4,
  Unsupported: 0x80000001,
  Invalid: 0x80000003,
  UnknownExport: 0x80000006,
  TooBig: 0x80000009,
} as const;

/** What an info reply tells. */
export const Info = { Export: 0, Description: 2, BlockSize: 3 } as const;

/** What an export can do. */
export const TransmissionFlag = {
  HasFlags: 1,
  ReadOnly: 2,
  SendFlush: 4,
  SendFua: 8,
  SendWriteZeroes: 64,
  SendDf: 128,
  CanMultiConn: 256,
} as const;

export const Command = {
  Read: 0,
  Write: 1,
  Disconnect: 2,
  Flush: 3,
  Trim: 4,
  Cache: 5,
  WriteZeroes: 6,
  BlockStatus: 7,
} as const;

export const CommandFlag = { Fua: 1, NoHole: 2, Df: 4, ReqOne: 8, FastZero: 16 } as const;

/** Errors by the numbers that the protocol gives them (Linux's). */
export const NbdErrno = {
  EPERM: 1,
  EIO: 5,
  ENOMEM: 12,
  EINVAL: 22,
  ENOSPC: 28,
  EOVERFLOW: 75,
  ENOTSUP: 95,
  ESHUTDOWN: 108,
} as const;

/** Chunks of a structured reply. */
export const ChunkType = { None: 0, OffsetData: 1, BlockStatus: 5, Error: 0x8001 } as const;
export const CHUNK_DONE = 1;

/** A request is this long before its data. */
export const REQUEST_BYTES = 28;
/** Data of one request, for those who have negotiated nothing else. */
export const PAYLOAD_MAX = 32 * 1024 * 1024;
/** Names of exports and contexts, in bytes. */
export const NAME_MAX = 4096;

/** A request of the transmission phase; the data of a write follows. */
export interface Request {
  readonly flags: number;
  readonly type: number;
  readonly cookie: bigint;
  readonly offset: bigint;
  readonly length: number;
}

/** Joins numbers into bytes: `u32(…)`, `u64(…)` and bytes as they are. */
export const join = (...parts: readonly Uint8Array[]): Uint8Array => {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
};

export const u16 = (value: number): Uint8Array => Uint8Array.of(value >>> 8, value & 0xff);
export const u32 = (value: number): Uint8Array =>
  Uint8Array.of(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
export const u64 = (value: number | bigint): Uint8Array => {
  const bytes = new Uint8Array(8);
  viewOf(bytes).setBigUint64(0, BigInt(value));
  return bytes;
};
export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
export const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
