import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { XlError } from '../../../lib/base/error.ts';
import type { PvKernel } from '../../../lib/xen/build/pv-kernel.ts';
import { layoutPv } from '../../../lib/xen/build/pv-layout.ts';

const MIB = 256;

/** Debian 12's 6.1 kernel in its cloud flavour, by its notes and headers. */
const debian: PvKernel = {
  width: 64,
  virtBase: 0xffffffff80000000n,
  entry: 0xffffffff8304e1c0n,
  hypercallPfn: null,
  initP2m: 0x8000000000n,
  findsUnmappedRamdisk: true,
  image: { pfn: 0x1000, pages: 11776, pieces: [] },
};

describe('the layout of a PV guest', () => {
  it('is libxenguest’s for Debian’s kernel and ramdisk in 131 MiB', () => {
    const layout = layoutPv(debian, 4_166_656, 131 * MIB);
    expect(layout).toMatchObject({
      total: 33536,
      image: { pfn: 4096, pages: 11776 },
      startInfo: 15872,
      store: 15873,
      console: 15874,
      tables: {
        pfn: 15875,
        pages: 35,
        runs: [
          { level: 4, first: 0, count: 1, pfn: 15875 },
          { level: 3, first: 511, count: 1, pfn: 15876 },
          { level: 2, first: 511 * 512 + 510, count: 1, pfn: 15877 },
          { level: 1, first: (511 * 512 + 510) * 512, count: 32, pfn: 15878 },
        ],
      },
      bootStack: 15910,
      mapped: 16384,
      ramdisk: { pfn: 16384, pages: 1018, bytes: 4_166_656, mapped: false },
      p2m: { pfn: 17402, pages: 66, address: 0x8000000000n },
      p2mTables: { pfn: 17468, pages: 3 },
    });
  });

  it('goes on to the next 4 MiB where half a MiB behind the stack would not fit', () => {
    const ends = (pages: number) => layoutPv({ ...debian, image: { ...debian.image, pages } }, null, 131 * MIB).mapped;
    // 16384 - 4096 for the image, less 3 pages behind it, 35 of tables, the stack and 128 of padding.
    const most = 12288 - 3 - 35 - 1 - 128;
    expect([ends(most), ends(most + 1)]).toEqual([16384, 17408]);
  });

  it.each([
    [16384 + 33 + 2, 'the page tables of the list of frames would end'],
    [16384, 'the list of frames would end'],
    [16383, 'the padding up to 4 MiB would end'],
    [15911, 'the padding up to 4 MiB would end'],
    [15910, 'the boot stack would end'],
    [15909, 'page tables would end'],
    [15874, 'the console ring would end'],
    [15871, 'the kernel would end'],
    [4000, 'the gap before the kernel would end'],
    [0, 'the gap before the kernel would end'],
  ])('of Debian’s kernel does not fit %i pages: %s', (pages, complaint) => {
    const attempt = () => layoutPv(debian, null, pages);
    expect(attempt).toThrow(expect.objectContaining({ code: 'memory-too-small' }));
    expect(attempt).toThrow(complaint);
  });

  it('takes no page more than it needs', () => {
    expect(layoutPv(debian, null, 16384 + 33 + 3).total).toBe(16420);
  });

  it('says how much memory is missing', () => {
    expect(() => layoutPv(debian, 40 * 2 ** 20, 100 * MIB)).toThrow(
      expect.objectContaining({
        message: '100 MiB of memory are too little for this kernel: the ramdisk would end at 104 MiB',
        hint: 'give the guest more than 104 MiB with memory=',
      }),
    );
  });

  it('keeps the list of frames out of the kernel’s own mapping', () => {
    const greedy = { ...debian, initP2m: debian.virtBase - 4096n };
    expect(() => layoutPv(greedy, null, 131 * MIB)).toThrow(expect.objectContaining({ code: 'pv-address-space' }));
  });

  it.each<[string, Partial<PvKernel>]>([
    ['64-bit', { virtBase: 0xfffffffffff00000n }],
    ['32-bit', { width: 32, initP2m: null, virtBase: 0xfff00000n }],
  ])('stays within the %s addresses', (_, change) => {
    expect(() => layoutPv({ ...debian, ...change }, null, 131 * MIB)).toThrow(
      expect.objectContaining({ code: 'pv-address-space' }),
    );
  });

  it('never gives a page twice, nor one that is not there', () => {
    const kernel = fc.record({
      width: fc.constantFrom<32 | 64>(32, 64),
      base: fc.nat(5000),
      pfn: fc.nat(5000),
      pages: fc.integer({ min: 1, max: 20_000 }),
      initP2m: fc.option(fc.bigInt({ min: 0n, max: 0x7ffffffn })),
      findsUnmappedRamdisk: fc.boolean(),
    });
    fc.assert(
      fc.property(
        kernel,
        fc.option(fc.nat(50_000_000)),
        fc.integer({ min: 1, max: 4000 }),
        ({ base, pfn, pages, initP2m, width, findsUnmappedRamdisk }, ramdisk, mib) => {
          const virtBase = (width === 64 ? debian.virtBase : 0x80000000n) + BigInt(base) * 4096n;
          const list = width === 64 && initP2m !== null ? initP2m * 4096n : null;
          const image = { pfn, pages, pieces: [] };
          try {
            const layout = layoutPv(
              { width, virtBase, entry: virtBase, hypercallPfn: null, initP2m: list, findsUnmappedRamdisk, image },
              ramdisk,
              mib * MIB,
            );
            const one = (page: number) => ({ pfn: page, pages: 1 });
            const ramdiskPages = layout.ramdisk === null ? [] : [layout.ramdisk];
            const used = [layout.image, layout.p2m, one(layout.startInfo), one(layout.store), one(layout.console)];
            used.push(layout.tables, one(layout.bootStack), ...ramdiskPages);
            if (layout.p2mTables !== null) used.push(layout.p2mTables);
            used.sort((a, b) => a.pfn - b.pfn || a.pages - b.pages);
            used.reduce((end, part) => {
              expect(part.pfn).toBeGreaterThanOrEqual(end);
              return part.pfn + part.pages;
            }, 0);
            expect(used.every((part) => part.pfn + part.pages <= mib * MIB)).toBe(true);
            expect(layout.mapped).toBeLessThanOrEqual(mib * MIB);
            expect(layout.mapped - layout.bootStack - 1).toBeGreaterThanOrEqual(128);
          } catch (error) {
            if (!(error instanceof XlError)) throw error;
            expect(['memory-too-small', 'pv-address-space']).toContain(error.code);
          }
        },
      ),
    );
  });
});
