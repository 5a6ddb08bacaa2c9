import { XlError } from '../base/error.ts';

/** Bytes of a header, and of a page of the bitmap. */
export const PAGE = 4096;
/** Sizes are multiples of this, as disks have it. */
export const SECTOR = 512;
/** Where the two headers are; the bitmap follows them. */
export const HEADER_OFFSETS = { a: 0, b: PAGE } as const;
const BITMAP_OFFSET = 2 * PAGE;
/** Data begins at a multiple of this at least, so that devices with large sectors are served well. */
const DATA_ALIGNMENT = 65_536;
/** Blocks of 4 KiB to 2 MiB. */
export const BLOCK_BITS = { least: 12, most: 21, usual: 16 } as const;

/** Where everything is in a dscow file; all in bytes but `blocks`. Block n is at `dataOffset + n * blockSize`. */
export interface Layout {
  readonly virtualSize: number;
  readonly blockBits: number;
  readonly blockSize: number;
  readonly blocks: number;
  readonly bitmapOffset: number;
  readonly bitmapLength: number;
  readonly dataOffset: number;
  /** The whole file's size; sparse, so it takes far less. */
  readonly fileSize: number;
}

/** The layout for a size in bytes and a block size as a power of two. Throws XlError `dscow-size`. */
export function layoutOf(virtualSize: number, blockBits: number): Layout {
  if (!Number.isSafeInteger(virtualSize) || virtualSize <= 0 || virtualSize % SECTOR !== 0) {
    throw new XlError('dscow-size', `a disk cannot have ${virtualSize} bytes`, {
      hint: `the size is a multiple of ${SECTOR}, from ${SECTOR} to 2^53 - ${SECTOR}`,
    });
  }
  if (!Number.isInteger(blockBits) || blockBits < BLOCK_BITS.least || blockBits > BLOCK_BITS.most) {
    throw new XlError('dscow-size', `blocks cannot have 2^${blockBits} bytes`, {
      hint: 'a block has 4096 bytes (2^12) to 2097152 (2^21)',
    });
  }
  const blockSize = 2 ** blockBits;
  const blocks = Math.ceil(virtualSize / blockSize);
  const bitmapLength = roundUp(Math.ceil(blocks / 8), PAGE);
  const dataOffset = roundUp(BITMAP_OFFSET + bitmapLength, Math.max(blockSize, DATA_ALIGNMENT));
  const fileSize = dataOffset + blocks * blockSize;
  if (!Number.isSafeInteger(fileSize)) {
    throw new XlError('dscow-size', `a dscow file for ${virtualSize} bytes would have more than 2^53 - 1 bytes`);
  }
  return { virtualSize, blockBits, blockSize, blocks, bitmapOffset: BITMAP_OFFSET, bitmapLength, dataOffset, fileSize };
}

/** The next multiple of a step that is not below the value. */
export const roundUp = (value: number, step: number): number => Math.ceil(value / step) * step;
