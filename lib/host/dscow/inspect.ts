import { stat } from 'node:fs/promises';
import type { XlError } from '../../base/error.ts';
import { changedRuns, type ChangedRun } from '../../dscow/changed.ts';
import type { Header } from '../../dscow/header.ts';
import { layoutOf, type Layout } from '../../dscow/layout.ts';
import { baseChanges, lookAtBase, openBase, sampleOf } from './base.ts';
import { userOf } from './lock.ts';
import { openCow, readHeaders } from './open.ts';

/** What a dscow file is, without changing or locking it: while a server has it open, what it last made durable. */
export interface OverlayInfo {
  readonly file: string;
  readonly header: Header;
  readonly layout: Layout;
  /** What is wrong with one of the two headers; null where both are sound. */
  readonly headerProblem: string | null;
  /** Bytes that the file takes on its disk. */
  readonly allocated: number;
  readonly fileSize: number;
  readonly changedBlocks: number;
  /** Set bits behind the last block: none in a sound file. */
  readonly strayBits: number;
  /** In words, why the base is not the one that the overlay was made over; empty where it is. */
  readonly baseProblems: readonly string[];
  /** The process that has the file open. */
  readonly user: number | null;
}

/** Looks at a dscow file. Throws the errors of `readHeaders`. */
export async function inspectOverlay(file: string): Promise<OverlayInfo> {
  const user = await userOf(file);
  const cow = await openCow(file, true);
  try {
    const { header, problem } = await readHeaders(cow, file);
    const layout = layoutOf(header.virtualSize, header.blockBits);
    const [found, counts] = await Promise.all([stat(file), countBlocks(changedRuns(cow, layout), layout)]);
    return {
      file,
      header,
      layout,
      headerProblem: problem,
      allocated: found.blocks * 512,
      fileSize: found.size,
      ...counts,
      baseProblems: await lookAtBase(header.base.path).then(
        (now) => baseChanges(header, now),
        (error: unknown) => [(error as XlError).message],
      ),
      user,
    };
  } finally {
    await cow.close();
  }
}

async function countBlocks(runs: AsyncIterable<ChangedRun>, { blocks }: Layout) {
  let [changedBlocks, strayBits] = [0, 0];
  for await (const { first, end } of runs) {
    changedBlocks += Math.max(0, Math.min(end, blocks) - first);
    strayBits += Math.max(0, end - Math.max(first, blocks));
  }
  return { changedBlocks, strayBits };
}

/** Stretches of the disk in bytes, in order and without gaps. */
export interface Stretch {
  readonly offset: number;
  readonly length: number;
  readonly changed: boolean;
}

/** Which stretches are in the file and which come from the base. */
export async function* mapOverlay(file: string): AsyncGenerator<Stretch> {
  const cow = await openCow(file, true);
  try {
    const { header } = await readHeaders(cow, file);
    const layout = layoutOf(header.virtualSize, header.blockBits);
    let at = 0;
    for await (const { first, end } of changedRuns(cow, layout)) {
      const from = Math.min(first * layout.blockSize, layout.virtualSize);
      const to = Math.min(end * layout.blockSize, layout.virtualSize);
      if (from > at) yield { offset: at, length: from - at, changed: false };
      if (to > from) yield { offset: from, length: to - from, changed: true };
      at = to;
    }
    if (at < layout.virtualSize) yield { offset: at, length: layout.virtualSize - at, changed: false };
  } finally {
    await cow.close();
  }
}

/** In words, everything that is wrong with a dscow file; the base's content is sampled too. */
export async function checkOverlay(info: OverlayInfo): Promise<string[]> {
  const { header, layout, fileSize } = info;
  const problems = [...info.baseProblems];
  if (info.headerProblem !== null) problems.push(`${info.headerProblem}; the next writer mends it`);
  if (fileSize < layout.fileSize) {
    problems.push(`the file has ${fileSize} bytes instead of ${layout.fileSize}: its end was cut off`);
  }
  if (info.strayBits > 0) problems.push(`${info.strayBits} blocks behind the disk's end are marked as changed`);
  if (info.baseProblems.length === 0 && header.base.id !== null && !header.committing) {
    const base = await openBase(header.base.path);
    const id = await sampleOf(base, header.base.size).finally(() => base.close());
    if (id !== header.base.id)
      problems.push('the first or the last MiB of the base has changed, though its time has not');
  }
  return problems;
}
