/** Reads of a header's fields. What lies outside the bytes reads as 0 or as nothing: a probe meets files of any length. */

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const within = (bytes: Uint8Array, at: number, length: number): boolean => at >= 0 && at + length <= bytes.length;

export const u16be = (bytes: Uint8Array, at: number): number =>
  within(bytes, at, 2) ? viewOf(bytes).getUint16(at) : 0;
export const u32be = (bytes: Uint8Array, at: number): number =>
  within(bytes, at, 4) ? viewOf(bytes).getUint32(at) : 0;
export const u32le = (bytes: Uint8Array, at: number): number =>
  within(bytes, at, 4) ? viewOf(bytes).getUint32(at, true) : 0;
export const u64be = (bytes: Uint8Array, at: number): bigint =>
  within(bytes, at, 8) ? viewOf(bytes).getBigUint64(at) : 0n;
export const u64le = (bytes: Uint8Array, at: number): bigint =>
  within(bytes, at, 8) ? viewOf(bytes).getBigUint64(at, true) : 0n;

/** Bytes as characters 0 to 255, for comparing magic numbers. */
export const ascii = (bytes: Uint8Array, at: number, length: number): string =>
  String.fromCharCode(...bytes.subarray(at, at + length));

/** Bytes as UTF-8. */
export const text = (bytes: Uint8Array, at: number, length: number): string =>
  new TextDecoder().decode(bytes.subarray(at, at + length));

/** The problem of a size that no file can have, if it is one. */
export const tooLarge = (size: bigint): string[] =>
  size > BigInt(Number.MAX_SAFE_INTEGER) ? [`a size of ${size} bytes cannot be`] : [];
