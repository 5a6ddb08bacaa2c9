import { XlError } from '../../base/error.ts';
import { framesOf, PAGE_SIZE, type WriteStep } from './build-plan.ts';
import type { ElfImage } from './elf.ts';
import { FOUR_GIB, type PhysicalMap } from './physical-map.ts';

/** Something loaded: the step that does it, and the first frame behind it. */
export interface Loaded {
  readonly step: WriteStep;
  readonly nextGfn: number;
}

/**
 * Puts an ELF image at its physical addresses. Errors: `kernel-address` (not at a frame's start, beyond 4 GiB, or entered
 * elsewhere than at its own code), `kernel-corrupt` (segments over each other).
 */
export function loadImage(what: string, { segments }: ElfImage, entry: number): Loaded {
  const placed = segments
    .map(({ physical, bytes, memorySize }) => ({ start: Number(physical), bytes, end: Number(physical + memorySize) }))
    .sort((one, other) => one.start - other.start);
  const start = placed[0]!.start;
  const end = Math.max(...placed.map((segment) => segment.end));
  if (start % PAGE_SIZE !== 0) throw wrongPlace(`starts at ${hex(start)}, within a frame`);
  if (end > FOUR_GIB) throw wrongPlace(`reaches to ${hex(end)}, beyond 4 GiB`);
  if (entry < start || entry >= end)
    throw wrongPlace(`is entered at ${hex(entry)}, and lies from ${hex(start)} to ${hex(end)}`);
  const pieces = placed.map(({ start: at, bytes }) => ({ offset: at - start, bytes }));
  if (pieces.some(({ offset, bytes }, index) => offset + bytes.length > (pieces[index + 1]?.offset ?? Infinity))) {
    throw new XlError('kernel-corrupt', `the segments of the ${what} lie over each other`);
  }
  return loaded({ do: 'write', what, gfn: start / PAGE_SIZE, frames: framesOf(end - start), pieces, rest: 'zero' });
}

/** Puts a file as it is at frame `gfn`. */
export function loadBytes(what: string, bytes: Uint8Array, gfn: number): Loaded {
  return loaded({
    do: 'write',
    what,
    gfn,
    frames: framesOf(bytes.length),
    pieces: [{ offset: 0, bytes }],
    rest: 'zero',
  });
}

/** Checks that all these lie in the RAM below 4 GiB. Error: `memory-too-small`. */
export function assertFits(steps: readonly WriteStep[], { lowEnd }: PhysicalMap): void {
  const end = Math.max(...steps.map(({ gfn, frames }) => (gfn + frames) * PAGE_SIZE));
  if (end <= lowEnd) return;
  const list = steps.map(
    ({ what, gfn, frames }) => `${what}: ${hex(gfn * PAGE_SIZE)} to ${hex((gfn + frames) * PAGE_SIZE)}`,
  );
  throw new XlError(
    'memory-too-small',
    `the guest has ${mib(lowEnd)} MiB below 4 GiB, and what it starts with reaches to ${mib(end)} MiB`,
    {
      hint: 'give it more memory=',
      evidence: [{ title: 'what is loaded where', lines: list }],
    },
  );
}

const loaded = (step: WriteStep): Loaded => ({ step, nextGfn: step.gfn + step.frames });
const wrongPlace = (how: string): XlError => new XlError('kernel-address', `the image ${how}`);
const hex = (address: number): string => `0x${address.toString(16)}`;
const mib = (bytes: number): number => Math.ceil(bytes / 2 ** 20);
