import { closeSync, constants, openSync } from 'node:fs';
import { access, readdir } from 'node:fs/promises';
import { XlError } from '../../base/error.ts';
import { errnoNameOf, type Sys } from '../../sys/sys.ts';
import { majorMinor } from '../device-number.ts';
import type { LoopDevice, LoopDevices } from './loop-devices.ts';

// Linux's include/uapi/linux/loop.h: requests, the flags that we use, and where fields lie in struct loop_info64 and in
// struct loop_config, which holds the other one behind its first two numbers.
const LOOP = { clearFd: 0x4c01, setStatus: 0x4c04, getStatus: 0x4c05, configure: 0x4c0a, getFree: 0x4c82 } as const;
const FLAG = { readOnly: 1, autoclear: 4 } as const;
const INFO = { bytes: 232, device: 0, inode: 8, flags: 52, fileName: 56, fileNameBytes: 64 } as const;
const CONFIG = { bytes: 304, fd: 0, info: 8 } as const;

/** Others take free devices as well: after so many that were gone when we wanted them, something else is wrong. */
const MOST_TRIES = 64;

/** The kernel is older than LOOP_CONFIGURE (Linux 5.8). */
export const TOO_OLD = 'loop-configure-missing';

/**
 * Loop devices by ioctl(2), without a process for each question. A device is taken by one call that fails where somebody
 * else was faster, and belongs to this process alone until `use` has ended: should we die meanwhile, the kernel takes it back.
 */
export function ioctlLoops(sys: Sys): LoopDevices {
  return {
    list: async () => {
      const names = (await readdir('/sys/block')).filter((name) => /^loop\d+$/.test(name));
      const found = await Promise.all(names.map((name) => describe(sys, name)));
      return found.filter((device) => device !== null);
    },
    attach: async (file, { readOnly }, use) => {
      const backing = openSync(file, readOnly ? constants.O_RDONLY : constants.O_RDWR);
      try {
        const { path, device } = takeFree(sys, { backing, file, readOnly });
        try {
          await use(path);
          keep(sys, device);
        } catch (error) {
          // Nobody may open it any more; with our own descriptor it goes.
          sys.ioctl(device, LOOP.clearFd, new Uint8Array());
          throw error;
        } finally {
          closeSync(device);
        }
        return path;
      } finally {
        closeSync(backing);
      }
    },
    detach: async (path) => {
      await Promise.resolve();
      withDevice(path, (device) => {
        clear(sys, device, path);
      });
    },
  };
}

async function describe(sys: Sys, name: string): Promise<LoopDevice | null> {
  // Only a device with a file has this: most of those that there are have none, and need not be opened.
  const hasFile = await access(`/sys/block/${name}/loop/backing_file`).then(
    () => true,
    () => false,
  );
  if (!hasFile) return null;
  const path = `/dev/${name}`;
  const info = withDevice(path, (device) => statusOf(sys, device));
  if (info === null) return null;
  const { major, minor } = majorMinor(info.getBigUint64(INFO.device, true));
  return { path, backing: `${major}:${minor}:${info.getBigUint64(INFO.inode, true)}` };
}

/** A device's struct loop_info64; null where it has no file (any more). */
function statusOf(sys: Sys, device: number): DataView | null {
  const bytes = new Uint8Array(INFO.bytes);
  try {
    sys.ioctl(device, LOOP.getStatus, bytes);
    return new DataView(bytes.buffer);
  } catch (error) {
    if (errnoNameOf(error) === 'ENXIO') return null;
    throw error;
  }
}

interface Backing {
  readonly backing: number;
  readonly file: string;
  readonly readOnly: boolean;
}

/** Takes a free device for an open file; the device's own descriptor is open, and has to be closed. */
function takeFree(sys: Sys, wanted: Backing): { readonly path: string; readonly device: number } {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const path = `/dev/loop${freeNumber(sys)}`;
    const device = openSync(path, constants.O_RDWR);
    try {
      sys.ioctl(device, LOOP.configure, configOf(wanted));
      return { path, device };
    } catch (error) {
      closeSync(device);
      const errno = errnoNameOf(error);
      if (errno === 'EBUSY') continue;
      if (errno === 'EINVAL' || errno === 'ENOTTY') {
        throw new XlError(TOO_OLD, `${path} cannot be configured in one call`, { cause: error });
      }
      throw new XlError('loop-failed', `${wanted.file} cannot be put behind ${path}: ${errno ?? String(error)}`, {
        cause: error,
      });
    }
  }
  throw new XlError('no-loop-device', `${MOST_TRIES} free loop devices were taken by others before us`);
}

function freeNumber(sys: Sys): number {
  let control: number;
  try {
    control = openSync('/dev/loop-control', constants.O_RDWR);
  } catch (cause) {
    throw new XlError('no-loop-device', 'the kernel has no loop devices: /dev/loop-control does not open', {
      cause,
      hint: '`modprobe loop` loads the module; `backendtype=qdisk` serves the file without it',
    });
  }
  try {
    return sys.ioctl(control, LOOP.getFree, new Uint8Array());
  } finally {
    closeSync(control);
  }
}

/** A struct loop_config: block size and direct I/O are the kernel's choice, as they are for the stock script's losetup. */
function configOf({ backing, file, readOnly }: Backing): Uint8Array {
  const bytes = new Uint8Array(CONFIG.bytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(CONFIG.fd, backing, true);
  view.setUint32(CONFIG.info + INFO.flags, FLAG.autoclear | (readOnly ? FLAG.readOnly : 0), true);
  bytes.set(Buffer.from(file).subarray(0, INFO.fileNameBytes - 1), CONFIG.info + INFO.fileName);
  return bytes;
}

/** From here on it stays until somebody gives it back, as a device of losetup's does: xenstore says whose it is. */
function keep(sys: Sys, device: number): void {
  const info = statusOf(sys, device);
  if (info === null) return;
  info.setUint32(INFO.flags, info.getUint32(INFO.flags, true) & ~FLAG.autoclear, true);
  sys.ioctl(device, LOOP.setStatus, new Uint8Array(info.buffer));
}

/** A device that is still open somewhere goes when it is closed there. One without a file is fine. */
function clear(sys: Sys, device: number, path: string): void {
  try {
    sys.ioctl(device, LOOP.clearFd, new Uint8Array());
  } catch (error) {
    if (errnoNameOf(error) === 'ENXIO') return;
    throw new XlError('loop-failed', `${path} cannot be given back: ${errnoNameOf(error) ?? String(error)}`, {
      cause: error,
    });
  }
}

function withDevice<T>(path: string, use: (device: number) => T): T {
  const device = openSync(path, constants.O_RDONLY);
  try {
    return use(device);
  } finally {
    closeSync(device);
  }
}
