import { XlError } from '../../base/error.ts';
import { asciiOf, type ElfImage } from './elf.ts';

/** What a kernel tells Xen about itself: its notes named `Xen` (xen/include/public/elfnote.h). Absent ones are null. */
export interface XenNotes {
  /** ENTRY: where a PV kernel starts, virtual. */
  readonly entry: bigint | null;
  /** HYPERCALL_PAGE, virtual. */
  readonly hypercallPage: bigint | null;
  /** VIRT_BASE: the virtual address of guest physical 0. */
  readonly virtBase: bigint | null;
  /** PADDR_OFFSET: to be taken from the segments' physical addresses. */
  readonly paddrOffset: bigint | null;
  /** INIT_P2M: where the p2m list is mapped, virtual. */
  readonly initP2m: bigint | null;
  /** HV_START_LOW. */
  readonly hvStartLow: bigint | null;
  readonly xenVersion: string | null;
  readonly guestOs: string | null;
  readonly guestVersion: string | null;
  readonly loader: string | null;
  readonly paeMode: string | null;
  /** FEATURES and SUPPORTED_FEATURES in one. */
  readonly features: XenFeatures;
  /** MOD_START_PFN: the ramdisk may be given by its pfn, unmapped. */
  readonly unmappedRamdisk: boolean;
  /** PHYS32_ENTRY: where a PVH kernel starts, physical, in 32-bit mode without paging. */
  readonly phys32Entry: number | null;
}

/** Features by their number, XENFEAT_* of xen/include/public/features.h. */
export interface XenFeatures {
  readonly supported: ReadonlySet<number>;
  readonly required: ReadonlySet<number>;
}

/** Names that FEATURES uses, by number (libelf-dominfo.c's table is the protocol; numbers are public/features.h). */
const FEATURE_NAMES: Readonly<Record<string, number>> = {
  writable_page_tables: 0,
  writable_descriptor_tables: 1,
  auto_translated_physmap: 2,
  supervisor_mode_kernel: 3,
  pae_pgdir_above_4gb: 4,
  hvm_callback_vector: 8,
  dom0: 11,
};

/** XENFEAT_linux_rsdp_unrestricted: this Linux finds its ACPI tables by the start info's pointer. */
export const FEATURE_RSDP_UNRESTRICTED = 15;

/** The notes' types, XEN_ELFNOTE_* of public/elfnote.h, by the names that it gives them. */
const NOTE = {
  ENTRY: 1,
  HYPERCALL_PAGE: 2,
  VIRT_BASE: 3,
  PADDR_OFFSET: 4,
  XEN_VERSION: 5,
  GUEST_OS: 6,
  GUEST_VERSION: 7,
  LOADER: 8,
  PAE_MODE: 9,
  FEATURES: 10,
  BSD_SYMTAB: 11,
  HV_START_LOW: 12,
  L1_MFN_VALID: 13,
  SUSPEND_CANCEL: 14,
  INIT_P2M: 15,
  MOD_START_PFN: 16,
  SUPPORTED_FEATURES: 17,
  PHYS32_ENTRY: 18,
  PHYS32_RELOC: 19,
} as const;
type NoteName = keyof typeof NOTE;

/**
 * Reads Xen's notes of a kernel; of two of the same type the later speaks. Error: `kernel-feature` where it requires a
 * feature that does not exist.
 */
export function xenNotes({ notes }: ElfImage): XenNotes {
  const found = new Map(notes.filter(({ name }) => name === 'Xen').map(({ type, description }) => [type, description]));
  const number = (name: NoteName) => numberOf(found.get(NOTE[name]));
  const text = (name: NoteName) => {
    const description = found.get(NOTE[name]);
    return description === undefined ? null : asciiOf(description);
  };
  const phys32Entry = number('PHYS32_ENTRY');
  return {
    entry: number('ENTRY'),
    hypercallPage: number('HYPERCALL_PAGE'),
    virtBase: number('VIRT_BASE'),
    paddrOffset: number('PADDR_OFFSET'),
    initP2m: number('INIT_P2M'),
    hvStartLow: number('HV_START_LOW'),
    xenVersion: text('XEN_VERSION'),
    guestOs: text('GUEST_OS'),
    guestVersion: text('GUEST_VERSION'),
    loader: text('LOADER'),
    paeMode: text('PAE_MODE'),
    features: featuresOf(text('FEATURES') ?? '', number('SUPPORTED_FEATURES') ?? 0n),
    unmappedRamdisk: (number('MOD_START_PFN') ?? 0n) !== 0n,
    phys32Entry: phys32Entry === null ? null : Number(BigInt.asUintN(32, phys32Entry)),
  };
}

/** The notes of Xen that a kernel has, for an error's hint: `XEN_VERSION, ENTRY …`, or that there are none. */
export function describeNotes({ notes }: ElfImage): string {
  const names = new Map<number, string>(Object.entries(NOTE).map(([name, type]) => [type, name]));
  const found = notes.filter(({ name }) => name === 'Xen').map(({ type }) => names.get(type) ?? String(type));
  return found.length === 0 ? 'it has none of Xen’s notes' : `its notes are ${[...new Set(found)].join(', ')}`;
}

/** Numbers are 4 or 8 bytes; what is neither says 0, as in libelf. */
function numberOf(description: Uint8Array | undefined): bigint | null {
  if (description === undefined) return null;
  const { buffer, byteOffset, length } = description;
  const data = new DataView(buffer, byteOffset, length);
  if (length === 8) return data.getBigUint64(0, true);
  return length === 4 ? BigInt(data.getUint32(0, true)) : 0n;
}

/** `!name|name…`: an exclamation mark makes it required. */
function featuresOf(names: string, bits: bigint): XenFeatures {
  const supported = new Set(Array.from({ length: 32 }, (_, bit) => bit).filter((bit) => (bits >> BigInt(bit)) & 1n));
  const required = new Set<number>();
  for (const word of names.split('|').filter((name) => name !== '')) {
    const must = word.startsWith('!');
    const feature = FEATURE_NAMES[must ? word.slice(1) : word];
    if (feature === undefined) {
      if (must)
        throw new XlError('kernel-feature', `the kernel requires a feature that Xen does not know: ${word.slice(1)}`);
      continue;
    }
    supported.add(feature);
    if (must) required.add(feature);
  }
  return { supported, required };
}
