import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { paint, remainder, type Run, type WriteStep } from '../../../lib/xen/build/build-plan.ts';
import {
  FOUR_GIB,
  HVM_HOLE_START,
  physicalMap,
  populateSteps,
  ramEntries,
  runsOf,
} from '../../../lib/xen/build/physical-map.ts';

const MIB = 1024;
const memory = (targetKiB: number, maxKiB = targetKiB, videoKiB = 0) => ({ targetKiB, maxKiB, videoKiB });
const words = ({ gfn, order, count }: Run) => `${gfn.toString(16)}: ${count} × ${2 ** order}`;

describe('the physical map', () => {
  it.each([
    ['all below the hole', memory(64 * MIB), 0xf0000000, 0x4000000, FOUR_GIB],
    ['less the screen', memory(64 * MIB, 64 * MIB, 8 * MIB), 0xf0000000, 0x3800000, FOUR_GIB],
    ['up to the hole', memory(3840 * MIB), 0xf0000000, 0xf0000000, FOUR_GIB],
    ['a page beyond it', memory(3840 * MIB + 4), 0xf0000000, 0xf0000000, FOUR_GIB + 4096],
    ['much beyond it', memory(6000 * MIB), 0xc0000000, 0xc0000000, FOUR_GIB + 2928 * 2 ** 20],
    ['an odd KiB left out', memory(65537), 0xf0000000, 0x4000000, FOUR_GIB],
  ])('has %s', (_, given, hole, lowEnd, highEnd) => {
    expect(physicalMap(given, hole)).toMatchObject({ lowEnd, highEnd });
  });

  it.each([
    ['nothing', memory(0)],
    ['only a screen', memory(8 * MIB, 8 * MIB, 8 * MIB)],
    ['more than its most', memory(128 * MIB, 64 * MIB)],
  ])('of %s is refused', (_, given) => {
    expect(() => physicalMap(given, HVM_HOLE_START)).toThrow(expect.objectContaining({ code: 'memory-size' }));
  });

  it('has an e820 of what is there', () => {
    const { low, high } = ramEntries(physicalMap(memory(5000 * MIB), HVM_HOLE_START), 0x100000);
    expect(low).toEqual({ address: 0x100000, size: HVM_HOLE_START - 0x100000, type: 'ram' });
    expect(high).toEqual([{ address: FOUR_GIB, size: (5000 - 3840) * 2 ** 20, type: 'ram' }]);
    expect(ramEntries(physicalMap(memory(64 * MIB), HVM_HOLE_START), 0).high).toEqual([]);
  });
});

describe('RAM is populated', () => {
  it.each([
    ['small', 0, 5, ['0: 5 × 1']],
    ['large', 0, 1024, ['0: 2 × 512']],
    ['with a tail', 0, 1030, ['0: 2 × 512', '400: 6 × 1']],
    ['with a head', 0xc0, 0x600, ['c0: 320 × 1', '200: 2 × 512']],
    ['huge', 0, 0x80200, ['0: 2 × 262144', '80000: 1 × 512']],
    ['huge in the middle', 0xc0, 0x80003, ['c0: 320 × 1', '200: 511 × 512', '40000: 1 × 262144', '80000: 3 × 1']],
    ['not huge where it would not fit', 0x200, 0x7fe00, ['200: 1022 × 512']],
    ['not at all', 7, 7, []],
  ])('in extents: %s', (_, from, to, expected) => {
    expect(runsOf(from, to).map(words)).toEqual(expected);
  });

  it('once each frame, aligned, in as few extents as can be', () => {
    const frame = fc.oneof(fc.nat(3000), fc.nat(2 ** 21));
    fc.assert(
      fc.property(frame, frame, (one, other) => {
        const [from, to] = [Math.min(one, other), Math.max(one, other)];
        const runs = runsOf(from, to);
        const ends = runs.map(({ gfn, order, count }) => gfn + count * 2 ** order);
        expect(runs.map(({ gfn }) => gfn)).toEqual(from === to ? [] : [from, ...ends.slice(0, -1)]);
        expect(ends.at(-1) ?? to).toBe(to);
        expect(runs.every(({ gfn, order }) => gfn % 2 ** order === 0)).toBe(true);
        // At most one run of each size on the way up, and of each on the way down.
        expect(runs.length).toBeLessThanOrEqual(5);
      }),
    );
  });

  it('without the video memory of a PC, and claimed before', () => {
    const steps = populateSteps(physicalMap(memory(4 * MIB), HVM_HOLE_START), { vgaHole: true });
    expect(steps).toEqual([
      { do: 'claim', pages: 1024 - 0x20 },
      { do: 'populate', run: { gfn: 0, order: 0, count: 0xa0 }, onDemand: false },
      { do: 'populate', run: { gfn: 0xc0, order: 0, count: 0x140 }, onDemand: false },
      { do: 'populate', run: { gfn: 0x200, order: 9, count: 1 }, onDemand: false },
      { do: 'claim', pages: 0 },
    ]);
  });

  it('on demand where it may grow, the target set first', () => {
    const steps = populateSteps(physicalMap(memory(4 * MIB, 8 * MIB), HVM_HOLE_START), { vgaHole: false });
    expect(steps).toEqual([
      { do: 'claim', pages: 1024 },
      { do: 'set-pod-target', pages: 1024 },
      { do: 'populate', run: { gfn: 0, order: 9, count: 4 }, onDemand: true },
      { do: 'claim', pages: 0 },
    ]);
  });

  it.each<[Run, number, Run | null]>([
    [{ gfn: 0, order: 18, count: 3 }, 1, { gfn: 0x40000, order: 9, count: 1024 }],
    [{ gfn: 0x200, order: 9, count: 3 }, 0, { gfn: 0x200, order: 0, count: 1536 }],
    [{ gfn: 5, order: 0, count: 3 }, 2, null],
  ])('and where %o ends after %i, it goes on with %o', (run, done, rest) => {
    expect(remainder(run, done)).toEqual(rest);
  });
});

describe('a write', () => {
  const step = (rest: WriteStep['rest']): WriteStep => ({
    do: 'write',
    what: 'it',
    gfn: 0,
    frames: 1,
    pieces: [
      { offset: 2, bytes: Uint8Array.of(1, 2) },
      { offset: 6, bytes: Uint8Array.of(3) },
    ],
    rest,
  });

  it('zeroes what no piece covers, or keeps it', () => {
    const zeroed = new Uint8Array(9).fill(0xff);
    paint(step('zero'), zeroed);
    expect([...zeroed]).toEqual([0, 0, 1, 2, 0, 0, 3, 0, 0]);
    const kept = new Uint8Array(9).fill(0xff);
    paint(step('keep'), kept);
    expect([...kept]).toEqual([255, 255, 1, 2, 255, 255, 3, 255, 255]);
  });
});
