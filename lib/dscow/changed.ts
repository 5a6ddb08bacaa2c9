import type { BlockFile } from './file.ts';
import type { Layout } from './layout.ts';

/** Bytes of the bitmap looked at in one go: 8 Mi blocks. */
const SLICE = 1024 * 1024;

/** Blocks from `first` up to `end`, without `end`, that the file has of its own. */
export interface ChangedRun {
  readonly first: number;
  readonly end: number;
}

/**
 * The changed blocks as runs, in order, straight from the bitmap on the disk. Memory stays the same whatever the size of
 * the image; bits behind the last block are reported as they stand, for `check` to find.
 */
export async function* changedRuns(file: BlockFile, layout: Layout): AsyncGenerator<ChangedRun> {
  const buffer = new Uint8Array(Math.min(SLICE, layout.bitmapLength));
  let open: number | null = null;
  for (let offset = 0; offset < layout.bitmapLength; offset += buffer.length) {
    const bytes = buffer.subarray(0, Math.min(buffer.length, layout.bitmapLength - offset));
    await file.read(bytes, layout.bitmapOffset + offset);
    const words = new BigUint64Array(bytes.buffer, 0, bytes.length / 8);
    for (let word = 0; word < words.length; word++) {
      // Nearly all of a large image's bitmap is alike.
      if (words[word] === (open === null ? 0n : ALL_ONES)) continue;
      for (let bit = 0; bit < 64; bit++) {
        const set = (bytes[word * 8 + (bit >> 3)]! & (1 << (bit & 7))) !== 0;
        if (set === (open !== null)) continue;
        const block = (offset + word * 8) * 8 + bit;
        if (open !== null) yield { first: open, end: block };
        open = set ? block : null;
      }
    }
  }
  if (open !== null) yield { first: open, end: layout.bitmapLength * 8 };
}

const ALL_ONES = 0xffff_ffff_ffff_ffffn;
