import { XlError, type Diagnostic } from '../../base/error.ts';
import type { BlockFile } from '../../dscow/file.ts';
import { chooseHeader, type HeaderPair } from '../../dscow/header.ts';
import { HEADER_OFFSETS, PAGE } from '../../dscow/layout.ts';
import { Overlay } from '../../dscow/overlay.ts';
import { systemReason } from '../input.ts';
import { lookAtBase, openBase, requireSameBase } from './base.ts';
import { openBlockFile } from './file.ts';
import { takeFile } from './lock.ts';

export interface OpenOptions {
  readonly readOnly: boolean;
  /** Go on although the base is not as it was. */
  readonly forceBase: boolean;
}

/** An overlay that is ours until it is closed. */
export interface OpenedOverlay {
  /** The file's real path. */
  readonly path: string;
  readonly overlay: Overlay;
  readonly warnings: readonly Diagnostic[];
  /** Flushes, closes the files and gives the lock back; throws the first failure, but does all of it. */
  close(): Promise<void>;
}

/** Opens a dscow file for oneself. Throws XlError `dscow-…`, each for its reason. */
export async function openOverlay(path: string, options: OpenOptions): Promise<OpenedOverlay> {
  const lock = await takeFile(path);
  try {
    const cow = await openCow(lock.path, options.readOnly);
    try {
      const pair = await readHeaders(cow, path);
      const overlay = await openOverBase(cow, pair, path, options);
      return {
        path: lock.path,
        overlay,
        warnings: warningsOf(pair, path, options),
        close: () => overlay.close().finally(() => lock.release()),
      };
    } catch (error) {
      await cow.close();
      throw error;
    }
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function openOverBase(cow: BlockFile, pair: HeaderPair, path: string, options: OpenOptions): Promise<Overlay> {
  const { base } = pair.header;
  const now = await lookAtBase(base.path);
  if (!options.forceBase) requireSameBase(pair.header, now, path);
  const file = await openBase(base.path);
  try {
    return await Overlay.open({ cow, base: file }, pair, options);
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Opens a dscow file. Throws XlError `dscow-unreadable`. */
export async function openCow(path: string, readOnly: boolean): Promise<BlockFile> {
  try {
    return await openBlockFile(path, readOnly ? 'r' : 'r+');
  } catch (error) {
    throw new XlError('dscow-unreadable', `cannot open ${path}: ${systemReason(error)}`, { cause: error });
  }
}

/** Reads both headers and chooses; throws as `chooseHeader`. */
export async function readHeaders(cow: BlockFile, name: string): Promise<HeaderPair> {
  const [a, b] = [new Uint8Array(PAGE), new Uint8Array(PAGE)];
  await Promise.all([cow.read(a, HEADER_OFFSETS.a), cow.read(b, HEADER_OFFSETS.b)]);
  return chooseHeader(a, b, name);
}

function warningsOf({ header, problem }: HeaderPair, path: string, { forceBase }: OpenOptions): Diagnostic[] {
  const warnings: Diagnostic[] = [];
  const warn = (code: string, message: string, hint?: string) => {
    warnings.push({ severity: 'warning', code, message, ...(hint === undefined ? {} : { hint }) });
  };
  if (problem !== null) warn('dscow-header', `${path}: ${problem}; the other copy is sound`);
  if (header.inUse) {
    const message = `${path} was not closed the last time; what was flushed is there, nothing has to be repaired`;
    warn('dscow-unclean', message);
  }
  if (header.committing) {
    warn('dscow-committing', `a commit of ${path} was interrupted`, 'run `xl dscow commit` again to end it');
  }
  if (forceBase) warn('dscow-force-base', 'the base was not checked, as --force-base asks');
  return warnings;
}
