import { resolve } from 'node:path';
import { XlError } from '../../base/error.ts';
import { changedRuns } from '../../dscow/changed.ts';
import type { BlockFile } from '../../dscow/file.ts';
import type { BaseIdentity } from '../../dscow/header.ts';
import { layoutOf } from '../../dscow/layout.ts';
import { encodeHeader } from '../../dscow/header.ts';
import { writeHeaderCopies } from '../../dscow/overlay.ts';
import { systemReason } from '../input.ts';
import { identifyBase, lookAtBase, requireSameBase } from './base.ts';
import { replaceByEmpty } from './create.ts';
import { openBlockFile } from './file.ts';
import { takeFile } from './lock.ts';
import { openCow, readHeaders } from './open.ts';

/** Bytes copied in one go. */
const COPY = 4 * 1024 * 1024;

/** Runs with a dscow file that nobody else has, closed and given back afterwards. */
async function withFile<T>(file: string, body: (path: string, cow: BlockFile) => Promise<T>): Promise<T> {
  const lock = await takeFile(file);
  try {
    const cow = await openCow(lock.path, false);
    return await body(lock.path, cow).finally(() => cow.close());
  } finally {
    await lock.release();
  }
}

/** Drops all changes in one step: the disk is as the base is now, which from here on is the base. */
export async function resetOverlay(file: string, options: { readonly forceBase: boolean }): Promise<void> {
  await withFile(file, async (path, cow) => {
    const { header } = await readHeaders(cow, file);
    if (!options.forceBase) requireSameBase(header, await lookAtBase(header.base.path), file);
    const base = await identifyBase(header.base.path);
    requireSize(base, header.virtualSize, file);
    await replaceByEmpty(path, header, base);
  });
}

/**
 * Says where an overlay's base is now; the blocks stay. Throws XlError `dscow-other-base` for a base with another content
 * (as far as its two ends show), unless forced: every unchanged block would be another.
 */
export async function rebaseOverlay(
  file: string,
  newBase: string,
  options: { readonly force: boolean },
): Promise<BaseIdentity> {
  return withFile(file, async (_path, cow) => {
    const { header, bytes } = await readHeaders(cow, file);
    if (header.committing) {
      throw new XlError('dscow-committing', `a commit of ${file} was interrupted`, {
        hint: 'end it first: `xl dscow commit` again',
      });
    }
    const base = await identifyBase(resolve(newBase));
    requireSize(base, header.virtualSize, file);
    const same = base.size === header.base.size && base.id === header.base.id;
    if (!same && !options.force) {
      throw new XlError('dscow-other-base', `${newBase} is not the image that ${file} was made over`, {
        hint: '`--force` takes it all the same: every block that was not changed then comes from it',
      });
    }
    await writeHeaderCopies(cow, encodeHeader({ ...header, base, generation: header.generation + 1 }, bytes));
    return base;
  });
}

/**
 * Writes an overlay's changes into its base and drops them from the overlay. At every moment the overlay's disk reads the
 * same, also after a power cut: what the base lacks the overlay still has. Bytes written.
 */
export async function commitOverlay(file: string, options: { readonly forceBase: boolean }): Promise<number> {
  return withFile(file, async (path, cow) => {
    const { header, bytes } = await readHeaders(cow, file);
    const { base } = header;
    if (!options.forceBase) requireSameBase(header, await lookAtBase(base.path), file);
    // From here on the base's time tells nothing: this very commit changes it.
    const marked = { ...header, committing: true, generation: header.generation + 1 };
    const target = await openTarget(base.path);
    try {
      await writeHeaderCopies(cow, encodeHeader(marked, bytes));
      const written = await copyChanges(cow, target, { ...header, end: Math.max(base.size, header.virtualSize) });
      await target.sync();
      const now = await identifyBase(base.path);
      await replaceByEmpty(path, marked, now);
      return written;
    } finally {
      await target.close();
    }
  });
}

/**
 * Writes every changed block of an overlay to the same place of another file, no further than `end`. Bytes written. A base
 * that is shorter than the last sector grows by what was written there.
 */
export async function copyChanges(
  cow: BlockFile,
  target: Pick<BlockFile, 'write'>,
  { virtualSize, blockBits, end }: { readonly virtualSize: number; readonly blockBits: number; readonly end: number },
): Promise<number> {
  const layout = layoutOf(virtualSize, blockBits);
  const buffer = Buffer.allocUnsafe(COPY);
  let written = 0;
  for await (const run of changedRuns(cow, layout)) {
    const stop = Math.min(run.end * layout.blockSize, virtualSize, end);
    for (let at = run.first * layout.blockSize; at < stop; at += COPY) {
      const piece = buffer.subarray(0, Math.min(COPY, stop - at));
      await cow.read(piece, layout.dataOffset + at);
      await target.write([piece], at);
      written += piece.length;
    }
  }
  return written;
}

async function openTarget(path: string): Promise<BlockFile> {
  try {
    return await openBlockFile(path, 'r+');
  } catch (error) {
    throw new XlError('dscow-commit-failed', `cannot write to the base ${path}: ${systemReason(error)}`, {
      cause: error,
      hint: '`xl dscow commit --into IMAGE` writes base and changes into a new image instead',
    });
  }
}

function requireSize({ path, size }: BaseIdentity, virtualSize: number, file: string): void {
  if (size <= virtualSize) return;
  throw new XlError(
    'dscow-other-base',
    `${path} has ${size} bytes, more than the ${virtualSize} of the disk of ${file}`,
    {
      hint: 'make a new overlay over it: `xl dscow create`',
    },
  );
}
