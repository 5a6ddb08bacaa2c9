import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { errnoOf, XlError } from '../../base/error.ts';
import type { Files } from '../../run/ports.ts';
import { takeLock } from './lock.ts';

/** The end of a log that is read for its last lines, in bytes. */
const TAIL_BYTES = 65_536;

let drafts = 0;

/** The machine's own files. What fails is an XlError `file-failed`, or `disk-full`, that names the file. */
export const realFiles: Files = {
  write: (path, content, mode) => explained(`write ${path}`, () => writeWhole(path, content, mode)),
  mkdir: (path, mode) =>
    explained(`make the directory ${path}`, async () => {
      await mkdir(path, { recursive: true, mode });
    }),
  remove: (path) => explained(`remove ${path}`, () => rm(path, { force: true })),
  tail: async (path, lines) => {
    const text = await readEnd(path).catch(() => '');
    return lastLines(text, lines);
  },
  lock: takeLock,
  append: (path, line) =>
    explained(`write ${path}`, async () => {
      const file = await open(path, 'a', 0o600);
      try {
        await file.appendFile(`${line}\n`);
        await file.datasync();
      } finally {
        await file.close();
      }
    }),
  read: (path) => explained(`read ${path}`, () => orNull(readFile(path, 'utf8'))),
  list: (directory) => explained(`list ${directory}`, async () => (await orNull(readdir(directory))) ?? []),
};

/** A reader sees the old file or the new one, whole. */
async function writeWhole(path: string, content: string, mode: number): Promise<void> {
  drafts += 1;
  const draft = `${path}.new-${process.pid}-${drafts}`;
  try {
    const file = await open(draft, 'wx', mode);
    try {
      // open(2) takes the umask away from the mode.
      await file.chmod(mode);
      await file.writeFile(content);
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

async function readEnd(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const length = Math.min(size, TAIL_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** The last lines of a text, without an empty one behind the final newline. */
export function lastLines(text: string, count: number): string[] {
  const lines = text.replace(/\r?\n$/, '').split(/\r?\n/);
  return text === '' ? [] : lines.slice(-count);
}

async function orNull<T>(reading: Promise<T>): Promise<T | null> {
  try {
    return await reading;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}

async function explained<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOSPC' || errno === 'EDQUOT') {
      throw new XlError('disk-full', `cannot ${what}: no space is left on its file system`, {
        cause: error,
        hint: 'make room there and try again',
      });
    }
    throw new XlError('file-failed', `cannot ${what}: ${errno ?? String(error)}`, { cause: error });
  }
}
