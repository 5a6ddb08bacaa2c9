import { XlError } from '../../base/error.ts';
import { loadSys } from '../../sys/koffi.ts';
import { ioctlLoops, TOO_OLD } from './loop-ioctl.ts';

/** A loop device and the file behind it. */
export interface LoopDevice {
  /** `/dev/loop3`. */
  readonly path: string;
  /** The file's file system and inode, `MAJOR:MINOR:INODE` in decimal: names change, this does not. */
  readonly backing: string;
}

/** Loop devices: what a block script needs of losetup(8). */
export interface LoopDevices {
  list(): Promise<readonly LoopDevice[]>;
  /**
   * Takes a free device for a file, atomically, and hands its path to `use`; resolves to the path when the device stays,
   * because `use` went well. Where it throws, the device is given back.
   */
  attach(file: string, options: { readonly readOnly: boolean }, use: (path: string) => Promise<void>): Promise<string>;
  /** Gives a device back; one that has no file any more is fine. */
  detach(path: string): Promise<void>;
}

/** This machine's loop devices: by ioctl(2), and to take one on a kernel that is too old for that by losetup(8). */
export async function loopDevices(): Promise<LoopDevices> {
  const byIoctl = ioctlLoops(await loadSys());
  return {
    ...byIoctl,
    attach: async (file, options, use) => {
      try {
        return await byIoctl.attach(file, options, use);
      } catch (error) {
        if (error instanceof XlError && error.code === TOO_OLD) return losetupDevices().attach(file, options, use);
        throw error;
      }
    },
  };
}

/** Runs losetup with these words; resolves to its output. */
export type RunLosetup = (words: readonly string[]) => Promise<string>;

/** Loop devices by losetup. */
export function losetupDevices(run: RunLosetup = runLosetup): LoopDevices {
  const devices: LoopDevices = {
    list: async () => parseLosetup(await run(['--list', '--json', '--output', 'NAME,BACK-INO,BACK-MAJ:MIN'])),
    attach: async (file, { readOnly }, use) => {
      // One call finds and takes the device: to ask for a free one first is to race with everybody else.
      const path = (await run(['--find', '--show', ...(readOnly ? ['--read-only'] : []), '--', file])).trim();
      try {
        await use(path);
        return path;
      } catch (error) {
        await devices.detach(path);
        throw error;
      }
    },
    detach: async (path) => {
      if (!(await devices.list()).some((device) => device.path === path)) return;
      await run(['--detach', path]);
    },
  };
  return devices;
}

/** Reads `losetup --list --json`: empty where there are no devices; numbers are padded texts or numbers by version. */
export function parseLosetup(output: string): LoopDevice[] {
  if (output.trim() === '') return [];
  const { loopdevices } = JSON.parse(output) as { loopdevices?: readonly Record<string, unknown>[] };
  return (loopdevices ?? []).flatMap(({ name, 'back-ino': inode, 'back-maj:min': device }) =>
    typeof name === 'string' && typeof device === 'string'
      ? [{ path: name, backing: `${device.trim()}:${String(inode).trim()}` }]
      : [],
  );
}

async function runLosetup(words: readonly string[]): Promise<string> {
  const { execa } = await import('execa');
  const { exitCode, stdout, stderr } = await execa('losetup', [...words], {
    reject: false,
    stdin: 'ignore',
    timeout: 30_000,
    env: { LC_ALL: 'C' },
  });
  if (exitCode === 0) return stdout;
  throw new XlError('losetup-failed', `losetup ${words.join(' ')} failed: ${stderr.trim()}`, {
    hint: 'see whether the loop module is loaded and the file may be read',
  });
}
