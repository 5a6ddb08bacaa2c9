import { bytes, struct } from './layout.ts';

/** A bitmap in memory of ours: address and bits (xen.h). Of CPUs or NUMA nodes; the lowest bit of the first byte is 0. */
export const xenctlBitmap = struct('struct xenctl_bitmap', { bitmap: 'n64', nr_bits: 'u32' });

/** A domain's uuid: 16 bytes in the order in which people write it (xen.h, xen_domain_handle_t). */
export const domainHandle = bytes(16);

/** The bytes of a bitmap with these bits set, `bits` long. */
export function bitmapOf(members: Iterable<number>, bits: number): Uint8Array {
  const bitmap = new Uint8Array(Math.ceil(bits / 8));
  for (const member of members) {
    if (member < 0 || member >= bits) throw new RangeError(`bit ${member} is outside a bitmap of ${bits}`);
    bitmap[member >> 3]! |= 1 << (member & 7);
  }
  return bitmap;
}

/** The numbers of the bits that are set, in order. */
export function membersOf(bitmap: Uint8Array): number[] {
  const bits = Array.from({ length: bitmap.length * 8 }, (_, bit) => bit);
  return bits.filter((bit) => (bitmap[bit >> 3]! & (1 << (bit & 7))) !== 0);
}

/** A uuid as a domain's handle, and back. */
export function handleOf(uuid: string): Uint8Array {
  const digits = uuid.replaceAll('-', '');
  if (!/^[0-9a-f]{32}$/i.test(digits)) throw new RangeError(`'${uuid}' is no uuid`);
  return Uint8Array.from(digits.match(/../g)!, (pair) => Number.parseInt(pair, 16));
}
export function uuidOf(handle: Uint8Array): string {
  const digits = Array.from(handle, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
