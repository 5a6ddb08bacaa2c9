import { XlError } from '../../base/error.ts';
import { isElf } from './elf.ts';

/** How a kernel is packed; the names are those of the tools that unpack it. */
export type Compression = 'gzip' | 'xz' | 'zstd' | 'lz4' | 'bzip2' | 'lzma' | 'lzop';

/** A kernel file looked at: the ELF image itself, or what has to be unpacked to have it. */
export type KernelFile =
  | { readonly kind: 'elf'; readonly elf: Uint8Array }
  /** `bytes` is one whole stream of that compression, and `size` the bytes that must come out. */
  | { readonly kind: 'packed'; readonly compression: Compression; readonly bytes: Uint8Array; readonly size: number };

/** First bytes of the compressions that Linux builds its kernels with (scripts/Makefile.lib; lz4 is its legacy frame). */
const MAGICS: readonly (readonly [Compression, readonly number[]])[] = [
  ['gzip', [0x1f, 0x8b]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['lz4', [0x02, 0x21, 0x4c, 0x18]],
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['lzma', [0x5d, 0x00, 0x00]],
  ['lzop', [0x89, 0x4c, 0x5a, 0x4f]],
];

/** The x86 boot protocol's header (Linux, Documentation/arch/x86/boot.rst): offsets of the fields read here. */
const SETUP = { sectors: 0x1f1, magic: 0x202, version: 0x206, payloadOffset: 0x248, payloadLength: 0x24c, end: 0x250 };
const HDRS = 0x53726448;
/** The first protocol that says where the payload is. */
const PAYLOAD_PROTOCOL = 0x208;

/** More than any kernel; a size above it is a lie, and would be believed by whoever allocates. */
const MAX_KERNEL = 1024 ** 3;

/**
 * Looks into a kernel file: ELF, gzipped ELF (`vmlinux.gz`), or bzImage, whose payload is a packed ELF or a plain one.
 * Errors: `kernel-not-elf`, `kernel-corrupt`, `kernel-compression`.
 */
export function openKernel(file: Uint8Array): KernelFile {
  if (isElf(file)) return { kind: 'elf', elf: file };
  if (compressionOf(file) === 'gzip') return packed(file);
  if (!isBzImage(file)) {
    throw new XlError('kernel-not-elf', 'it is neither an ELF file nor a bzImage', {
      hint: `it starts with the bytes ${firstBytes(file)}`,
    });
  }
  const data = viewOf(file);
  const version = data.getUint16(SETUP.version, true);
  if (version < PAYLOAD_PROTOCOL) {
    throw new XlError('kernel-corrupt', `its boot protocol ${version >> 8}.${version & 0xff} is older than 2.08`, {
      hint: 'give an uncompressed vmlinux instead',
    });
  }
  // A count of 0 means 4, and the boot sector comes on top.
  const start = ((data.getUint8(SETUP.sectors) || 4) + 1) * 512 + data.getUint32(SETUP.payloadOffset, true);
  const end = start + data.getUint32(SETUP.payloadLength, true);
  if (end > file.length) {
    throw new XlError(
      'kernel-corrupt',
      `the bzImage is cut off: its payload reaches to ${end}, the file to ${file.length}`,
    );
  }
  const payload = file.subarray(start, end);
  return isElf(payload) ? { kind: 'elf', elf: payload } : packed(payload);
}

/** The kernel that came out of a packed one. Error: `kernel-corrupt` where it is not as long as the file said. */
export function unpackedKernel(
  { compression, size }: { compression: Compression; size: number },
  elf: Uint8Array,
): Uint8Array {
  if (elf.length !== size) {
    throw new XlError(
      'kernel-corrupt',
      `${compression} made ${elf.length} bytes of the kernel, which says it has ${size}`,
    );
  }
  return elf;
}

function packed(payload: Uint8Array): KernelFile {
  const compression = compressionOf(payload);
  if (compression === null || payload.length < 8) {
    throw new XlError('kernel-compression', 'its kernel is packed in a way that is not known here', {
      hint: `known are ${MAGICS.map(([name]) => name).join(', ')}; this one starts with the bytes ${firstBytes(payload)}`,
    });
  }
  // Whatever the compression, the last word is the unpacked size. Only in gzip it is part of the stream.
  const size = viewOf(payload).getUint32(payload.length - 4, true);
  if (size > MAX_KERNEL) throw new XlError('kernel-corrupt', `its kernel says that it is ${size} bytes long`);
  const bytes = compression === 'gzip' ? payload : payload.subarray(0, -4);
  return { kind: 'packed', compression, bytes, size };
}

function compressionOf(bytes: Uint8Array): Compression | null {
  return MAGICS.find(([, magic]) => magic.every((byte, index) => bytes[index] === byte))?.[0] ?? null;
}

const isBzImage = (file: Uint8Array): boolean =>
  file.length >= SETUP.end && viewOf(file).getUint32(SETUP.magic, true) === HDRS;
const firstBytes = (bytes: Uint8Array): string => Buffer.from(bytes.subarray(0, 8)).toString('hex');
const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
