import type { BigIntStats } from 'node:fs';
import { readFile, realpath, stat } from 'node:fs/promises';
import { deviceNumber, majorMinor } from '../device-number.ts';

/** What a block script's target is. */
export type BlockTarget =
  | {
      readonly kind: 'file';
      /** Without symbolic links. */
      readonly path: string;
      /** `MAJOR:MINOR:INODE` in decimal, as `LoopDevice.backing`. */
      readonly identity: string;
      /** Whether any of its permission bits lets anybody write: root may always. */
      readonly writable: boolean;
    }
  | { readonly kind: 'block'; readonly path: string; /** `major:minor` in hex. */ readonly device: string }
  | { readonly kind: 'other'; readonly path: string };

/** A file system that is mounted in this domain. */
export interface Mount {
  /** `major:minor` in hex. */
  readonly device: string;
  /** Where it is mounted. */
  readonly point: string;
  readonly readOnly: boolean;
}

/** How the block script sees this domain's devices. */
export interface BlockLook {
  /** Null where there is nothing. */
  target(path: string): Promise<BlockTarget | null>;
  mounts(): Promise<readonly Mount[]>;
}

/** This domain as it is. */
export const realBlockLook: BlockLook = {
  target: async (path) => {
    const found = await statOrNull(path);
    if (found === null) return null;
    const real = await realpath(path);
    if (found.isBlockDevice()) return { kind: 'block', path: real, device: deviceNumber(found.rdev) };
    if (!found.isFile()) return { kind: 'other', path: real };
    const { major, minor } = majorMinor(found.dev);
    const identity = `${major}:${minor}:${found.ino}`;
    return { kind: 'file', path: real, identity, writable: (found.mode & 0o222n) !== 0n };
  },
  mounts: async () => {
    const lines = (await readFile('/proc/self/mounts', 'utf8')).split('\n');
    const mounts = await Promise.all(lines.map(mountOf));
    return mounts.flat();
  },
};

/** A mount of a block device, or of a file system that names one as its source (btrfs has a device number of its own). */
async function mountOf(line: string): Promise<Mount[]> {
  const [source = '', point = '', , options = ''] = line.split(' ');
  if (!source.startsWith('/')) return [];
  const found = await statOrNull(unescaped(source));
  if (found?.isBlockDevice() !== true) return [];
  const readOnly = options.split(',').includes('ro');
  return [{ device: deviceNumber(found.rdev), point: unescaped(point), readOnly }];
}

/** proc(5): blanks, tabs, newlines and backslashes in names stand as octal escapes. */
const unescaped = (name: string): string =>
  name.replaceAll(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

async function statOrNull(path: string): Promise<BigIntStats | null> {
  return stat(path, { bigint: true }).catch(() => null);
}
