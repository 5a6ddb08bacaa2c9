import { XlError } from '../../base/error.ts';
import { framesOf, PAGE_SIZE } from './build-plan.ts';
import type { PvKernel, PvWidth } from './pv-kernel.ts';
import {
  type Mapping,
  type Paging,
  pagingOf,
  planTables,
  tablePages,
  type TableRun,
  virtualPage,
} from './pv-page-tables.ts';

/** Pseudo-physical pages in a row. */
export interface Pages {
  readonly pfn: number;
  readonly pages: number;
}

/**
 * Where everything lies in a PV guest that starts: what public/xen.h calls "Start-of-day memory layout", laid out down
 * to the page as libxenguest does it. Page `pfn` below `mapped` is seen at `virtBase + pfn * 4096`.
 */
export interface PvLayout {
  readonly width: PvWidth;
  /** All pages of the guest: the length of its list of frames. */
  readonly total: number;
  readonly image: Pages;
  readonly ramdisk: Ramdisk | null;
  /** The list of frames (p2m) and the virtual address at which the guest finds it. */
  readonly p2m: Pages & { readonly address: bigint };
  readonly startInfo: number;
  readonly store: number;
  readonly console: number;
  /** Page tables of the first mapping; the first of their pages holds the top one, whose frame goes into CR3. */
  readonly tables: Tables;
  /** Page tables of a list of frames that has a place of its own: the pages behind the list. */
  readonly p2mTables: Tables | null;
  readonly bootStack: number;
  /** The end of the first mapping, as a page. */
  readonly mapped: number;
  /** What the page tables show: the first mapping, and the list of frames where it has a place of its own. */
  readonly mappings: readonly Mapping[];
}

/** The ramdisk's pages; one that is not `mapped` lies behind the first mapping and is told by its page number. */
export interface Ramdisk extends Pages {
  readonly bytes: number;
  readonly mapped: boolean;
}

/** Page tables that lie in memory one behind the other. */
export interface Tables extends Pages {
  readonly runs: readonly TableRun[];
}

/** "At least 512kB padding after the final bootstrap element." */
const PADDING = 128;
/** "The contiguous region ends on an aligned 4MB boundary." */
const REGION = 1024;

/**
 * Lays a guest of `total` pages out. `ramdiskBytes` is null where there is none. Errors: `memory-too-small`,
 * `pv-address-space`.
 */
export function layoutPv(kernel: PvKernel, ramdiskBytes: number | null, total: number): PvLayout {
  const paging = pagingOf(kernel.width);
  const basePage = virtualPage(kernel.virtBase, paging);
  let end = 0;
  const take = (what: string, pages: number): Pages => {
    const pfn = end;
    end += pages;
    if (end > total) throw tooLittle(what, end, total);
    return { pfn, pages };
  };
  const takeRamdisk = (mapped: boolean): Ramdisk | null =>
    ramdiskBytes === null ? null : { ...take('the ramdisk', framesOf(ramdiskBytes)), bytes: ramdiskBytes, mapped };
  const takeList = () => take('the list of frames', framesOf(total * (kernel.width / 8)));

  take('the gap before the kernel', kernel.image.pfn);
  const image = take('the kernel', kernel.image.pages);
  const mappedRamdisk = kernel.findsUnmappedRamdisk ? null : takeRamdisk(true);
  const place = kernel.initP2m === null ? { inside: takeList() } : { address: kernel.initP2m };
  const startInfo = take('the start info', 1).pfn;
  const store = take('the xenstore ring', 1).pfn;
  const console = take('the console ring', 1).pfn;
  const region = regionBehind(paging, basePage, end);
  const tables = { ...take('page tables', tablePages(region.runs)), runs: region.runs };
  const bootStack = take('the boot stack', 1).pfn;
  take('the padding up to 4 MiB', region.pages - end);
  const ramdisk = kernel.findsUnmappedRamdisk ? takeRamdisk(false) : mappedRamdisk;

  const first: Mapping = { page: basePage, pfn: 0, pages: region.pages };
  const common = { width: kernel.width, total, image, ramdisk, startInfo, store, console, tables, bootStack };
  if ('inside' in place) {
    const address = kernel.virtBase + BigInt(place.inside.pfn * PAGE_SIZE);
    return { ...common, p2m: { ...place.inside, address }, p2mTables: null, mapped: region.pages, mappings: [first] };
  }
  const list = takeList();
  const second: Mapping = { ...list, page: virtualPage(place.address, paging) };
  if (second.page < basePage + region.pages && basePage < second.page + list.pages) {
    throw new XlError('pv-address-space', 'the kernel wants its list of frames where its own image is mapped');
  }
  const runs = planTables(paging, second, region.runs, end);
  const p2mTables = { ...take('the page tables of the list of frames', tablePages(runs)), runs };
  const p2m = { ...list, address: place.address };
  return { ...common, p2m, p2mTables, mapped: region.pages, mappings: [first, second] };
}

/**
 * The first mapping: how many pages it shows and the page tables for that, which lie behind page `end`. More pages may
 * need more tables, and tables are pages too, so it is asked again until all fits.
 */
function regionBehind(
  paging: Paging,
  basePage: number,
  end: number,
): { readonly pages: number; readonly runs: readonly TableRun[] } {
  const stackAndPadding = 1 + PADDING;
  let needed = stackAndPadding;
  for (;;) {
    // An end that lies on a boundary already goes on to the next one, as in libxenguest.
    const boundary = (Math.floor((basePage + end + needed) / REGION) + 1) * REGION;
    if (boundary > 2 ** (paging.addressBits - 12)) {
      throw new XlError('pv-address-space', 'kernel and page tables reach beyond the end of the virtual addresses');
    }
    const pages = boundary - basePage;
    const runs = planTables(paging, { page: basePage, pages }, [], end);
    needed = tablePages(runs) + stackAndPadding;
    if (end + needed <= pages) return { pages, runs };
  }
}

function tooLittle(what: string, needed: number, total: number): XlError {
  const mib = (pages: number) => Math.ceil(pages / 256);
  return new XlError(
    'memory-too-small',
    `${mib(total)} MiB of memory are too little for this kernel: ${what} would end at ${mib(needed)} MiB`,
    { hint: `give the guest more than ${mib(needed)} MiB with memory=` },
  );
}
