import { realpath } from 'node:fs/promises';
import { XlError } from '../../base/error.ts';
import { lockOwner, takeLock } from '../real/lock.ts';
import { systemReason } from '../input.ts';

/** How long to wait for another's lock, in milliseconds: a server that was told to end takes a moment. */
const WAIT_MS = 500;

/** The lock of a dscow file, which every name of it shares. */
const lockOf = (path: string): string => `${path}.lock`;

/**
 * Takes a dscow file for oneself: two that write one would each keep a bitmap of its own. Resolves to the file's real
 * path and the function that gives it back. A dead owner's lock is taken over. Throws XlError `dscow-in-use`.
 */
export async function takeFile(path: string): Promise<{ readonly path: string; release: () => Promise<void> }> {
  const real = await realPath(path);
  try {
    const release = await takeLock(lockOf(real), { timeoutMs: WAIT_MS, signal: new AbortController().signal });
    return { path: real, release };
  } catch (error) {
    if (!(error instanceof XlError) || error.code !== 'lock-timeout') throw error;
    const pid = await ownerOf(real);
    throw new XlError('dscow-in-use', `${path} is in use${pid === null ? '' : ` by process ${pid}`}`, {
      cause: error,
      hint: '`xl dscow list` shows what is served; `xl dscow detach` ends it',
    });
  }
}

/** The process that has a dscow file open, if one has. */
export async function userOf(path: string): Promise<number | null> {
  return ownerOf(await realPath(path));
}

const ownerOf = async (real: string): Promise<number | null> => (await lockOwner(lockOf(real)))?.pid ?? null;

/** The file itself, whichever link names it. Throws XlError `dscow-missing`. */
async function realPath(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    throw new XlError('dscow-missing', `cannot find ${path}: ${systemReason(error)}`, {
      cause: error,
      hint: '`xl dscow create FILE BASE` makes an overlay',
    });
  }
}
