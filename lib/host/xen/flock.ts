import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, rm, stat, type FileHandle } from 'node:fs/promises';
import { errnoOf, XlError } from '../../base/error.ts';

/** flock(1)'s exit status where the bound ran out, as we ask for it. */
const TIMED_OUT = 75;

/**
 * Takes a lock as libxl does (libxl_internal.c:libxl__lock_file), so that stock xl and we keep out of each other's way:
 * flock(2) on the file, which goes when its holder dies, and the file is removed before the lock is let go. Node has no
 * flock; but a lock belongs to the open file, so flock(1) may take it on ours and end. Resolves to the function that gives
 * it back. Throws XlError `lock-timeout`, `lock-failed`, or the signal's reason.
 */
export async function takeFlock(
  path: string,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<() => Promise<void>> {
  const deadline = performance.now() + timeoutMs;
  const rest = (): number => Math.max(0, deadline - performance.now());
  for (;;) {
    const file = await openLockFile(path);
    try {
      await lockOpenFile(file, path, { timeoutMs: rest(), signal });
      if (await isStillAt(file, path)) return () => release(file, path);
    } catch (error) {
      await file.close();
      throw error;
    }
    // Its last holder has removed the file that we waited for: the next try makes a new one.
    await file.close();
  }
}

async function openLockFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'a+', 0o666);
  } catch (error) {
    throw new XlError('lock-failed', `cannot make the lock file ${path}: ${errnoOf(error) ?? String(error)}`, {
      cause: error,
      hint: 'see whether its directory exists and may be written',
    });
  }
}

async function lockOpenFile(
  file: FileHandle,
  path: string,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<void> {
  signal.throwIfAborted();
  const seconds = (timeoutMs / 1000).toFixed(3);
  const child = spawn('flock', ['--exclusive', '--wait', seconds, '--conflict-exit-code', `${TIMED_OUT}`, '3'], {
    stdio: ['ignore', 'ignore', 'ignore', file.fd],
    signal,
  });
  let code: unknown;
  try {
    [code] = (await once(child, 'exit')) as unknown[];
  } catch (error) {
    signal.throwIfAborted();
    throw new XlError('lock-failed', `cannot run flock to lock ${path}: ${errnoOf(error) ?? String(error)}`, {
      cause: error,
      hint: 'flock(1) is in the package util-linux',
    });
  }
  if (code === 0) return;
  if (code === TIMED_OUT) {
    throw new XlError('lock-timeout', `another program holds ${path}; waited ${seconds} s for it`, {
      hint: 'another xl works on the same domain; try again when it has ended',
    });
  }
  throw new XlError('lock-failed', `cannot lock ${path}: flock ended with status ${String(code)}`);
}

async function isStillAt(file: FileHandle, path: string): Promise<boolean> {
  const ours = await file.stat();
  const there = await stat(path).catch(() => null);
  return there !== null && there.ino === ours.ino && there.dev === ours.dev;
}

/** Removed while still locked: who waits for it sees that and begins again. */
async function release(file: FileHandle, path: string): Promise<void> {
  await rm(path, { force: true });
  await file.close();
}
