import { close, fdatasync, open, read, write, writev } from 'node:fs';
import { promisify } from 'node:util';
import type { BlockFile } from '../../dscow/file.ts';

/** Pieces that one writev takes (IOV_MAX of Linux). */
const PIECES_MAX = 1024;

const openFile = promisify(open);
const closeFile = promisify(close);
const syncFile = promisify(fdatasync);

/** Opens a file as the format needs it; `flags` as those of fs.open. Errors are the system's own. */
export async function openBlockFile(path: string, flags: number | string): Promise<BlockFile> {
  const fd = await openFile(path, flags, 0o600);
  return {
    read: (target, offset) => readAll(fd, target, offset),
    write: (pieces, offset) =>
      pieces.length === 1 ? writeAll(fd, pieces[0]!, offset) : writePieces(fd, pieces, offset),
    sync: () => syncFile(fd),
    close: () => closeFile(fd),
  };
}

/** Reads until the target is full or the file ends; then zeroes. With callbacks: promises of fs cost as much as a read. */
function readAll(fd: number, target: Uint8Array, offset: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const step = (done: number): void => {
      read(fd, target, done, target.length - done, offset + done, (error, count) => {
        if (error !== null) reject(error);
        else if (done + count === target.length) resolve();
        else if (count === 0) {
          target.fill(0, done);
          resolve();
        } else step(done + count);
      });
    };
    step(0);
  });
}

function writeAll(fd: number, bytes: Uint8Array, offset: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const step = (done: number): void => {
      write(fd, bytes, done, bytes.length - done, offset + done, (error, count) => {
        if (error !== null) reject(error);
        else if (done + count === bytes.length) resolve();
        else step(done + count);
      });
    };
    step(0);
  });
}

/** Writes pieces with as few calls as there may be; what a call leaves over goes into the next. */
async function writePieces(fd: number, pieces: readonly Uint8Array[], offset: number): Promise<void> {
  let left = pieces.filter(({ length }) => length > 0);
  let at = offset;
  while (left.length > 0) {
    let count = await writeSome(fd, left.slice(0, PIECES_MAX), at);
    at += count;
    let whole = 0;
    while (whole < left.length && count >= left[whole]!.length) count -= left[whole++]!.length;
    left = left.slice(whole);
    if (count > 0) left = [left[0]!.subarray(count), ...left.slice(1)];
  }
}

const writeSome = (fd: number, pieces: readonly Uint8Array[], offset: number): Promise<number> =>
  new Promise((resolve, reject) => {
    writev(fd, pieces, offset, (error, count) => {
      if (error === null) resolve(count);
      else reject(error);
    });
  });
