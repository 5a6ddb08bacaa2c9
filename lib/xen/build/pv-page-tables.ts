import type { PvWidth } from './pv-kernel.ts';

/** Virtual pages in a row that show pseudo-physical pages in a row. `page` is a virtual address, masked, over 4096. */
export interface Mapping {
  readonly page: number;
  readonly pfn: number;
  readonly pages: number;
}

/**
 * Page tables of one level in a row, in memory and in what they map: table `first + i` lies in page `pfn + i` and covers
 * the virtual pages from `(first + i) * 512 ** level` on. Level 1 holds the entries of pages. A {@link Mapping} is such
 * a run of level 0.
 */
export interface TableRun {
  readonly level: number;
  readonly first: number;
  readonly count: number;
  readonly pfn: number;
}

/** What the first page tables of a guest look like: how deep, how wide its addresses are. */
export interface Paging {
  readonly levels: 3 | 4;
  /** Bits of a virtual address that the tables translate. */
  readonly addressBits: 32 | 48;
}

const ENTRIES = 512;
/** The last of the top table's slots under PAE, which must be there: Xen puts its own entries into that table. */
const PAE_LAST_SLOT = 3;

const PRESENT = 0x001;
const WRITABLE = 0x002;
const USER = 0x004;
const ACCESSED = 0x020;
const DIRTY = 0x040;
/** Xen itself adds USER to a 64-bit guest's pages, as its kernel runs in ring 3 (xen/arch/x86/mm.c). */
const PAGE_FLAGS = PRESENT | WRITABLE | ACCESSED;
const READ_ONLY_PAGE_FLAGS = PRESENT | ACCESSED;
const TABLE_FLAGS = PRESENT | WRITABLE | USER | ACCESSED | DIRTY;

/** Xen's paging modes of PV guests. */
export function pagingOf(width: PvWidth): Paging {
  return width === 64 ? { levels: 4, addressBits: 48 } : { levels: 3, addressBits: 32 };
}

/** A virtual address as the number of its page, without the bits that no table translates. */
export function virtualPage(address: bigint, paging: Paging): number {
  return Number((address & ((1n << BigInt(paging.addressBits)) - 1n)) >> 12n);
}

/**
 * The tables that `mapping` needs beside those in `present`, the highest level first, in the pages from `pfn` on: the
 * order in which libxenguest lays them down (`count_pgtables`, tools/libs/guest/xg_dom_x86.c).
 */
export function planTables(
  paging: Paging,
  mapping: Omit<Mapping, 'pfn'>,
  present: readonly TableRun[],
  pfn: number,
): TableRun[] {
  const runs: TableRun[] = [];
  let next = pfn;
  for (let level: number = paging.levels; level >= 1; level--) {
    const first = Math.floor(mapping.page / ENTRIES ** level);
    const last =
      paging.levels === 3 && level === 2
        ? PAE_LAST_SLOT
        : Math.floor((mapping.page + mapping.pages - 1) / ENTRIES ** level);
    for (const [from, to] of missing(first, last, level, present)) {
      const count = to - from + 1;
      runs.push({ level, first: from, count, pfn: next });
      next += count;
    }
  }
  return runs;
}

/** The ranges of tables `first`..`last` of a level, both ends included, that `present` does not have. */
function missing(first: number, last: number, level: number, present: readonly TableRun[]): [number, number][] {
  let ranges: [number, number][] = [[first, last]];
  for (const run of present.filter((candidate) => candidate.level === level)) {
    const end = run.first + run.count;
    ranges = ranges.flatMap(([from, to]) => {
      const parts: [number, number][] = [
        [from, Math.min(to, run.first - 1)],
        [Math.max(from, end), to],
      ];
      return parts.filter(([low, high]) => low <= high);
    });
  }
  return ranges;
}

/** Pages that a list of runs takes. */
export function tablePages(runs: readonly TableRun[]): number {
  return runs.reduce((sum, { count }) => sum + count, 0);
}

/**
 * Fills `runs`, which lie in memory one behind the other, as machine page tables: each entry names a frame of `mfns`
 * (index: pseudo-physical page). The result is their memory. Pages that hold any table of `all` are mapped read-only,
 * as Xen demands of page tables in use.
 */
export function fillTables(
  runs: readonly TableRun[],
  all: readonly TableRun[],
  mappings: readonly Mapping[],
  mfns: Uint32Array,
): Uint32Array {
  const words = new Uint32Array(tablePages(runs) * ENTRIES * 2);
  const tablePfns = new Set(all.flatMap(({ pfn, count }) => Array.from({ length: count }, (_, index) => pfn + index)));
  const targets: readonly TableRun[] = [
    ...mappings.map(({ page, pages, pfn }) => ({ level: 0, first: page, count: pages, pfn })),
    ...all,
  ];
  let base = 0;
  for (const run of runs) {
    const start = run.first * ENTRIES;
    const end = start + run.count * ENTRIES;
    for (const target of targets.filter(({ level }) => level === run.level - 1)) {
      const from = Math.max(start, target.first);
      const to = Math.min(end, target.first + target.count);
      for (let index = from; index < to; index++) {
        const pfn = target.pfn + index - target.first;
        const flags = run.level > 1 ? TABLE_FLAGS : tablePfns.has(pfn) ? READ_ONLY_PAGE_FLAGS : PAGE_FLAGS;
        const word = (base + index - start) * 2;
        const mfn = mfns[pfn]!;
        words[word] = (mfn << 12) | flags;
        words[word + 1] = mfn >>> 20;
      }
    }
    base += run.count * ENTRIES;
  }
  return words;
}
