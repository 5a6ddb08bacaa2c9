import type { BlockFile } from './file.ts';
import { PAGE, type Layout } from './layout.ts';

/** Blocks whose bits are in one page. */
export const BLOCKS_PER_PAGE = PAGE * 8;
/** Pages kept in memory, 16 MiB: at 64 KiB a block they cover 8 TiB, at 4 KiB a block 512 GiB. */
const PAGES_KEPT = 4096;

/** Blocks that are alike: `changed` ones are in this file, the others in the base. */
export interface Run {
  readonly changed: boolean;
  /** The first block behind the run. */
  readonly end: number;
}

/**
 * Which blocks are in the file. Only the pages in use are in memory, however large the image is. Bits only ever go from
 * 0 to 1, and a page reaches the disk only through `Overlay.flush`.
 */
export class Bitmap {
  readonly #pages = new Map<number, Uint8Array>();
  readonly #loading = new Map<number, Promise<void>>();
  readonly #dirty = new Set<number>();
  /** Pages on their way to the disk: what is there may be older than what is here. */
  #leaving: ReadonlySet<number> = new Set();
  readonly #file: BlockFile;
  readonly #layout: Layout;

  constructor(file: BlockFile, layout: Layout) {
    this.#file = file;
    this.#layout = layout;
  }

  /** How many pages have bits that are not on the disk. */
  get dirtyPages(): number {
    return this.#dirty.size;
  }

  /** Whether the pages of these blocks are in memory: only then, and only at once, may the other functions be called. */
  has(first: number, last: number): boolean {
    const end = pageOf(last);
    for (let page = pageOf(first); page <= end; page++) if (!this.#pages.has(page)) return false;
    return true;
  }

  /** Loads the pages of these blocks; others may push them out again before the caller gets to run, so it asks `has` again. */
  async load(first: number, last: number): Promise<void> {
    for (let page = pageOf(first); page <= pageOf(last); page++) {
      if (!this.#pages.has(page)) await (this.#loading.get(page) ?? this.#read(page));
    }
  }

  async #read(page: number): Promise<void> {
    const bytes = new Uint8Array(PAGE);
    const reading = this.#file.read(bytes, this.#offsetOf(page)).then(() => {
      if (this.#pages.size >= PAGES_KEPT) this.#forgetOne();
      this.#pages.set(page, bytes);
    });
    this.#loading.set(page, reading);
    await reading.finally(() => this.#loading.delete(page));
  }

  /** Lets go of the page that came first and that the disk has as it is. */
  #forgetOne(): void {
    for (const page of this.#pages.keys()) {
      if (this.#dirty.has(page) || this.#leaving.has(page)) continue;
      this.#pages.delete(page);
      return;
    }
  }

  isChanged(block: number): boolean {
    return (this.#byteOf(block) & (1 << (block & 7))) !== 0;
  }

  /** The run that begins at a block, no further than `last`. */
  run(block: number, last: number): Run {
    const changed = this.isChanged(block);
    const alike = changed ? 0xff : 0;
    let end = block + 1;
    while (end <= last) {
      // Eight at once where a whole byte is alike: an overlay is mostly long runs.
      if ((end & 7) === 0 && this.#byteOf(end) === alike) end += 8;
      else if (this.isChanged(end) === changed) end++;
      else break;
    }
    return { changed, end: Math.min(end, last + 1) };
  }

  #byteOf(block: number): number {
    return this.#pages.get(pageOf(block))![byteInPage(block)]!;
  }

  /** Notes that blocks are in the file, after their data was written. */
  setChanged(first: number, last: number): void {
    for (let block = first; block <= last; block++) {
      const page = this.#pages.get(pageOf(block))!;
      const at = byteInPage(block);
      const bit = 1 << (block & 7);
      if ((page[at]! & bit) !== 0) continue;
      page[at]! |= bit;
      this.#dirty.add(pageOf(block));
    }
  }

  /**
   * The pages with new bits as they are now, and their marks taken back: step 0 of a flush. They must be copies: a bit
   * that is set from here on may stand for data that the following sync does not cover.
   */
  takeDirty(): { readonly offset: number; readonly bytes: Uint8Array }[] {
    const taken = [...this.#dirty].sort((one, other) => one - other);
    this.#leaving = new Set(taken);
    this.#dirty.clear();
    return taken.map((page) => ({ offset: this.#offsetOf(page), bytes: this.#pages.get(page)!.slice() }));
  }

  /** What `takeDirty` gave out is on the disk. */
  written(): void {
    this.#leaving = new Set();
  }

  #offsetOf(page: number): number {
    return this.#layout.bitmapOffset + page * PAGE;
  }
}

const pageOf = (block: number): number => Math.floor(block / BLOCKS_PER_PAGE);
/** Right for blocks beyond 2^32 too: bit operations keep the low 32 bits, and only the low 15 count here. */
const byteInPage = (block: number): number => (block >> 3) & (PAGE - 1);
