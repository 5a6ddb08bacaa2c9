import { constants, type BigIntStats } from 'node:fs';
import { resolve } from 'node:path';
import { errnoOf } from '../../base/error.ts';
import type { PathFacts, PathKind } from '../../base/facts.ts';
import { imageFacts } from '../../disk/chain.ts';
import { deviceNumber } from '../device-number.ts';
import { blockSize } from './block-size.ts';
import { readImage } from './image.ts';
import { mapLimited } from './limit.ts';
import { access, stat } from './look.ts';

/** How many paths are looked at together. */
const TOGETHER = 16;
/**
 * After so long a path has not answered (`missing`, ETIMEDOUT): a dead NFS server must not hang a dry run. In milliseconds. A host that
 * is merely starved of CPU has taken more than five seconds.
 */
const PATIENCE_MS = 20_000;

/** What each path is, by the path as typed; relative ones count from `directory`. Never throws for a path. */
export async function pathFacts(paths: readonly string[], directory: string): Promise<Record<string, PathFacts>> {
  const distinct = [...new Set(paths)];
  const facts = await mapLimited(distinct, TOGETHER, (path) => inTime(lookAt(resolve(directory, path))));
  return Object.fromEntries(distinct.map((path, index) => [path, facts[index]!]));
}

async function inTime(looking: Promise<PathFacts>): Promise<PathFacts> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<PathFacts>((settle) => {
    timer = setTimeout(() => settle(missing('ETIMEDOUT')), PATIENCE_MS);
  });
  try {
    return await Promise.race([looking, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function lookAt(path: string): Promise<PathFacts> {
  let found: BigIntStats;
  try {
    found = await stat(path, { bigint: true });
  } catch (error) {
    // A path with a NUL in it is refused by Node itself, with a name that is no errno.
    const errno = errnoOf(error) ?? 'EIO';
    return missing(errno.startsWith('ERR_') ? 'EINVAL' : errno);
  }
  const kind = kindOf(found);
  const [readable, writable, size] = await Promise.all([
    may(path, constants.R_OK),
    may(path, constants.W_OK),
    kind === 'block' ? blockSize(found.rdev) : Number(found.size),
  ]);
  const image = readable && (kind === 'file' || kind === 'block') ? await imageFacts(path, readImage) : null;
  return {
    kind,
    readable,
    writable,
    size,
    identity: `${found.dev}:${found.ino}`,
    ...(kind === 'block' || kind === 'char' ? { device: deviceNumber(found.rdev) } : {}),
    ...(image === null ? {} : { image }),
  };
}

const missing = (errno: string): PathFacts => ({ kind: 'missing', errno });

function kindOf(found: BigIntStats): PathKind {
  if (found.isFile()) return 'file';
  if (found.isBlockDevice()) return 'block';
  if (found.isDirectory()) return 'directory';
  if (found.isFIFO()) return 'fifo';
  return found.isSocket() ? 'socket' : 'char';
}

async function may(path: string, mode: number): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}
