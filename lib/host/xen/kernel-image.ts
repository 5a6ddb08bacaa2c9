import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { errnoOf, XlError } from '../../base/error.ts';
import { openKernel, unpackedKernel, type Compression } from '../../xen/build/bzimage.ts';

/** The system's tools for what Node does not unpack by itself. Each reads a stream and writes what was in it. */
const TOOLS: Readonly<Record<Exclude<Compression, 'gzip'>, readonly string[]>> = {
  xz: ['xz', '--decompress', '--stdout', '--single-stream'],
  lzma: ['xz', '--format=lzma', '--decompress', '--stdout'],
  zstd: ['zstd', '--decompress', '--stdout'],
  lz4: ['lz4', '--decompress', '--stdout'],
  bzip2: ['bzip2', '--decompress', '--stdout'],
  lzop: ['lzop', '--decompress', '--stdout'],
};

/** More than any kernel: what unpacks to more is no kernel. */
const MAX_BYTES = 1024 ** 3;

/** A file that goes into the guest's memory as it is. Throws XlError `image-unreadable`. */
export async function readImage(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new XlError('image-unreadable', `cannot read ${path}: ${errnoOf(error) ?? String(error)}`, { cause: error });
  }
}

/**
 * The ELF image in a kernel file, unpacked where it is packed. Throws XlError `image-unreadable`, `kernel-compression`
 * with the compression that nothing here unpacks, and what openKernel throws, each with the file's name.
 */
export async function readKernel(path: string, signal: AbortSignal): Promise<Uint8Array> {
  const file = await readImage(path);
  try {
    const kernel = openKernel(file);
    if (kernel.kind === 'elf') return kernel.elf;
    return unpackedKernel(kernel, await unpack(kernel.compression, kernel.bytes, signal));
  } catch (error) {
    if (!(error instanceof XlError)) throw error;
    const { hint, evidence, cause } = error;
    throw new XlError(error.code, `kernel ${path}: ${error.message}`, { hint, evidence, cause });
  }
}

async function unpack(compression: Compression, bytes: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
  if (compression === 'gzip') return promisify(gunzip)(bytes, { maxOutputLength: MAX_BYTES }).catch(corrupt('gzip'));
  const [tool = '', ...words] = TOOLS[compression];
  const { execa } = await import('execa');
  const { stdout, failed, code, stderr } = await execa(tool, words, {
    input: bytes,
    encoding: 'buffer',
    maxBuffer: MAX_BYTES,
    reject: false,
    cancelSignal: signal,
  });
  if (!failed) return stdout;
  signal.throwIfAborted();
  if (code === 'ENOENT') {
    throw new XlError('kernel-compression', `it is packed with ${compression}, and there is no ${tool} to unpack it`, {
      hint: `install ${tool}, or give the uncompressed vmlinux`,
    });
  }
  return corrupt(tool)(new TextDecoder().decode(stderr).trim());
}

const corrupt =
  (tool: string) =>
  (cause: unknown): never => {
    const words = cause instanceof Error ? cause.message : String(cause);
    throw new XlError('kernel-corrupt', `${tool} cannot unpack it: ${words}`, { cause });
  };
