import { constants } from 'node:fs';
import { errnoOf } from '../../base/error.ts';
import type { ImageBytes, ReadImage } from '../../disk/chain.ts';
import { PROBE_HEADER_BYTES, PROBE_TRAILER_BYTES } from '../../disk/probe.ts';
import { blockSize } from './block-size.ts';
import { stat, withFile, type LookedFile } from './look.ts';

/** Reads what a probe wants of an image: regular files and block devices only. Never throws. */
export const readImage: ReadImage = async (path) => {
  try {
    // Looked at before it is opened: opening a device or a FIFO can do something.
    const before = await stat(path);
    if (before.isDirectory()) return { state: 'directory' };
    if (!before.isFile() && !before.isBlockDevice()) return { state: 'unreadable' };
    // Should it have become a FIFO meanwhile, O_NONBLOCK keeps the open from hanging.
    return await withFile(path, constants.O_RDONLY | constants.O_NONBLOCK, bytesOf);
  } catch (error) {
    const errno = errnoOf(error);
    return { state: errno === 'ENOENT' || errno === 'ENOTDIR' ? 'missing' : 'unreadable' };
  }
};

async function bytesOf(file: LookedFile): Promise<ImageBytes | { readonly state: 'unreadable' }> {
  const found = await file.stat();
  if (!found.isFile() && !found.isBlockDevice()) return { state: 'unreadable' };
  const size = found.isFile() ? Number(found.size) : await blockSize(found.rdev);
  const trailerAt = Math.max(0, size - PROBE_TRAILER_BYTES);
  const [header, trailer] = await Promise.all([
    file.bytesAt(0, PROBE_HEADER_BYTES),
    file.bytesAt(trailerAt, PROBE_TRAILER_BYTES),
  ]);
  return { state: 'ok', identity: `${found.dev}:${found.ino}`, header, trailer, size };
}
