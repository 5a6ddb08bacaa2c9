import { mkdtemp, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { XlError } from '../../base/error.ts';
import { layoutOf } from '../../dscow/layout.ts';
import { NbdClient } from '../nbd/client.ts';
import { lookAtBase, requireSameBase } from './base.ts';
import { copyChanges } from './change.ts';
import { createOverlay } from './create.ts';
import { openBlockFile } from './file.ts';
import { takeFile } from './lock.ts';
import { openCow, openOverlay, readHeaders } from './open.ts';

/** Bytes copied in one go. */
const COPY = 1024 * 1024;
const LOOK_AGAIN_MS = 10;
/** Copies of large images take their time; the bound is for programs that hang. */
const PROGRAM_TIMEOUT_MS = 24 * 60 * 60 * 1000;

/** Writes the overlay's disk as a raw image: the base, sparse as it is, and the changes over it. Bytes of changes. */
export async function convertToRaw(file: string, out: string, options: { forceBase: boolean }): Promise<number> {
  return convert(file, out, options, async (header, cow) => {
    await program('cp', ['--sparse=always', '--reflink=auto', '--', header.base.path, out]);
    const target = await openBlockFile(out, 'r+');
    try {
      await truncate(out, header.virtualSize);
      const written = await copyChanges(cow, target, { ...header, end: header.virtualSize });
      await target.sync();
      return written;
    } finally {
      await target.close();
    }
  });
}

/** Writes the overlay's changes as a qcow2 overlay over the same base. Bytes of changes. */
export async function convertToQcow2(file: string, out: string, options: { forceBase: boolean }): Promise<number> {
  return convert(file, out, options, async (header, cow) => {
    const { base, virtualSize } = header;
    await program('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', base.path, '-F', 'raw', out, String(virtualSize)]);
    return withQemuNbd(['-f', 'qcow2', resolve(out)], async (client) => {
      const target = {
        // A block is larger than a request may be at some servers; qemu-nbd takes 32 MiB.
        write: async ([piece]: readonly Uint8Array[], at: number) => client.write(piece!, at),
      };
      const written = await copyChanges(cow, target, { ...header, end: virtualSize });
      await client.flush();
      return written;
    });
  });
}

/** Makes a dscow overlay of a qcow2 one that stands on a raw base: only what it holds itself is copied. Bytes of changes. */
export async function convertFromQcow2(input: string, out: string): Promise<number> {
  const info = await json<{ 'full-backing-filename'?: string; 'virtual-size': number }>('info', resolve(input));
  const base = info['full-backing-filename'];
  if (base === undefined) {
    throw new XlError('dscow-no-base', `${input} has no backing file, and a dscow file stands on a base`, {
      hint: 'write it as a raw image (qemu-img convert -O raw), and make an overlay over that',
    });
  }
  const header = await createOverlay(out, base);
  try {
    if (header.virtualSize !== info['virtual-size']) {
      throw new XlError(
        'dscow-other-size',
        `the disk of ${input} has ${info['virtual-size']} bytes and its base ${header.virtualSize}`,
        { hint: 'a dscow disk is as large as its base; resize the qcow2 image, or write it as a raw one' },
      );
    }
    const extents = await json<readonly { start: number; length: number; depth: number }[]>('map', resolve(input));
    return await withQemuNbd(['-r', '-f', 'qcow2', resolve(input)], async (client) => {
      const opened = await openOverlay(out, { readOnly: false, forceBase: false });
      let written = 0;
      try {
        const buffer = Buffer.allocUnsafe(COPY);
        for (const { start, length } of extents.filter(({ depth }) => depth === 0)) {
          for (let at = start; at < start + length; at += COPY) {
            const piece = buffer.subarray(0, Math.min(COPY, start + length - at));
            await client.read(piece, at);
            await opened.overlay.write([piece], at);
            written += piece.length;
          }
        }
      } finally {
        await opened.close();
      }
      return written;
    });
  } catch (error) {
    await rm(out, { force: true });
    throw error;
  }
}

type HeaderOf = Awaited<ReturnType<typeof readHeaders>>['header'];

/** Holds the overlay while a new file is made of it; what is half done is removed. */
async function convert(
  file: string,
  out: string,
  { forceBase }: { forceBase: boolean },
  body: (header: HeaderOf, cow: Awaited<ReturnType<typeof openCow>>) => Promise<number>,
): Promise<number> {
  if (
    await stat(out).then(
      () => true,
      () => false,
    )
  ) {
    throw new XlError('dscow-exists', `${out} is there already`, { hint: 'move it away, or choose another name' });
  }
  const lock = await takeFile(file);
  try {
    const cow = await openCow(lock.path, true);
    try {
      const { header } = await readHeaders(cow, file);
      layoutOf(header.virtualSize, header.blockBits);
      const now = await lookAtBase(header.base.path);
      if (!forceBase) requireSameBase(header, now, file);
      return await body(header, cow);
    } catch (error) {
      await rm(out, { force: true });
      throw error;
    } finally {
      await cow.close();
    }
  } finally {
    await lock.release();
  }
}

/** Has qemu-nbd show an image for as long as the body takes; resolves when it has closed the image. */
async function withQemuNbd<T>(words: readonly string[], body: (client: NbdClient) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'xl-dscow-'));
  const socket = join(directory, 'nbd.sock');
  const stop = new AbortController();
  const ended = program('qemu-nbd', ['-k', socket, '-x', '', ...words], stop.signal);
  // Looked at below, or of no interest where the body has failed.
  ended.catch(() => undefined);
  try {
    const client = await Promise.race([whenItListens(socket, stop.signal), ended.then(endedEarly)]);
    const result = await body(client).finally(() => client.close());
    // It ends when its one client goes; until then it holds the image.
    await ended;
    return result;
  } finally {
    stop.abort();
    await rm(directory, { recursive: true, force: true });
  }
}

async function whenItListens(socket: string, signal: AbortSignal): Promise<NbdClient> {
  for (;;) {
    try {
      return await NbdClient.connect(socket, '');
    } catch (error) {
      if (!(error instanceof XlError) || error.code !== 'nbd-unreachable') throw error;
    }
    await sleep(LOOK_AGAIN_MS, undefined, { signal });
  }
}

function endedEarly(): never {
  throw new XlError('program-failed', 'qemu-nbd ended before anybody could connect');
}

async function json<T>(command: 'info' | 'map', image: string): Promise<T> {
  return JSON.parse(await program('qemu-img', [command, '--output=json', '-f', 'qcow2', '--', image])) as T;
}

/** Runs a program to its end; its stdout. Throws XlError `program-missing` or `program-failed` with its words. */
async function program(name: string, words: readonly string[], signal?: AbortSignal): Promise<string> {
  const { execa } = await import('execa');
  const { exitCode, stdout, stderr, code } = await execa(name, [...words], {
    reject: false,
    stdin: 'ignore',
    timeout: PROGRAM_TIMEOUT_MS,
    env: { LC_ALL: 'C' },
    ...(signal === undefined ? {} : { cancelSignal: signal }),
  });
  if (exitCode === 0) return stdout;
  if (code === 'ENOENT') {
    throw new XlError('program-missing', `there is no program ${name}`, { hint: 'Debian has it in qemu-utils' });
  }
  throw new XlError('program-failed', `${name} failed`, {
    evidence: [{ title: [name, ...words].join(' '), lines: stderr.trim().split('\n').slice(-10) }],
  });
}
