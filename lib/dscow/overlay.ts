import { XlError } from '../base/error.ts';
import { Bitmap, BLOCKS_PER_PAGE, type Run } from './bitmap.ts';
import type { BlockFile } from './file.ts';
import { encodeHeader, type Header, type HeaderPair } from './header.ts';
import { HEADER_OFFSETS, layoutOf, type Layout } from './layout.ts';
import { RangeLock } from './range-lock.ts';

/** Bitmap pages with new bits beyond which a flush is made without being asked for: it bounds memory, 8 MiB. */
const DIRTY_PAGES_KEPT = 2048;
/** Zeroes are written in pieces of this many bytes at most. */
const ZEROES = new Uint8Array(2 * 1024 * 1024);
/** Blocks that one call of `runs` looks at, so that a question about a large image is answered in bounded time. */
const RUNS_LOOK = 64 * BLOCKS_PER_PAGE;

export interface OverlayFiles {
  readonly cow: BlockFile;
  /** The base; only read. */
  readonly base: BlockFile;
}

/**
 * An open dscow file over its base, as a disk: any number of reads, writes and flushes may be under way at once. What a
 * flush that has resolved covers survives a power cut; what it does not cover is there or not, block by block, never torn
 * within a sector and never mixed with what lay in the file before.
 */
export class Overlay {
  readonly layout: Layout;
  readonly readOnly: boolean;
  #header: Header;
  #headerBytes: Uint8Array;
  readonly #cow: BlockFile;
  readonly #base: BlockFile;
  readonly #bitmap: Bitmap;
  /** Writes that may turn a block from the base's into the file's, by blocks: such a block is made whole once. */
  readonly #filling = new RangeLock();
  #round: Promise<void> | null = null;
  #next: Promise<void> | null = null;
  /** Why nothing can be made durable any more. */
  #failure: unknown = null;

  private constructor(files: OverlayFiles, pair: HeaderPair, readOnly: boolean) {
    this.layout = layoutOf(pair.header.virtualSize, pair.header.blockBits);
    this.readOnly = readOnly;
    this.#header = pair.header;
    this.#headerBytes = pair.bytes;
    this.#cow = files.cow;
    this.#base = files.base;
    this.#bitmap = new Bitmap(files.cow, this.layout);
  }

  /** Opens an overlay whose header was read already; for writing, it is marked as in use until `close`. */
  static async open(files: OverlayFiles, pair: HeaderPair, options: { readonly readOnly: boolean }): Promise<Overlay> {
    const overlay = new Overlay(files, pair, options.readOnly);
    if (!options.readOnly) await overlay.writeHeader({ inUse: true });
    return overlay;
  }

  get header(): Header {
    return this.#header;
  }

  /** Fills the target with the disk's bytes from an offset on. The range lies within the disk. */
  async read(target: Uint8Array, offset: number): Promise<void> {
    const { first, last } = this.#blocksOf(offset, target.length);
    await this.#loaded(first, last);
    const run = this.#bitmap.run(first, last);
    if (run.end > last) return this.#readRun(target, offset, run.changed);
    const runs = this.#collect(first, last);
    await Promise.all(
      runs.map(({ changed, from, to }) => {
        const [start, end] = this.#clip(from, to, offset, target.length);
        return this.#readRun(target.subarray(start - offset, end - offset), start, changed);
      }),
    );
  }

  /**
   * Writes pieces, one behind the other, to the disk from an offset on; the range lies within the disk. They must not
   * change until it resolves; then every later read sees them.
   */
  async write(pieces: readonly Uint8Array[], offset: number): Promise<void> {
    this.#requireSound();
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    const { first, last } = this.#blocksOf(offset, length);
    await this.#loaded(first, last);
    const run = this.#bitmap.run(first, last);
    if (run.changed && run.end > last) return this.#cow.write(pieces, this.layout.dataOffset + offset);
    const release = await this.#filling.take(first, last);
    try {
      await this.#fill(pieces, offset, length, { first, last });
    } finally {
      release();
    }
    if (this.#bitmap.dirtyPages > DIRTY_PAGES_KEPT) await this.flush();
  }

  /** Writes zeroes. Blocks of zeroes take room: the format has no other way to say that the base does not count. */
  async writeZeroes(offset: number, length: number): Promise<void> {
    for (let done = 0; done < length;) {
      const at = offset + done;
      // Up to a boundary first: then every further piece is of whole blocks.
      const piece = Math.min(ZEROES.length - (at % ZEROES.length), length - done);
      await this.write([ZEROES.subarray(0, piece)], at);
      done += piece;
    }
  }

  /**
   * Makes everything durable that was written before the call. One round goes at a time; who comes while one is under
   * way waits for the next, which all those who wait share. Throws what the disk threw; from then on nothing can be made
   * durable (a failed fdatasync may have dropped what it could not write), so writes and flushes fail until the file is
   * opened anew.
   */
  async flush(): Promise<void> {
    if (this.readOnly) return;
    this.#requireSound();
    if (this.#next !== null) return this.#next;
    if (this.#round === null) return this.#begin();
    this.#next = this.#round.then(
      () => this.#begin(),
      () => this.#begin(),
    );
    return this.#next;
  }

  /** The runs of a stretch of the disk in bytes, from its start on; they end early where the stretch is very long. */
  async runs(offset: number, length: number): Promise<{ readonly changed: boolean; readonly length: number }[]> {
    const { first, last } = this.#blocksOf(offset, Math.min(length, RUNS_LOOK * this.layout.blockSize));
    const found: { changed: boolean; length: number }[] = [];
    for (let block = first; block <= last;) {
      const stop = Math.min(last, block - (block % BLOCKS_PER_PAGE) + BLOCKS_PER_PAGE - 1);
      await this.#loaded(block, stop);
      while (block <= stop) {
        const { changed, end }: Run = this.#bitmap.run(block, stop);
        const [from, to] = this.#clip(block, end, offset, length);
        const before = found.at(-1);
        if (before?.changed === changed) before.length += to - from;
        else found.push({ changed, length: to - from });
        block = end;
      }
    }
    return found;
  }

  /** Flushes, takes the mark back and closes both files, whatever fails. Throws the first failure. */
  async close(): Promise<void> {
    let failure: unknown = null;
    const attempt = async (action: () => Promise<void>) => {
      await action().catch((error: unknown) => (failure ??= error));
    };
    if (!this.readOnly) {
      await attempt(() => this.flush());
      // Where something could not be made durable the mark stays, for the next who opens the file to see.
      if (failure === null) await attempt(() => this.writeHeader({ inUse: false }));
    }
    await attempt(() => this.#cow.close());
    await attempt(() => this.#base.close());
    if (failure !== null) throw failure as Error;
  }

  /** Changes the header, copy B first, so that at every moment one of the two is whole. */
  async writeHeader(change: Partial<Header>): Promise<void> {
    const header = { ...this.#header, ...change, generation: this.#header.generation + 1 };
    const bytes = encodeHeader(header, this.#headerBytes);
    await writeHeaderCopies(this.#cow, bytes);
    this.#header = header;
    this.#headerBytes = bytes;
  }

  #begin(): Promise<void> {
    this.#next = null;
    const round = this.#flushOnce().finally(() => {
      if (this.#round === round) this.#round = null;
    });
    this.#round = round;
    return round;
  }

  async #flushOnce(): Promise<void> {
    this.#requireSound();
    try {
      const pages = this.#bitmap.takeDirty();
      await this.#cow.sync();
      if (pages.length === 0) return;
      await Promise.all(pages.map(({ offset, bytes }) => this.#cow.write([bytes], offset)));
      await this.#cow.sync();
      this.#bitmap.written();
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  #requireSound(): void {
    if (this.readOnly) throw new XlError('dscow-read-only', 'the overlay was opened for reading only');
    if (this.#failure === null) return;
    throw new XlError('dscow-failed', 'an earlier flush failed, so nothing more can be made durable', {
      cause: this.#failure,
      hint: 'close the overlay and see what its disk says (dmesg); what was flushed before is safe',
    });
  }

  async #loaded(first: number, last: number): Promise<void> {
    while (!this.#bitmap.has(first, last)) await this.#bitmap.load(first, last);
  }

  /** One run of blocks, all in the file or all in the base. */
  #readRun(target: Uint8Array, offset: number, changed: boolean): Promise<void> {
    return changed ? this.#cow.read(target, this.layout.dataOffset + offset) : this.#readBase(target, offset);
  }

  /** What lies behind the base's end reads as zero, even where the base has grown since. */
  async #readBase(target: Uint8Array, offset: number): Promise<void> {
    const there = Math.max(0, Math.min(target.length, this.#header.base.size - offset));
    if (there < target.length) target.fill(0, there);
    if (there > 0) await this.#base.read(target.subarray(0, there), offset);
  }

  /**
   * Writes where at least one block is not in the file yet. What the write leaves of its first and last block comes from
   * the base, so that each block is written whole; only then do its bits say so. The caller holds the blocks.
   */
  async #fill(
    pieces: readonly Uint8Array[],
    offset: number,
    length: number,
    { first, last }: { readonly first: number; readonly last: number },
  ): Promise<void> {
    const { blockSize, dataOffset } = this.layout;
    await this.#loaded(first, last);
    const end = offset + length;
    const start = this.#bitmap.isChanged(first) ? offset : first * blockSize;
    const stop = this.#bitmap.isChanged(last) ? end : (last + 1) * blockSize;
    const [before, behind] = [new Uint8Array(offset - start), new Uint8Array(stop - end)];
    await Promise.all([this.#readBase(before, start), this.#readBase(behind, end)]);
    await this.#cow.write(
      [before, ...pieces, behind].filter((piece) => piece.length > 0),
      dataOffset + start,
    );
    await this.#loaded(first, last);
    this.#bitmap.setChanged(first, last);
  }

  #blocksOf(offset: number, length: number): { first: number; last: number } {
    const { virtualSize, blockSize } = this.layout;
    if (offset < 0 || length <= 0 || offset + length > virtualSize) {
      throw new RangeError(`${length} bytes at ${offset} do not lie within a disk of ${virtualSize}`);
    }
    return { first: Math.floor(offset / blockSize), last: Math.floor((offset + length - 1) / blockSize) };
  }

  #collect(first: number, last: number): { changed: boolean; from: number; to: number }[] {
    const runs: { changed: boolean; from: number; to: number }[] = [];
    for (let from = first; from <= last;) {
      const { changed, end } = this.#bitmap.run(from, last);
      runs.push({ changed, from, to: end });
      from = end;
    }
    return runs;
  }

  /** Blocks in bytes, cut to a stretch of the disk. */
  #clip(fromBlock: number, toBlock: number, offset: number, length: number): [from: number, to: number] {
    const { blockSize } = this.layout;
    return [Math.max(offset, fromBlock * blockSize), Math.min(offset + length, toBlock * blockSize)];
  }
}

/** Writes both copies of a header: B, then A, each on the disk before the other is touched. */
export async function writeHeaderCopies(file: BlockFile, bytes: Uint8Array): Promise<void> {
  for (const offset of [HEADER_OFFSETS.b, HEADER_OFFSETS.a]) {
    await file.write([bytes], offset);
    await file.sync();
  }
}
