import { XlError } from '../../base/error.ts';

/** The parts of an ELF executable that a loader looks at. Addresses are as written, 64 bits wide whatever the class. */
export interface ElfImage {
  readonly bits: 32 | 64;
  readonly entry: bigint;
  /** Loadable segments (PT_LOAD with any permission), in the file's order; at least one. */
  readonly segments: readonly ElfSegment[];
  /** Notes of the PT_NOTE segments; where none of these is Xen's, those of the SHT_NOTE sections. */
  readonly notes: readonly ElfNote[];
}

export interface ElfSegment {
  readonly physical: bigint;
  readonly virtual: bigint;
  /** The bytes in the file: a view, not a copy. Memory beyond them, up to `memorySize`, is zero. */
  readonly bytes: Uint8Array;
  readonly memorySize: bigint;
}

/** A note: whose (`Xen`, `GNU`), which of theirs, and its bytes. */
export interface ElfNote {
  readonly name: string;
  readonly type: number;
  readonly description: Uint8Array;
}

const MAGIC = 0x464c457f;
const LITTLE_ENDIAN = 1;
const EXECUTABLES = [2, 3];
/** EM_386 and EM_X86_64. */
const X86 = [3, 62];
const PT_LOAD = 1;
const PT_NOTE = 4;
const SHT_NOTE = 7;
/** As many notes as libelf reads before it calls a file broken. */
const MAX_NOTES = 65536;

/** Where the two classes keep what we read (System V ABI, "Object Files"): offsets into headers, and the headers' sizes. */
const LAYOUTS = {
  32: {
    file: { size: 52, entry: 24, segments: 28, sections: 32, counts: 42 },
    segment: { size: 32, flags: 24, offset: 4, virtual: 8, physical: 12, fileSize: 16, memorySize: 20 },
    section: { size: 40, offset: 16, fileSize: 20 },
  },
  64: {
    file: { size: 64, entry: 24, segments: 32, sections: 40, counts: 54 },
    segment: { size: 56, flags: 4, offset: 8, virtual: 16, physical: 24, fileSize: 32, memorySize: 40 },
    section: { size: 64, offset: 24, fileSize: 32 },
  },
} as const;

/** Whether a file says of itself that it is ELF. */
export function isElf(file: Uint8Array): boolean {
  return file.length >= 52 && viewOf(file).getUint32(0, true) === MAGIC;
}

/**
 * Reads an x86 executable; nothing is believed that the file's length does not allow. Errors: `kernel-not-elf`,
 * `kernel-machine`, `kernel-corrupt`.
 */
export function readElf(file: Uint8Array): ElfImage {
  if (!isElf(file)) throw new XlError('kernel-not-elf', 'it is not an ELF file');
  const data = viewOf(file);
  const executable = EXECUTABLES.includes(data.getUint16(16, true)) && X86.includes(data.getUint16(18, true));
  if (!executable || data.getUint8(5) !== LITTLE_ENDIAN) {
    throw new XlError('kernel-machine', 'it is an ELF file, but not an executable for x86');
  }
  const bits = data.getUint8(4) === 2 ? 64 : 32;
  const layout = LAYOUTS[bits];
  if (file.length < layout.file.size) throw corrupt('its header is cut off');

  const word = (header: DataView, at: number) =>
    bits === 64 ? header.getBigUint64(at, true) : BigInt(header.getUint32(at, true));
  const contents = (header: DataView, at: { readonly offset: number; readonly fileSize: number }) =>
    part(file, word(header, at.offset), word(header, at.fileSize));
  const headers = (offset: bigint, counts: number, least: number) =>
    table(file, offset, data.getUint16(counts, true), data.getUint16(counts + 2, true), least);

  const { counts } = layout.file;
  const programHeaders = headers(word(data, layout.file.segments), counts, layout.segment.size);
  const sectionHeaders = headers(word(data, layout.file.sections), counts + 4, layout.section.size);
  const segments = programHeaders
    .filter((header) => header.getUint32(0, true) === PT_LOAD && header.getUint32(layout.segment.flags, true) % 8 !== 0)
    .map((header) => ({
      physical: word(header, layout.segment.physical),
      virtual: word(header, layout.segment.virtual),
      bytes: contents(header, layout.segment),
      memorySize: word(header, layout.segment.memorySize),
    }));
  if (segments.length === 0) throw corrupt('it has nothing to load');
  if (segments.some(({ bytes, memorySize }) => BigInt(bytes.length) > memorySize)) {
    throw corrupt('a segment is longer in the file than in memory');
  }

  // Some linkers leave the offset of a note segment 0; its sections are then looked at instead, as libelf does.
  const noteSegments = programHeaders
    .filter((header) => header.getUint32(0, true) === PT_NOTE && word(header, layout.segment.offset) !== 0n)
    .flatMap((header) => notesIn(contents(header, layout.segment)));
  const notes = noteSegments.some(({ name }) => name === 'Xen')
    ? noteSegments
    : sectionHeaders
        .filter((header) => header.getUint32(4, true) === SHT_NOTE)
        .flatMap((header) => notesIn(contents(header, layout.section)));
  return { bits, entry: word(data, layout.file.entry), segments, notes };
}

/** The headers of a table, each as a view; an empty table may lie anywhere. */
function table(file: Uint8Array, offset: bigint, entrySize: number, count: number, least: number): DataView[] {
  if (count === 0 || offset === 0n) return [];
  if (entrySize < least) throw corrupt(`its headers are ${entrySize} bytes, not ${least}`);
  const all = part(file, offset, BigInt(entrySize * count));
  return Array.from({ length: count }, (_, index) => viewOf(all.subarray(index * entrySize, (index + 1) * entrySize)));
}

/** Notes side by side: three words (name's size, description's size, type), name and description, each padded to 4. */
function notesIn(bytes: Uint8Array): ElfNote[] {
  const notes: ElfNote[] = [];
  const data = viewOf(bytes);
  let at = 0;
  while (at + 12 <= bytes.length) {
    if (notes.length === MAX_NOTES) throw corrupt('it has too many notes');
    const name = part(bytes, BigInt(at + 12), BigInt(data.getUint32(at, true)));
    const start = at + 12 + padded(name.length);
    const description = part(bytes, BigInt(start), BigInt(data.getUint32(at + 4, true)));
    notes.push({ name: asciiOf(name), type: data.getUint32(at + 8, true), description });
    at = start + padded(description.length);
  }
  return notes;
}

/** A text that ends at its first NUL, as notes hold them. */
export function asciiOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return Buffer.from(end === -1 ? bytes : bytes.subarray(0, end)).toString('latin1');
}

function part(bytes: Uint8Array, offset: bigint, size: bigint): Uint8Array {
  if (size === 0n) return bytes.subarray(0, 0);
  if (offset + size > BigInt(bytes.length)) {
    throw corrupt(`it ends at byte ${bytes.length}, within what should reach to ${offset + size}`);
  }
  return bytes.subarray(Number(offset), Number(offset + size));
}

const padded = (size: number): number => Math.ceil(size / 4) * 4;
const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const corrupt = (why: string): XlError => new XlError('kernel-corrupt', `the ELF file is broken: ${why}`);
