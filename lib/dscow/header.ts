import { XlError } from '../base/error.ts';
import { crc32 } from './crc32.ts';
import { layoutOf, PAGE } from './layout.ts';

/** What the header of a dscow file says. xl-dscow(1) has the table of its bytes. */
export interface Header {
  /** Bytes that the guest sees. */
  readonly virtualSize: number;
  /** The block size as a power of two. */
  readonly blockBits: number;
  /** Somebody has the file open for writing, or had when the machine went down. */
  readonly inUse: boolean;
  /** A commit has begun to write into the base, which is therefore newer than this header says. */
  readonly committing: boolean;
  /** Counts the header's writes; of two sound copies the larger one is the newer. */
  readonly generation: number;
  /** As 8-4-4-4-12 hexadecimal digits. */
  readonly uuid: string;
  readonly base: BaseIdentity;
  /** Seconds since 1970. */
  readonly created: number;
}

/** Which base an overlay stands on. If it changes, every unchanged block of the overlay changes with it. */
export interface BaseIdentity {
  /** Absolute. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Nanoseconds since 1970; 0 where unknown, as for block devices. */
  readonly mtimeNs: bigint;
  /** SHA-256 over the first and the last MiB, 64 hexadecimal digits; null where unknown. */
  readonly id: string | null;
}

/** `DSCOWv2` and a line feed, so that a transfer as text shows. */
const MAGIC = Uint8Array.of(0x44, 0x53, 0x43, 0x4f, 0x57, 0x76, 0x32, 0x0a);
const VERSION = 2;
const FLAG_IN_USE = 1;
const FLAG_COMMITTING = 2;
const FORMAT_RAW = 1;
const AT = {
  version: 8,
  headerLength: 12,
  incompat: 16,
  virtualSize: 32,
  blockBits: 40,
  flags: 44,
  bitmapOffset: 48,
  bitmapLength: 56,
  dataOffset: 64,
  generation: 72,
  uuid: 80,
  baseSize: 96,
  baseMtime: 104,
  basePathLength: 112,
  baseFormat: 116,
  baseId: 120,
  created: 152,
  basePath: 1024,
  checksum: PAGE - 4,
} as const;
/** The longest path of a base, in bytes of UTF-8. */
export const BASE_PATH_MAX = 3000;

/** Whether these first bytes of a file are a dscow header's. */
export const hasMagic = (bytes: Uint8Array): boolean => MAGIC.every((byte, index) => bytes[index] === byte);

/**
 * The header's 4096 bytes. `before` is what stands there now: bytes that later versions gave a meaning stay as they are.
 * Throws XlError `dscow-base-path` for a path that does not fit.
 */
export function encodeHeader(header: Header, before?: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(PAGE);
  if (before !== undefined && hasMagic(before)) bytes.set(before.subarray(0, PAGE));
  const view = new DataView(bytes.buffer);
  const u64 = (offset: number, value: number | bigint) => view.setBigUint64(offset, BigInt(value), true);
  const u32 = (offset: number, value: number) => view.setUint32(offset, value, true);
  const layout = layoutOf(header.virtualSize, header.blockBits);
  const path = encodedPath(header.base.path);
  bytes.set(MAGIC);
  u32(AT.version, VERSION);
  u32(AT.headerLength, PAGE);
  u64(AT.virtualSize, header.virtualSize);
  u32(AT.blockBits, header.blockBits);
  const others = view.getUint32(AT.flags, true) & ~(FLAG_IN_USE | FLAG_COMMITTING);
  u32(AT.flags, others | (header.inUse ? FLAG_IN_USE : 0) | (header.committing ? FLAG_COMMITTING : 0));
  u64(AT.bitmapOffset, layout.bitmapOffset);
  u64(AT.bitmapLength, layout.bitmapLength);
  u64(AT.dataOffset, layout.dataOffset);
  u64(AT.generation, header.generation);
  bytes.set(hexBytes(header.uuid.replaceAll('-', '')), AT.uuid);
  u64(AT.baseSize, header.base.size);
  u64(AT.baseMtime, header.base.mtimeNs);
  u32(AT.basePathLength, path.length);
  u32(AT.baseFormat, FORMAT_RAW);
  bytes.set(header.base.id === null ? new Uint8Array(32) : hexBytes(header.base.id), AT.baseId);
  u64(AT.created, header.created);
  bytes.fill(0, AT.basePath, AT.checksum).set(path, AT.basePath);
  u32(AT.checksum, crc32(bytes.subarray(0, AT.checksum)));
  return bytes;
}

/** A copy of the header that cannot be used, and why; `refused` where it is sound but not for this program. */
export interface BadHeader {
  readonly problem: string;
  readonly refused: boolean;
}

/** Reads one copy of the header. Nothing in it is believed before it was checked: the file may come from anywhere. */
export function decodeHeader(bytes: Uint8Array): Header | BadHeader {
  if (bytes.length < PAGE || !hasMagic(bytes)) return bad('has no dscow v2 magic');
  const view = new DataView(bytes.buffer, bytes.byteOffset, PAGE);
  const u32 = (offset: number) => view.getUint32(offset, true);
  if (u32(AT.checksum) !== crc32(bytes.subarray(0, AT.checksum))) return bad('has a wrong checksum');
  if (u32(AT.version) !== VERSION) return refused(`is of version ${u32(AT.version)}; only 2 is known`);
  const incompat = view.getBigUint64(AT.incompat, true);
  if (incompat !== 0n) return refused(`asks for features that are not known here: 0x${incompat.toString(16)}`);
  if (u32(AT.headerLength) !== PAGE) return refused(`has ${u32(AT.headerLength)} bytes instead of ${PAGE}`);
  if (u32(AT.baseFormat) !== FORMAT_RAW)
    return refused(`names a base of format ${u32(AT.baseFormat)}; only 1, raw, is known`);
  try {
    return decodeFields(bytes, view);
  } catch (error) {
    // layoutOf, toNumber and TextDecoder throw for values that no writer makes.
    return bad(error instanceof Error ? `makes no sense: ${error.message}` : 'makes no sense');
  }
}

function decodeFields(bytes: Uint8Array, view: DataView): Header | BadHeader {
  const u64 = (offset: number) => toNumber(view.getBigUint64(offset, true));
  const u32 = (offset: number) => view.getUint32(offset, true);
  const layout = layoutOf(u64(AT.virtualSize), u32(AT.blockBits));
  for (const name of ['bitmapOffset', 'bitmapLength', 'dataOffset'] as const) {
    if (u64(AT[name]) !== layout[name]) return bad(`makes no sense: ${name} is ${u64(AT[name])}, not ${layout[name]}`);
  }
  const length = u32(AT.basePathLength);
  if (length < 1 || length > BASE_PATH_MAX) return bad(`makes no sense: a base path of ${length} bytes`);
  const path = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
    bytes.subarray(AT.basePath, AT.basePath + length),
  );
  if (!path.startsWith('/') || path.includes('\0')) return bad('makes no sense: the base path is not absolute');
  const id = hex(bytes.subarray(AT.baseId, AT.baseId + 32));
  const flags = u32(AT.flags);
  return {
    virtualSize: layout.virtualSize,
    blockBits: layout.blockBits,
    inUse: (flags & FLAG_IN_USE) !== 0,
    committing: (flags & FLAG_COMMITTING) !== 0,
    generation: u64(AT.generation),
    uuid: hex(bytes.subarray(AT.uuid, AT.uuid + 16)).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
    base: {
      path,
      size: u64(AT.baseSize),
      mtimeNs: view.getBigUint64(AT.baseMtime, true),
      id: /^0+$/.test(id) ? null : id,
    },
    created: u64(AT.created),
  };
}

/** Both copies of a header, read. */
export interface HeaderPair {
  /** The newer sound copy. */
  readonly header: Header;
  /** Its bytes, for `encodeHeader`. */
  readonly bytes: Uint8Array;
  /** What is wrong with the other copy; null where it is sound. The next write of the header mends it. */
  readonly problem: string | null;
}

/**
 * Chooses between the two copies. Throws XlError `dscow-foreign` for a file that is none of ours, `dscow-unsupported` for
 * one that only a newer program may open, `dscow-damaged` where no copy is sound.
 */
export function chooseHeader(a: Uint8Array, b: Uint8Array, name: string): HeaderPair {
  const copies = [
    { label: 'A', bytes: a, read: decodeHeader(a) },
    { label: 'B', bytes: b, read: decodeHeader(b) },
  ] as const;
  const sound = copies.flatMap(({ bytes, read }) => ('problem' in read ? [] : [{ bytes, header: read }]));
  const problems = copies.flatMap(({ label, read }) => ('problem' in read ? [`header ${label} ${read.problem}`] : []));
  const refusal = copies.find(({ read }) => 'problem' in read && read.refused);
  if (refusal !== undefined && 'problem' in refusal.read) {
    throw new XlError('dscow-unsupported', `${name}: header ${refusal.label} ${refusal.read.problem}`, {
      hint: 'a newer xl wrote this file; open it with that one',
    });
  }
  const best = sound.reduce<(typeof sound)[number] | undefined>(
    (one, other) => (one === undefined || other.header.generation > one.header.generation ? other : one),
    undefined,
  );
  if (best !== undefined) return { ...best, problem: problems[0] ?? null };
  if (!hasMagic(a) && !hasMagic(b)) {
    throw new XlError(
      'dscow-foreign',
      `${name} is not a dscow v2 file (the 2006 format is undocumented and cannot be read)`,
      { hint: '`xl disk probe` says what it is; `xl dscow create` makes an overlay over a raw image' },
    );
  }
  throw new XlError('dscow-damaged', `${name}: both copies of the header are damaged`, {
    evidence: [{ title: name, lines: problems }],
    hint: 'the blocks are still there, but nothing says which of them count; restore the file from a backup',
  });
}

const bad = (problem: string): BadHeader => ({ problem, refused: false });
const refused = (problem: string): BadHeader => ({ problem, refused: true });

function encodedPath(path: string): Uint8Array {
  const bytes = new TextEncoder().encode(path);
  if (path.startsWith('/') && !path.includes('\0') && bytes.length <= BASE_PATH_MAX) return bytes;
  throw new XlError('dscow-base-path', `the base cannot be named ${JSON.stringify(path.slice(0, 80))}`, {
    hint: `an absolute path of at most ${BASE_PATH_MAX} bytes`,
  });
}

function toNumber(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError(`${value} is more than 2^53 - 1`);
  return Number(value);
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
const hexBytes = (text: string): Uint8Array =>
  Uint8Array.from(text.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));
