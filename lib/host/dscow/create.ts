import { randomUUID } from 'node:crypto';
import { open, rename, rm, stat, truncate, chown, chmod } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { errnoOf, XlError } from '../../base/error.ts';
import { encodeHeader, type BaseIdentity, type Header } from '../../dscow/header.ts';
import { BLOCK_BITS, layoutOf, roundUp, SECTOR, type Layout } from '../../dscow/layout.ts';
import { writeHeaderCopies } from '../../dscow/overlay.ts';
import { systemReason } from '../input.ts';
import { identifyBase } from './base.ts';
import { openBlockFile } from './file.ts';

export interface CreateOptions {
  /** The block size as a power of two; 64 KiB unless said. */
  readonly blockBits?: number;
}

/**
 * Makes an overlay without changes over a raw image. Its disk is as large as the base, rounded up to a sector. Throws
 * XlError `dscow-exists` and leaves what is there as it is.
 */
export async function createOverlay(path: string, base: string, options: CreateOptions = {}): Promise<Header> {
  const identity = await identifyBase(resolve(base));
  const header: Header = {
    virtualSize: roundUp(identity.size, SECTOR),
    blockBits: options.blockBits ?? BLOCK_BITS.usual,
    inUse: false,
    committing: false,
    generation: 1,
    uuid: randomUUID(),
    base: identity,
    created: Math.floor(Date.now() / 1000),
  };
  await writeEmpty(path, header);
  return header;
}

/**
 * Replaces an overlay by one without changes, in one step: whoever looks sees the old file or the new one, also after a
 * power cut. The caller has the file for itself.
 */
export async function replaceByEmpty(path: string, before: Header, base: BaseIdentity): Promise<void> {
  const draft = `${path}.new-${process.pid}`;
  const old = await stat(path);
  await rm(draft, { force: true });
  const header: Header = {
    ...before,
    base,
    inUse: false,
    committing: false,
    generation: before.generation + 1,
  };
  try {
    await writeEmpty(draft, header);
    await chmod(draft, old.mode & 0o7777);
    if (old.uid !== process.getuid?.() || old.gid !== process.getgid?.()) await chown(draft, old.uid, old.gid);
    await rename(draft, path);
    await syncDirectory(path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

async function writeEmpty(path: string, header: Header): Promise<void> {
  const layout = layoutOf(header.virtualSize, header.blockBits);
  const bytes = encodeHeader(header);
  const file = await openBlockFile(path, 'wx').catch((error: unknown) => {
    throw errnoOf(error) === 'EEXIST' ? alreadyThere(path, error) : cannotMake(path, error);
  });
  try {
    await grow(path, layout);
    await writeHeaderCopies(file, bytes);
    await file.close();
    await syncDirectory(path);
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(path, { force: true });
    throw error instanceof XlError ? error : cannotMake(path, error);
  }
}

/** Gives the file its whole size, of which it takes nothing yet. */
async function grow(path: string, { fileSize }: Layout): Promise<void> {
  try {
    await truncate(path, fileSize);
  } catch (error) {
    if (errnoOf(error) !== 'EFBIG') throw error;
    throw new XlError('dscow-size', `the file system cannot hold a sparse file of ${fileSize} bytes for ${path}`, {
      cause: error,
      hint: 'ext4 ends at 16 TiB; XFS and btrfs hold larger ones',
    });
  }
}

/** Makes a file's name durable. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(dirname(resolve(path)), 'r');
  await directory.sync().finally(() => directory.close());
}

const alreadyThere = (path: string, cause: unknown): XlError =>
  new XlError('dscow-exists', `${path} is there already`, {
    cause,
    hint: '`xl dscow reset` drops its changes; `xl dscow info` says what it is',
  });

const cannotMake = (path: string, cause: unknown): XlError =>
  new XlError('dscow-create-failed', `cannot make ${path}: ${systemReason(cause)}`, { cause });
