import { XlError } from '../../base/error.ts';
import { PAGE_SIZE, type Piece } from './build-plan.ts';
import type { ElfImage, ElfSegment } from './elf.ts';
import { describeNotes, type XenNotes, xenNotes } from './xen-notes.ts';

/**
 * What a PV kernel says about itself, in the terms of Xen's PV boot protocol: what Xen's libelf calls `elf_dom_parms`
 * after its checks (xen/common/libelf/libelf-dominfo.c), with addresses turned into pages where they count pages.
 */
export interface PvKernel {
  /** 64: x86-64. 32: i386 with PAE, the only 32-bit guest that a 64-bit Xen runs. */
  readonly width: PvWidth;
  /** XEN_ELFNOTE_VIRT_BASE: the virtual address of pseudo-physical page 0. */
  readonly virtBase: bigint;
  /** XEN_ELFNOTE_ENTRY: the virtual address where the first vcpu starts. */
  readonly entry: bigint;
  /** The page that Xen fills with its hypercall stubs (XEN_ELFNOTE_HYPERCALL_PAGE); null where the kernel asks for none. */
  readonly hypercallPfn: number | null;
  /** XEN_ELFNOTE_INIT_P2M: where the kernel wants its list of frames mapped; null: behind its image, like all else. */
  readonly initP2m: bigint | null;
  /** XEN_ELFNOTE_MOD_START_PFN: the ramdisk may lie outside the first mapping and be told by its page number. */
  readonly findsUnmappedRamdisk: boolean;
  /** Where the image lies in pseudo-physical memory. */
  readonly image: PvImage;
}

export type PvWidth = 32 | 64;

/** A loaded image: the page of its first byte, the pages that it covers, and its contents; all else in them is zero. */
export interface PvImage {
  readonly pfn: number;
  readonly pages: number;
  readonly pieces: readonly Piece[];
}

/** XENFEAT_auto_translated_physmap and XENFEAT_dom0 (public/features.h): a guest that needs one of these never starts. */
const IMPOSSIBLE: readonly (readonly [number, string])[] = [
  [2, 'a physical map that Xen translates (such PV guests ended with Xen 4.x’s HVM containers)'],
  [11, 'to be the control domain'],
];

/**
 * Reads what a kernel says about its PV start. Errors: `kernel-not-pv` (no such notes, or for another loader),
 * `kernel-not-pae`, `kernel-feature`, `kernel-corrupt` (addresses that contradict each other).
 */
export function readPvKernel(elf: ElfImage): PvKernel {
  const notes = xenNotes(elf);
  const width = elf.bits;
  checkNotes(elf, notes, width);
  const virtBase = notes.virtBase ?? 0n;
  const wrap = (address: bigint) => BigInt.asUintN(width, address);
  const offset = virtBase - (notes.paddrOffset ?? 0n);
  const segments = [...elf.segments].sort((a, b) => (a.physical < b.physical ? -1 : a.physical > b.physical ? 1 : 0));
  const lowest = segments[0];
  if (lowest === undefined) throw corrupt('nothing in it is to be loaded');
  const endOf = ({ physical, memorySize }: ElfSegment) => physical + memorySize;
  const highest = segments.reduce((end, segment) => (endOf(segment) > end ? endOf(segment) : end), 0n);
  const start = wrap(lowest.physical + offset);
  const end = start + highest - lowest.physical;
  const entry = notes.entry ?? elf.entry;
  if (start < virtBase || entry < start || entry > end || end > 1n << BigInt(width)) {
    throw corrupt(`it starts at ${hex(entry)}, but lies from ${hex(start)} to ${hex(end)}, based at ${hex(virtBase)}`);
  }
  if ((start | virtBase) % BigInt(PAGE_SIZE) !== 0n) {
    throw corrupt(`it begins at ${hex(start)}, based at ${hex(virtBase)}: not on a page`);
  }
  if (notes.initP2m !== null && notes.initP2m >= start && notes.initP2m < end) {
    throw corrupt(`it wants its list of frames at ${hex(notes.initP2m)}, within itself`);
  }
  const pageOf = (address: bigint) => Number((address - virtBase) / BigInt(PAGE_SIZE));
  return {
    width,
    virtBase,
    entry,
    hypercallPfn: hypercallPage(notes, start, end, pageOf),
    initP2m: width === 64 ? usableP2m(notes.initP2m, virtBase) : null,
    findsUnmappedRamdisk: notes.unmappedRamdisk,
    image: {
      pfn: pageOf(start),
      pages: pageOf(end - 1n) + 1 - pageOf(start),
      pieces: piecesOf(segments, lowest.physical),
    },
  };
}

function checkNotes(elf: ElfImage, notes: XenNotes, width: PvWidth): void {
  const forUs = notes.loader?.startsWith('generic') === true || notes.guestOs?.startsWith('linux') === true;
  if (!forUs || notes.xenVersion?.startsWith('xen-3.0') !== true) {
    throw new XlError('kernel-not-pv', `the kernel does not say how it starts as a PV guest: ${describeNotes(elf)}`, {
      hint:
        notes.phys32Entry === null
          ? 'a PV kernel has the notes XEN_VERSION = "xen-3.0" and GUEST_OS = "linux" or LOADER = "generic" (Linux: CONFIG_XEN_PV)'
          : 'it can start as a PVH guest: type="pvh"',
    });
  }
  if (width === 32 && !/^yes|bimodal/.test(notes.paeMode ?? '')) {
    throw new XlError(
      'kernel-not-pae',
      'the kernel is a 32-bit one without PAE, which no 64-bit Xen runs as a PV guest',
    );
  }
  for (const [feature, meaning] of IMPOSSIBLE) {
    if (notes.features.required.has(feature)) {
      throw new XlError('kernel-feature', `the kernel requires ${meaning}`);
    }
  }
  if (notes.paddrOffset !== null && notes.virtBase === null) throw corrupt('it says PADDR_OFFSET, but no VIRT_BASE');
}

function hypercallPage(
  { hypercallPage: address }: XenNotes,
  start: bigint,
  end: bigint,
  pageOf: (address: bigint) => number,
): number | null {
  if (address === null) return null;
  // Xen writes a page of code there: anywhere else than in the image it would destroy what we lay down.
  if (address < start || address >= end) throw corrupt(`its hypercall page at ${hex(address)} is outside of it`);
  return pageOf(address);
}

/** The builder's conditions for a list of frames apart: below the kernel, on a page (`xc_dom_build_image`, xg_dom_core.c). */
function usableP2m(address: bigint | null, virtBase: bigint): bigint | null {
  return address === null || address >= virtBase || address % BigInt(PAGE_SIZE) !== 0n ? null : address;
}

function piecesOf(segments: readonly ElfSegment[], base: bigint): Piece[] {
  const pieces = segments
    .filter(({ bytes }) => bytes.length > 0)
    .map(({ physical, bytes }) => ({ offset: Number(physical - base), bytes }));
  pieces.forEach((piece, index) => {
    const next = pieces[index + 1];
    if (next !== undefined && next.offset < piece.offset + piece.bytes.length) throw corrupt('its segments overlap');
  });
  return pieces;
}

const hex = (address: bigint): string => `0x${address.toString(16)}`;
const corrupt = (why: string): XlError => new XlError('kernel-corrupt', `the kernel contradicts itself: ${why}`);
