import { XlError } from '../../base/error.ts';
import { PAGE_SHIFT, type BuildStep, type E820Entry, type ExtentOrder, type Run } from './build-plan.ts';

/** How much memory a guest has, as `memory=`, `maxmem=` and `videoram=` say it. */
export interface GuestMemory {
  /** What it has when it starts. */
  readonly targetKiB: number;
  /** What it may grow to; more than the target makes it populate on demand. */
  readonly maxKiB: number;
  /** Of both, what QEMU takes for the screen: it is not the guest's RAM. */
  readonly videoKiB: number;
}

/** Where an HVM or PVH guest's RAM lies: below the hole for memory-mapped devices, and from 4 GiB on. Bytes. */
export interface PhysicalMap {
  readonly lowEnd: number;
  /** 4 GiB where there is nothing above it. */
  readonly highEnd: number;
  /** Frames that the guest sees, the VGA hole counted in. */
  readonly frames: number;
  /** Frames that it really has at first. */
  readonly targetFrames: number;
}

const GIB = 1024 ** 3;
export const FOUR_GIB = 4 * GIB;
/** HVM_BELOW_4G_MMIO_START (public/hvm/e820.h): where hvmloader's devices begin unless `mmio_hole=` says otherwise. */
export const HVM_HOLE_START = 0xf0000000;
/** The frames 0xa0 to 0xbf, where a PC has its video memory: no RAM of an HVM guest's is there. */
const VGA_HOLE = { start: 0xa0, end: 0xc0 };

/** Lays RAM around a hole that begins at `holeStart` and ends at 4 GiB. Error: `memory-size`. */
export function physicalMap({ targetKiB, maxKiB, videoKiB }: GuestMemory, holeStart: number): PhysicalMap {
  const frames = Math.floor((maxKiB - videoKiB) / 4);
  const targetFrames = Math.floor((targetKiB - videoKiB) / 4);
  if (targetFrames <= 0 || targetFrames > frames) {
    throw new XlError('memory-size', `${targetKiB} KiB of ${maxKiB}, less ${videoKiB} for the screen, is no memory`);
  }
  const bytes = frames * 2 ** PAGE_SHIFT;
  const lowEnd = Math.min(bytes, holeStart);
  return { lowEnd, highEnd: FOUR_GIB + bytes - lowEnd, frames, targetFrames };
}

/**
 * The steps that give the guest its RAM: a claim first, so that a lack of memory shows before work is done; then the
 * largest extents that fit; then the claim's end. `vgaHole` leaves out what a PC keeps for video.
 */
export function populateSteps(map: PhysicalMap, { vgaHole }: { readonly vgaHole: boolean }): BuildStep[] {
  const onDemand = map.frames > map.targetFrames;
  const pages = map.targetFrames - (vgaHole ? VGA_HOLE.end - VGA_HOLE.start : 0);
  const low = frameAt(map.lowEnd);
  const below = vgaHole ? [...runsOf(0, VGA_HOLE.start), ...runsOf(VGA_HOLE.end, low)] : runsOf(0, low);
  const runs = [...below, ...runsOf(frameAt(FOUR_GIB), frameAt(map.highEnd))];
  return [
    { do: 'claim', pages },
    ...(onDemand ? [{ do: 'set-pod-target', pages } as const] : []),
    ...runs.map((run) => ({ do: 'populate', run, onDemand }) as const),
    { do: 'claim', pages: 0 },
  ];
}

/** The frames from `from` up to `to` in extents as large as their alignment allows: small, large, huge, large, small. */
export function runsOf(from: number, to: number): Run[] {
  const runs: Run[] = [];
  let gfn = from;
  while (gfn < to) {
    const order = ORDERS.find((candidate) => gfn % 2 ** candidate === 0 && gfn + 2 ** candidate <= to)!;
    // Up to where the next larger extents can begin, if they can.
    const border = Math.ceil(gfn / 2 ** (order + 9)) * 2 ** (order + 9);
    const end = order < 18 && border + 2 ** (order + 9) <= to ? border : to;
    const count = Math.floor((end - gfn) / 2 ** order);
    runs.push({ gfn, order, count });
    gfn += count * 2 ** order;
  }
  return runs;
}
/** Largest first. */
const ORDERS: readonly ExtentOrder[] = [18, 9, 0];

/** The e820 of the guest's RAM alone: below 4 GiB from `start` on, and above. */
export function ramEntries({ lowEnd, highEnd }: PhysicalMap, start: number): { low: E820Entry; high: E820Entry[] } {
  const ram = (address: number, end: number): E820Entry => ({ address, size: end - address, type: 'ram' });
  return { low: ram(start, lowEnd), high: highEnd > FOUR_GIB ? [ram(FOUR_GIB, highEnd)] : [] };
}

const frameAt = (address: number): number => Math.floor(address / 2 ** PAGE_SHIFT);
