import type { ImageFormat } from '../base/facts.ts';
import { ascii, text, tooLarge, u16be, u32be, u32le, u64be, u64le } from './probe-bytes.ts';

/** How much of an image a probe wants to see: so many bytes from its start, and so many before its end. */
export const PROBE_HEADER_BYTES = 65536;
export const PROBE_TRAILER_BYTES = 512;

export interface ProbeInput {
  /** The first PROBE_HEADER_BYTES, or the whole file where it is shorter. */
  readonly header: Uint8Array;
  /** The last PROBE_TRAILER_BYTES; a fixed VHD is known by them alone. */
  readonly trailer: Uint8Array;
  /** Bytes of the file or device. */
  readonly size: number;
}

/** What an image's own bytes say. Nobody vouches for them: a guest may have written the header of a raw disk. */
export interface Probe {
  readonly format: ImageFormat;
  /** Bytes the guest would see; null where the header does not say, and for raw. */
  readonly virtualSize: number | null;
  /** The file below this one. */
  readonly backing: { readonly name: string; readonly declaredFormat: string | null } | null;
  /** In words, what a sound image of this format would not have. */
  readonly problems: readonly string[];
}

/** Tells an image's format from its first and last bytes, and what else they say. Pure, bounded, never throws. */
export function probeImage(input: ProbeInput): Probe {
  const { header, trailer } = input;
  switch (ascii(header, 0, 4)) {
    case 'QFI\xfb':
      return u32be(header, 4) === 1 ? probeQcow(header) : probeQcow2(header);
    case 'QED\0':
      return probeQed(header);
    case 'KDMV':
      return probeSparseVmdk(header);
    case '# Di':
      if (ascii(header, 0, 21) === '# Disk DescriptorFile') return probeVmdkDescriptor(header, 0);
      break;
    case 'COWD':
      return { ...plain('vmdk'), virtualSize: u32le(header, 12) * 512 };
    default:
  }
  if (ascii(header, 0, 8) === 'vhdxfile') return plain('vhdx');
  if (ascii(header, 0, 8) === 'conectix') return probeVhd(header, header);
  if (ascii(trailer, 0, 8) === 'conectix') return probeVhd(trailer, header);
  if (ascii(header, 0, 6) === 'LUKS\xba\xbe') return plain('luks');
  if (header.length > 0x178 && u32le(header, 64) === 0xbeda107f) return probeVdi(header);
  if (ascii(header, 32769, 5) === 'CD001') return plain('iso');
  return plain('raw');
}

const plain = (format: ImageFormat): Probe => ({ format, virtualSize: null, backing: null, problems: [] });

/** qcow version 1 (QEMU block/qcow.c). */
function probeQcow(header: Uint8Array): Probe {
  if (header.length < 48) return { ...plain('qcow'), problems: ['the header is cut short'] };
  const name = backingName(header, u64be(header, 8), u32be(header, 16));
  return {
    format: 'qcow',
    virtualSize: Number(u64be(header, 24)),
    backing: name.name === null ? null : { name: name.name, declaredFormat: null },
    problems: [...name.problems, ...tooLarge(u64be(header, 24))],
  };
}

const QCOW2_INCOMPATIBLE = { dirty: 1n, corrupt: 2n, dataFile: 4n, known: 31n } as const;
const QCOW2_BACKING_FORMAT = 0xe2792aca;
const QCOW2_DATA_FILE = 0x44415441;

/** qcow2, versions 2 and 3 (QEMU docs/interop/qcow2.txt). */
function probeQcow2(header: Uint8Array): Probe {
  if (header.length < 72) return { ...plain('qcow2'), problems: ['the header is cut short'] };
  const problems: string[] = [];
  const version = u32be(header, 4);
  const clusterBits = u32be(header, 20);
  if (version !== 2 && version !== 3) problems.push(`version ${version} of the format is not known`);
  if (clusterBits < 9 || clusterBits > 21) problems.push(`a cluster of 2^${clusterBits} bytes is not allowed`);
  const incompatible = version >= 3 ? u64be(header, 72) : 0n;
  if ((incompatible & QCOW2_INCOMPATIBLE.corrupt) !== 0n) problems.push('QEMU has marked the image as corrupt');
  if (incompatible > QCOW2_INCOMPATIBLE.known) problems.push('it needs features that are not known');
  const extensions = qcow2Extensions(header, version >= 3 ? u32be(header, 100) : 72);
  if ((incompatible & QCOW2_INCOMPATIBLE.dataFile) !== 0n) {
    problems.push(`its data are in another file: ${extensions.get(QCOW2_DATA_FILE) ?? 'unnamed'}`);
  }
  const name = backingName(header, u64be(header, 8), u32be(header, 16));
  const declaredFormat = extensions.get(QCOW2_BACKING_FORMAT) ?? null;
  return {
    format: 'qcow2',
    virtualSize: Number(u64be(header, 24)),
    backing: name.name === null ? null : { name: name.name, declaredFormat },
    problems: [...problems, ...name.problems, ...tooLarge(u64be(header, 24))],
  };
}

/** Header extensions by type, as text: those that name something. */
function qcow2Extensions(header: Uint8Array, from: number): Map<number, string> {
  const extensions = new Map<number, string>();
  let at = from;
  while (at + 8 <= header.length) {
    const type = u32be(header, at);
    const length = u32be(header, at + 4);
    if (type === 0 || length > header.length) break;
    extensions.set(type, text(header, at + 8, length));
    at += 8 + Math.ceil(length / 8) * 8;
  }
  return extensions;
}

const LONGEST_BACKING_NAME = 1023;

/** A backing file's name, where the header has one. */
function backingName(
  header: Uint8Array,
  offset: bigint,
  length: number,
): { readonly name: string | null; readonly problems: readonly string[] } {
  if (offset === 0n || length === 0) return { name: null, problems: [] };
  if (length > LONGEST_BACKING_NAME) return { name: null, problems: ['the name of its backing file is too long'] };
  if (offset + BigInt(length) > BigInt(header.length)) {
    return { name: null, problems: ['the name of its backing file lies outside the header'] };
  }
  return { name: text(header, Number(offset), length), problems: [] };
}

/** QEMU's enhanced disk (docs/interop/qed_spec.txt), little-endian. */
function probeQed(header: Uint8Array): Probe {
  if (header.length < 64) return { ...plain('qed'), problems: ['the header is cut short'] };
  const features = u64le(header, 16);
  const hasBacking = (features & 1n) !== 0n;
  const needsCheck = (features & 2n) !== 0n;
  const backingIsRaw = (features & 4n) !== 0n;
  const name = backingName(header, BigInt(u32le(header, 56)), u32le(header, 60));
  return {
    format: 'qed',
    virtualSize: Number(u64le(header, 48)),
    backing: hasBacking && name.name !== null ? { name: name.name, declaredFormat: backingIsRaw ? 'raw' : null } : null,
    problems: [
      ...(needsCheck ? ['it was not closed cleanly'] : []),
      ...(hasBacking ? name.problems : []),
      ...tooLarge(u64le(header, 48)),
    ],
  };
}

/** Creators whose sizes are exact; QEMU takes the geometry for all others (block/vpc.c). */
const VHD_EXACT_CREATORS = ['win ', 'qem2', 'd2v ', 'tap\0', 'CTXS'];
const VHD_LARGEST_GEOMETRY = 65535 * 16 * 255;
const VHD_DIFFERENCING = 4;

/** A VHD by its footer, of which the growing kinds have a copy at the start (Virtual Hard Disk Image Format, 2006). */
function probeVhd(footer: Uint8Array, header: Uint8Array): Probe {
  if (footer.length < 85) return { ...plain('vhd'), problems: ['the footer is cut short'] };
  const sectors = u16be(footer, 56) * footer[58]! * footer[59]!;
  const exact = VHD_EXACT_CREATORS.includes(ascii(footer, 28, 4)) || sectors === VHD_LARGEST_GEOMETRY;
  const current = u64be(footer, 48);
  const virtualSize = exact ? Number(current) : sectors * 512;
  const parent = u32be(footer, 60) === VHD_DIFFERENCING ? vhdParent(header, u64be(footer, 16)) : null;
  return {
    format: 'vhd',
    virtualSize,
    backing: parent === null ? null : { name: parent, declaredFormat: 'vhd' },
    problems: [...(vhdChecksum(footer) ? [] : ['the checksum of its footer is wrong']), ...tooLarge(current)],
  };
}

/** The ones' complement of the sum of all bytes of the footer but the checksum's own. */
function vhdChecksum(footer: Uint8Array): boolean {
  const sum = footer.subarray(0, 512).reduce((total, byte, at) => (at >= 64 && at < 68 ? total : total + byte), 0);
  return ~sum >>> 0 === u32be(footer, 64);
}

/** The parent's name in the dynamic header, UTF-16 with the high byte first. */
function vhdParent(header: Uint8Array, dynamicHeader: bigint): string | null {
  if (dynamicHeader + 576n > BigInt(header.length)) return null;
  const bytes = header.slice(Number(dynamicHeader) + 64, Number(dynamicHeader) + 576);
  const name = new TextDecoder('utf-16be').decode(bytes).replace(/\0.*$/s, '');
  return name === '' ? null : name;
}

/** VMware's sparse extent; its descriptor is embedded (Virtual Disk Format 5.0). */
function probeSparseVmdk(header: Uint8Array): Probe {
  if (header.length < 512) return { ...plain('vmdk'), problems: ['the header is cut short'] };
  const capacity = u64le(header, 12) * 512n;
  const descriptor = u64le(header, 28) * 512n;
  const inHeader = descriptor > 0n && descriptor < BigInt(header.length);
  const parent = inHeader ? probeVmdkDescriptor(header, Number(descriptor)).backing : null;
  return { format: 'vmdk', virtualSize: Number(capacity), backing: parent, problems: tooLarge(capacity) };
}

function probeVmdkDescriptor(header: Uint8Array, from: number): Probe {
  const descriptor = text(header, from, header.length - from).replace(/\0.*$/s, '');
  const extents = [...descriptor.matchAll(/^(?:RW|RDONLY|NOACCESS) (\d{1,15}) /gm)];
  const sectors = extents.reduce((total, extent) => total + Number(extent[1]), 0);
  const parent = /^parentFileNameHint="([^"\n]{1,1023})"/m.exec(descriptor)?.[1];
  return {
    format: 'vmdk',
    virtualSize: sectors === 0 ? null : sectors * 512,
    backing: parent === undefined ? null : { name: parent, declaredFormat: 'vmdk' },
    problems: [],
  };
}

/** VirtualBox's disk image, little-endian. */
function probeVdi(header: Uint8Array): Probe {
  const size = u64le(header, 0x170);
  return { format: 'vdi', virtualSize: Number(size), backing: null, problems: tooLarge(size) };
}
