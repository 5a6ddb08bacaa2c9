import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { XlError } from '../../../lib/base/error.ts';
import { openKernel } from '../../../lib/xen/build/bzimage.ts';
import { readElf } from '../../../lib/xen/build/elf.ts';
import { readPvKernel } from '../../../lib/xen/build/pv-kernel.ts';
import { makeElf } from './make-elf.ts';
import { BASE, ENTRY, type KernelRecipe, makePvKernel, NOTE, pattern } from './pv-guest.ts';

const read = (recipe: KernelRecipe) => readPvKernel(readElf(makePvKernel(recipe)));

describe('a PV kernel', () => {
  it('says where it wants to lie and what it can do', () => {
    const kernel = read({ initP2m: 0x8000000000n, hypercallPage: 0x103000, findsUnmappedRamdisk: true });
    const { image, ...rest } = kernel;
    expect(rest).toEqual({
      width: 64,
      virtBase: BASE[64],
      entry: BASE[64] + 0x100000n + BigInt(ENTRY),
      hypercallPfn: 0x103,
      initP2m: 0x8000000000n,
      findsUnmappedRamdisk: true,
    });
    expect([image.pfn, image.pages, image.pieces.length]).toEqual([0x100, Math.ceil(25_000 / 4096), 1]);
    expect(Buffer.compare(image.pieces[0]!.bytes, pattern(20_000, 7))).toBe(0);
  });

  it.each<[string, KernelRecipe, Partial<ReturnType<typeof read>>]>([
    ['does without most notes', {}, { initP2m: null, hypercallPfn: null, findsUnmappedRamdisk: false }],
    ['may be of 32 bits', { bits: 32 }, { width: 32, virtBase: BASE[32] }],
    [
      'may be entered where ELF says',
      { notes: [{ type: NOTE.entry, value: BASE[64] + 0x100020n }] },
      { entry: BASE[64] + 0x100020n },
    ],
    ['is not heard about a list above itself', { initP2m: BASE[64] + 0x40000000n }, { initP2m: null }],
    ['is not heard about a list off a page', { initP2m: 0x8000000010n }, { initP2m: null }],
    ['is not heard about a list in 32 bits', { bits: 32, initP2m: 0x80000000n }, { initP2m: null }],
    ['may be told with bimodal PAE', { bits: 32, notes: [{ type: NOTE.paeMode, value: 'bimodal' }] }, { width: 32 }],
  ])('%s', (_, recipe, expected) => {
    expect(read(recipe)).toMatchObject(expected);
  });

  it('has its segments in order of their addresses', () => {
    const at = (physical: bigint, bytes: number) => ({
      physical,
      virtual: BASE[64] + physical,
      bytes: pattern(bytes, bytes),
    });
    const notes = [
      { type: NOTE.guestOs, value: 'linux' },
      { type: NOTE.xenVersion, value: 'xen-3.0' },
      { type: NOTE.virtBase, value: BASE[64] },
    ];
    const entry = BASE[64] + 0x3000n;
    const kernel = readPvKernel(readElf(makeElf({ entry, notes, segments: [at(0x9000n, 30), at(0x2000n, 5000)] })));
    expect(kernel.image).toMatchObject({ pfn: 2, pages: 8 });
    expect(kernel.image.pieces.map(({ offset, bytes }) => [offset, bytes.length])).toEqual([
      [0, 5000],
      [0x7000, 30],
    ]);
    const overlapping = makeElf({ entry, notes, segments: [at(0x3000n, 30), at(0x2000n, 5000)] });
    expect(() => readPvKernel(readElf(overlapping))).toThrow(/overlap/);
  });

  it.each<[string, KernelRecipe, string, RegExp]>([
    [
      'another system’s',
      {
        notes: [
          { type: NOTE.guestOs, value: 'plan9' },
          { type: NOTE.loader, value: 'own' },
        ],
      },
      'kernel-not-pv',
      /GUEST_OS/,
    ],
    ['for another Xen', { notes: [{ type: NOTE.xenVersion, value: 'xen-2.0' }] }, 'kernel-not-pv', /XEN_VERSION/],
    ['of 32 bits without PAE', { bits: 32, notes: [{ type: NOTE.paeMode, value: 'no' }] }, 'kernel-not-pae', /PAE/],
    ['for domain 0 alone', { notes: [{ type: NOTE.features, value: '!dom0' }] }, 'kernel-feature', /control domain/],
    [
      'auto-translated',
      { notes: [{ type: NOTE.features, value: '!auto_translated_physmap' }] },
      'kernel-feature',
      /translates/,
    ],
    [
      'entered outside',
      { notes: [{ type: NOTE.entry, value: BASE[64] }] },
      'kernel-corrupt',
      /starts at 0xffffffff80000000/,
    ],
    [
      'entered behind itself',
      { notes: [{ type: NOTE.entry, value: BASE[64] + 0x100000n + 25_001n }] },
      'kernel-corrupt',
      /starts at/,
    ],
    ['off a page', { start: 0x100010 }, 'kernel-corrupt', /page/],
    ['based off a page', { virtBase: BASE[64] + 8n }, 'kernel-corrupt', /page/],
    [
      'below its own base',
      { paddrOffset: 0n, notes: [{ type: NOTE.paddrOffset, value: 0x200000n }] },
      'kernel-corrupt',
      /based/,
    ],
    ['with its hypercall page outside', { hypercallPage: 0x90000 }, 'kernel-corrupt', /hypercall page/],
  ])('that is %s is refused', (_, recipe, code, message) => {
    expect(() => read(recipe)).toThrow(expect.objectContaining({ code }));
    expect(() => read(recipe)).toThrow(message);
  });

  it('that only boots as PVH is told so', () => {
    const elf = readElf(
      makeElf({ segments: [{ physical: 0n, bytes: pattern(50, 1) }], notes: [{ type: 18, value: 0x100 }] }),
    );
    expect(() => readPvKernel(elf)).toThrow(
      expect.objectContaining({ code: 'kernel-not-pv', hint: expect.stringContaining('type="pvh"') as string }),
    );
  });

  it('is read or refused whatever its notes and headers hold', () => {
    const good = makePvKernel({ initP2m: 0x8000000000n, hypercallPage: 0x101000 });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(500), fc.nat(255)), { minLength: 1, maxLength: 8 }), (changes) => {
        const file = Uint8Array.from(good);
        for (const [at, value] of changes) file[at] = value;
        try {
          const { image } = readPvKernel(readElf(file));
          expect(image.pfn).toBeGreaterThanOrEqual(0);
          expect(image.pages).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toBeInstanceOf(XlError);
        }
      }),
    );
  });

  const debian = join(import.meta.dirname, '../../../.cache/guest/vmlinuz');
  const missing = !existsSync(debian);
  if (missing) console.warn(`skipped: Debian's kernel as a PV guest (${debian} is made by the end-to-end tests)`);
  it.skipIf(missing)('may be Debian’s', () => {
    const file = openKernel(readFileSync(debian));
    const kernel = file.kind === 'elf' ? readPvKernel(readElf(file.elf)) : null;
    expect(kernel).toMatchObject({
      width: 64,
      virtBase: 0xffffffff80000000n,
      initP2m: 0x8000000000n,
      findsUnmappedRamdisk: true,
    });
    expect(kernel?.image.pfn).toBe(0x1000);
  });
});
