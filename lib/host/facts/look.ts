import {
  type BigIntStats,
  access as accessBack,
  close as closeBack,
  fstat,
  open as openBack,
  read,
  readFile as readFileBack,
  stat as statBack,
} from 'node:fs';
import { promisify } from 'node:util';

/**
 * The few file calls by which facts are gathered. `node:fs/promises` has them too, but it is no part of Node's start-up
 * snapshot: loading it would cost every dry run 2.5 ms (see bench/startup.bench.ts).
 */
export const stat = promisify(statBack);
export const access = promisify(accessBack);
const readWhole = promisify(readFileBack);
/** A small file's text. */
export const readText = (path: string): Promise<string> => readWhole(path, 'utf8');
const openFile = promisify(openBack);
const closeFile = promisify(closeBack);
const statFile = promisify(fstat);
const readFile = promisify(read);

/** An open file, as far as facts need one. */
export interface LookedFile {
  stat(): Promise<BigIntStats>;
  /** So many bytes from there, or fewer at the end of the file. */
  bytesAt(position: number, length: number): Promise<Uint8Array>;
}

/** Opens a file, hands it to `use`, and closes it whatever happens. */
export async function withFile<T>(path: string, flags: number, use: (file: LookedFile) => Promise<T>): Promise<T> {
  const descriptor = await openFile(path, flags);
  try {
    return await use({
      stat: () => statFile(descriptor, { bigint: true }),
      bytesAt: async (position, length) => {
        const buffer = Buffer.alloc(length);
        const { bytesRead } = await readFile(descriptor, buffer, 0, length, position);
        return buffer.subarray(0, bytesRead);
      },
    });
  } finally {
    await closeFile(descriptor);
  }
}
