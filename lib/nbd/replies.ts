import type { Extent } from './export.ts';
import {
  CHUNK_DONE,
  ChunkType,
  join,
  SIMPLE_REPLY_MAGIC,
  STRUCTURED_REPLY_MAGIC,
  u16,
  u32,
  utf8,
  viewOf,
} from './protocol.ts';

/** Bytes before the data of a read, in a simple reply and in a chunk of a structured one. */
export const SIMPLE_HEAD = 16;
export const DATA_CHUNK_HEAD = 28;

/** Writes the head of a simple reply to the front of a buffer. */
export function putSimpleHead(target: Uint8Array, cookie: bigint, errno: number): void {
  const view = viewOf(target);
  view.setUint32(0, SIMPLE_REPLY_MAGIC);
  view.setUint32(4, errno);
  view.setBigUint64(8, cookie);
}

/** A simple reply without data. */
export function simpleReply(cookie: bigint, errno: number): Uint8Array {
  const bytes = new Uint8Array(SIMPLE_HEAD);
  putSimpleHead(bytes, cookie, errno);
  return bytes;
}

/** Writes the head of a chunk with data to the front of a buffer; `length` bytes of data follow. */
export function putDataChunkHead(
  target: Uint8Array,
  { cookie, offset, length, last }: { cookie: bigint; offset: number; length: number; last: boolean },
): void {
  putChunkHead(target, { cookie, type: ChunkType.OffsetData, length: length + 8, last });
  viewOf(target).setBigUint64(20, BigInt(offset));
}

/** The last chunk of a reply: what went wrong. */
export function errorChunk(cookie: bigint, errno: number, message: string): Uint8Array {
  const text = utf8(message);
  return chunk(cookie, ChunkType.Error, join(u32(errno), u16(text.length), text));
}

/** The last chunk of a reply: the extents of a context. */
export function statusChunk(cookie: bigint, context: number, extents: readonly Extent[], last: boolean): Uint8Array {
  const descriptors = extents.flatMap(({ length, flags }) => [u32(length), u32(flags)]);
  return chunk(cookie, ChunkType.BlockStatus, join(u32(context), ...descriptors), last);
}

function chunk(cookie: bigint, type: number, data: Uint8Array, last = true): Uint8Array {
  const head = new Uint8Array(20);
  putChunkHead(head, { cookie, type, length: data.length, last });
  return join(head, data);
}

function putChunkHead(
  target: Uint8Array,
  { cookie, type, length, last }: { cookie: bigint; type: number; length: number; last: boolean },
): void {
  const view = viewOf(target);
  view.setUint32(0, STRUCTURED_REPLY_MAGIC);
  view.setUint16(4, last ? CHUNK_DONE : 0);
  view.setUint16(6, type);
  view.setBigUint64(8, cookie);
  view.setUint32(16, length);
}
