/**
 * Little-endian values side by side without padding, as firmware tables and AML have them. (C's structs, which pad, are
 * laid out by lib/xen/abi.)
 */
export const u8 = (...values: readonly number[]): Uint8Array => Uint8Array.from(values);
export const u16 = (...values: readonly number[]): Uint8Array => words(2, values);
export const u32 = (...values: readonly number[]): Uint8Array => words(4, values);
/** Values below 2^53. */
export const u64 = (...values: readonly number[]): Uint8Array =>
  u32(...values.flatMap((value) => [value % 2 ** 32, Math.floor(value / 2 ** 32)]));
/** Latin-1, cut or filled with zero bytes to `size`. */
export function text(value: string, size = value.length): Uint8Array {
  const bytes = new Uint8Array(size);
  bytes.set(Buffer.from(value, 'latin1').subarray(0, size));
  return bytes;
}
export const zeros = (size: number): Uint8Array => new Uint8Array(size);

/** One after the other. */
export const pack = (...parts: readonly Uint8Array[]): Uint8Array => Buffer.concat(parts);

/** The next multiple of `unit`. */
export const roundUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;

function words(size: 2 | 4, values: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(values.length * size));
  values.forEach((value, index) =>
    size === 2 ? view.setUint16(index * size, value, true) : view.setUint32(index * size, value, true),
  );
  return new Uint8Array(view.buffer);
}

/** The byte that makes the sum of them all 0 modulo 256, where the place for it is still 0. */
export const checksum = (bytes: Uint8Array): number => -bytes.reduce((sum, byte) => sum + byte, 0) & 0xff;
