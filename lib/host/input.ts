import { closeSync, openSync, readSync } from 'node:fs';
import { errnoOf, XlError } from '../base/error.ts';

/** A configuration is text that people wrote; what is larger than this is something else. */
const LARGEST_INPUT_BYTES = 64 * 1024 * 1024;
const PIECE_BYTES = 64 * 1024;

/**
 * A file that the user names, whole, as bytes. Pipes and devices are read to their end, too, so the size is bounded here
 * and not asked for. Read in one go, as nothing else can happen before: Node's promises would double what a dry run
 * waits here. Errors are Node's own (`ENOENT` …), or XlError `input-too-large`.
 */
export function readInput(path: string): Uint8Array {
  const file = openSync(path, 'r');
  try {
    const pieces: Buffer[] = [];
    let length = 0;
    for (;;) {
      const piece = Buffer.allocUnsafe(PIECE_BYTES);
      const count = readSync(file, piece);
      if (count === 0) return Buffer.concat(pieces, length);
      pieces.push(piece.subarray(0, count));
      length += count;
      if (length > LARGEST_INPUT_BYTES) throw tooLarge(path);
    }
  } finally {
    closeSync(file);
  }
}

const tooLarge = (path: string): XlError =>
  new XlError('input-too-large', `${path} is larger than ${LARGEST_INPUT_BYTES / 1024 / 1024} MiB`, {
    hint: 'is it a disk image? The configuration is the file that names it',
  });

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'No such file or directory',
  EACCES: 'Permission denied',
  EISDIR: 'Is a directory',
  ENOTDIR: 'Not a directory',
};

/** A system error in strerror(3)'s words, as xl prints it. */
export function systemReason(error: unknown): string {
  const code = errnoOf(error);
  return (code === undefined ? undefined : REASONS[code]) ?? (error instanceof Error ? error.message : String(error));
}
