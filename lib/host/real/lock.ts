import { link, open, readFile, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { errnoOf, XlError } from '../../base/error.ts';
import type { ProcessIdentity } from '../../run/journal.ts';
import { isAlive, ownIdentity } from './identity.ts';

/** How long to wait before looking again at a lock that another holds, in milliseconds. */
const LOOK_AGAIN_MS = 25;

let attempts = 0;

/**
 * Takes a lock file, waiting for its holder within the bound; resolves to the function that gives it back. The file
 * holds its owner's identity from its first moment on, and one whose owner is dead is taken over. Throws XlError
 * `lock-timeout` that names the holder, or the signal's reason.
 */
export async function takeLock(
  path: string,
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<() => Promise<void>> {
  const mine = await ownIdentity();
  attempts += 1;
  const draft = `${path}.${mine.pid}-${mine.startTime}-${attempts}`;
  await writeDraft(draft, mine, path);
  try {
    const deadline = performance.now() + options.timeoutMs;
    while (!(await tryLink(draft, path))) {
      options.signal.throwIfAborted();
      if (await removeIfDead(path, options)) continue;
      if (performance.now() >= deadline) throw await lockTimeout(path, options.timeoutMs);
      await sleep(LOOK_AGAIN_MS, undefined, { signal: options.signal }).catch(() => options.signal.throwIfAborted());
    }
  } finally {
    await rm(draft, { force: true });
  }
  return () => rm(path, { force: true });
}

async function writeDraft(draft: string, mine: ProcessIdentity, path: string): Promise<void> {
  try {
    const file = await open(draft, 'wx', 0o600);
    await file.writeFile(JSON.stringify(mine)).finally(() => file.close());
  } catch (error) {
    await rm(draft, { force: true });
    throw new XlError('lock-failed', `cannot make the lock file ${path}: ${errnoOf(error) ?? String(error)}`, {
      cause: error,
      hint: 'see whether its directory exists and may be written',
    });
  }
}

/** A hard link appears with its content or not at all, and never replaces a file that is there. */
async function tryLink(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw new XlError('lock-failed', `cannot make the lock file ${path}: ${errnoOf(error) ?? String(error)}`, {
      cause: error,
    });
  }
}

/**
 * Removes a dead owner's lock. Only one process at a time may, under a lock of its own kind: else the second would
 * remove the lock that the first has just taken.
 */
async function removeIfDead(path: string, options: { timeoutMs: number; signal: AbortSignal }): Promise<boolean> {
  if (!(await isDead(path))) return false;
  const release = await takeLock(`${path}.takeover`, options);
  try {
    if (await isDead(path)) await rm(path, { force: true });
    return true;
  } finally {
    await release();
  }
}

/** Who holds a lock and lives; null where nobody does. */
export async function lockOwner(path: string): Promise<ProcessIdentity | null> {
  return (await isDead(path)) ? null : ownerOf(path);
}

async function isDead(path: string): Promise<boolean> {
  const owner = await ownerOf(path);
  if (owner === null) return false;
  return owner.bootId !== (await ownIdentity()).bootId || !(await isAlive(owner));
}

/** The owner, or null where the file is gone or is not of our kind (then its holder is unknown, not dead). */
async function ownerOf(path: string): Promise<ProcessIdentity | null> {
  const text = await readFile(path, 'utf8').catch(() => '');
  try {
    const owner = JSON.parse(text) as Partial<ProcessIdentity> | null;
    const { pid, startTime, bootId } = owner ?? {};
    const known = typeof pid === 'number' && typeof startTime === 'string' && typeof bootId === 'string';
    return known ? { pid, startTime, bootId } : null;
  } catch {
    return null;
  }
}

async function lockTimeout(path: string, timeoutMs: number): Promise<XlError> {
  const owner = await ownerOf(path);
  const holder = owner === null ? 'another program' : `process ${owner.pid}`;
  return new XlError('lock-timeout', `${holder} holds ${path}; waited ${timeoutMs / 1000} s for it`, {
    hint: 'another command works on the same domain; try again when it has ended',
  });
}
