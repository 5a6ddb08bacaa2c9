import { frameRange } from '../../xen/abi/frames.ts';
import { PAGE_SIZE } from '../../xen/abi/hypercall.ts';
import type { Privcmd } from './privcmd.ts';

/** Maps the frames, runs the body on their bytes, and unmaps them. The body keeps no view of them. */
export function withFrames<T>(
  privcmd: Privcmd,
  domid: number,
  frames: ArrayLike<number>,
  body: (memory: Uint8Array) => T,
): T {
  const memory = privcmd.mapFrames(domid, frames);
  try {
    return body(memory.bytes);
  } finally {
    memory.close();
  }
}

/** A copy of `length` bytes of a domain's memory from the start of frame `first` on. */
export function readMemory(privcmd: Privcmd, domid: number, first: number, length: number): Uint8Array {
  const frames = frameRange(first, Math.ceil(length / PAGE_SIZE));
  return withFrames(privcmd, domid, frames, (memory) => memory.slice(0, length));
}
