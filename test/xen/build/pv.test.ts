import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readElf } from '../../../lib/xen/build/elf.ts';
import { type PvKernel, readPvKernel } from '../../../lib/xen/build/pv-kernel.ts';
import { draftPv, finishPv, type PvDraft } from '../../../lib/xen/build/pv.ts';
import {
  BASE,
  carryOut,
  ENTRY,
  type KernelRecipe,
  type Machine,
  makePvKernel,
  pattern,
  stepOf,
  type Translation,
  walk,
} from './pv-guest.ts';

const PAGE = 4096n;
const SHARED_INFO = 0x77;

/** A guest as its first instruction finds it. */
interface Started {
  readonly recipe: KernelRecipe;
  readonly kernel: PvKernel;
  readonly draft: PvDraft;
  readonly mfns: Uint32Array;
  readonly ramdisk: Uint8Array | null;
  readonly machine: Machine;
  readonly pages: ReadonlyMap<bigint, Translation>;
  readonly tables: ReadonlyMap<number, number>;
  /** Registers, and bytes at a virtual address. */
  readonly ip: bigint;
  readonly sp: bigint;
  readonly si: bigint;
  readonly read: (address: bigint, length: number) => Uint8Array;
}

interface Wish {
  readonly recipe?: KernelRecipe;
  readonly ramdiskBytes?: number | null;
  readonly mib?: number;
  readonly shuffle?: number;
}

/** Builds a guest on shuffled machine frames, and starts to run it. */
function start({ recipe = {}, ramdiskBytes = 5000, mib = 8, shuffle = 1 }: Wish): Started {
  const kernel = readPvKernel(readElf(makePvKernel(recipe)));
  const ramdisk = ramdiskBytes === null ? null : pattern(ramdiskBytes, 99);
  const config = { ramdisk, cmdline: 'root=/dev/xvda ro', targetKiB: mib * 1024, storePort: 3, consolePort: 4 };
  const draft = draftPv(kernel, config);
  const mfns = shuffled(mib * 256, shuffle);
  const plan = finishPv(draft, { mfns, sharedInfoMfn: SHARED_INFO });
  const machine = carryOut(plan, mfns);
  const wide = kernel.width === 64;
  const { context } = machine;
  const register = (at64: number, at32: number) =>
    wide ? context.getBigUint64(at64, true) : BigInt(context.getUint32(at32, true));
  const cr3 = register(5008, 2728);
  const top = wide ? Number(cr3 >> 12n) : Number(((cr3 & 0xfffn) << 20n) | (cr3 >> 12n));
  const { pages, tables } = walk(machine, top, wide ? 4 : 3);
  const read = (address: bigint, length: number) => {
    const out = new Uint8Array(length);
    for (let at = 0; at < length;) {
      const inPage = Number((address + BigInt(at)) % PAGE);
      const page = pages.get(address + BigInt(at - inPage));
      if (page === undefined) throw new Error(`page fault at 0x${(address + BigInt(at)).toString(16)}`);
      const piece = machine.frame(page.mfn).subarray(inPage, inPage + length - at);
      out.set(piece, at);
      at += piece.length;
    }
    return out;
  };
  const [ip, sp, si] = [register(648, 548), register(672, 560), register(624, 528)];
  return { recipe, kernel, draft, mfns, ramdisk, machine, pages, tables, ip, sp, si, read };
}

/** Frames that lie anywhere: a permutation, spread beyond 4 GiB of machine memory. */
function shuffled(count: number, seed: number): Uint32Array {
  const mfns = Uint32Array.from({ length: count }, (_, pfn) => 0x90000 + pfn * 701);
  let state = seed;
  for (let last = count - 1; last > 0; last--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const other = state % (last + 1);
    [mfns[last], mfns[other]] = [mfns[other]!, mfns[last]!];
  }
  return mfns;
}

/** start_info as the guest reads it, at the offsets of public/xen.h. */
function startInfoOf({ kernel, si, read }: Started) {
  const page = read(si, 4096);
  const data = new DataView(page.buffer);
  const wide = kernel.width === 64;
  const word = (at64: number, at32: number) =>
    wide ? data.getBigUint64(at64, true) : BigInt(data.getUint32(at32, true));
  const half = (at64: number, at32: number) => data.getUint32(wide ? at64 : at32, true);
  const text = (at: number, size: number) =>
    Buffer.from(page.subarray(at, at + size))
      .toString('latin1')
      .replace(/\0+$/, '');
  return {
    magic: text(0, 32),
    pages: Number(word(32, 32)),
    sharedInfo: word(40, 36),
    flags: half(48, 40),
    storeMfn: Number(word(56, 44)),
    storePort: half(64, 48),
    consoleMfn: Number(word(72, 52)),
    consolePort: half(80, 56),
    ptBase: word(88, 60),
    ptFrames: Number(word(96, 64)),
    mfnList: word(104, 68),
    modStart: word(112, 72),
    modLength: Number(word(120, 76)),
    cmdline: text(wide ? 128 : 80, 1024),
    firstP2mPfn: Number(word(1152, 1104)),
    p2mFrames: Number(word(1160, 1108)),
  };
}

/** What public/xen.h promises to every PV guest under "Start-of-day memory layout", and what Xen demands of its tables. */
function checkStart(guest: Started): void {
  const { recipe, kernel, draft, mfns, ramdisk, machine, pages, tables, read } = guest;
  const { size = 20_000, bss = 5000, start: from = 0x100000 } = recipe;
  const base = kernel.virtBase;
  const info = startInfoOf(guest);
  const pfnOf = new Map([...mfns].map((mfn, pfn) => [mfn, pfn]));
  const wordBytes = kernel.width / 8;

  // Kernel: its bytes at its address, zeros behind them, entered where it says.
  const image = read(base + BigInt(from), size + bss);
  expect(Buffer.compare(image.subarray(0, size), pattern(size, 7))).toBe(0);
  expect(image.subarray(size).every((byte) => byte === 0)).toBe(true);
  expect(guest.ip).toBe(base + BigInt(from + ENTRY));

  // Start info: everything is where it says.
  expect(info).toMatchObject({
    magic: kernel.width === 64 ? 'xen-3.0-x86_64' : 'xen-3.0-x86_32p',
    pages: mfns.length,
    sharedInfo: BigInt(SHARED_INFO) * PAGE,
    storePort: 3,
    consolePort: 4,
    cmdline: 'root=/dev/xvda ro',
  });
  for (const ring of [info.storeMfn, info.consoleMfn]) {
    expect(pfnOf.has(ring)).toBe(true);
    expect(machine.frame(ring).every((byte) => byte === 0)).toBe(true);
  }
  expect(pages.get(info.ptBase)?.mfn).toBe(machine.pinned.mfn);
  expect(machine.pinned.level).toBe(kernel.width === 64 ? 4 : 3);

  // The list of frames, as the guest reads it.
  const list = Buffer.from(read(info.mfnList, mfns.length * wordBytes));
  const wrong = mfns.findIndex(
    (mfn, pfn) =>
      (wordBytes === 8 ? list.readBigUInt64LE(pfn * 8) : BigInt(list.readUInt32LE(pfn * 4))) !== BigInt(mfn),
  );
  expect(wrong).toBe(-1);

  // The ramdisk, by address or by page.
  if (ramdisk === null) expect([info.modStart, info.modLength]).toEqual([0n, 0]);
  else if ((info.flags & 8) !== 0) {
    expect(kernel.findsUnmappedRamdisk).toBe(true);
    expect(info.modLength - ramdisk.length).toBeLessThan(4096);
    const frames = Array.from({ length: info.modLength / 4096 }, (_, page) =>
      machine.frame(mfns[Number(info.modStart) + page]!),
    );
    expect(Buffer.compare(Buffer.concat(frames).subarray(0, ramdisk.length), ramdisk)).toBe(0);
  } else {
    expect(kernel.findsUnmappedRamdisk).toBe(false);
    expect(Buffer.compare(read(info.modStart, info.modLength), ramdisk)).toBe(0);
  }

  // One region from the base to a 4 MiB boundary shows the first pages in order; half a MiB behind the stack is free.
  const { mapped } = draft.layout;
  const end = base + BigInt(mapped) * PAGE;
  expect(end % (1n << 22n)).toBe(0n);
  for (let pfn = 0; pfn < mapped; pfn++) {
    if (pages.get(base + BigInt(pfn) * PAGE)?.mfn !== mfns[pfn]) expect.fail(`page ${pfn} is not at its address`);
  }
  expect(end - guest.sp).toBeGreaterThanOrEqual(512n * 1024n);
  expect(pages.get(guest.sp - PAGE)?.writable).toBe(true);
  expect(machine.written.has(pages.get(guest.sp - PAGE)!.mfn)).toBe(false);
  const inOrder = [base + BigInt(from), guest.si, base + BigInt(pfnOf.get(info.storeMfn)!) * PAGE];
  inOrder.push(base + BigInt(pfnOf.get(info.consoleMfn)!) * PAGE, info.ptBase, guest.sp - PAGE);
  expect([...inOrder].sort((a, b) => (a < b ? -1 : 1))).toEqual(inOrder);

  // Beyond it only a list of frames with a place of its own.
  const apart = kernel.initP2m === null ? 0 : Math.ceil((mfns.length * wordBytes) / 4096);
  expect(pages.size).toBe(mapped + apart);
  expect(info.mfnList >= base && info.mfnList < end).toBe(kernel.initP2m === null);
  expect(info.p2mFrames === 0).toBe(kernel.initP2m === null);

  // Tables are the guest's own pages, written by us, seen read-only; all the rest is writable.
  for (const mfn of tables.keys()) expect(pfnOf.has(mfn) && machine.written.has(mfn)).toBe(true);
  const misplaced = [...pages.values()].find(({ mfn, writable }) => writable === tables.has(mfn));
  expect(misplaced).toBeUndefined();
  const tablesInRegion = [...tables.keys()].filter((mfn) => pfnOf.get(mfn)! < mapped);
  expect(tablesInRegion.length).toBe(info.ptFrames);
  const firstTable = pfnOf.get(machine.pinned.mfn)!;
  expect(tablesInRegion.every((mfn) => pfnOf.get(mfn)! - firstTable < info.ptFrames)).toBe(true);
  const ofList = [...tables.keys()].filter((mfn) => pfnOf.get(mfn)! >= mapped).map((mfn) => pfnOf.get(mfn)!);
  expect(ofList.every((pfn) => pfn - info.firstP2mPfn < info.p2mFrames && pfn >= info.firstP2mPfn)).toBe(true);
}

const linux: KernelRecipe = { initP2m: 0x8000000000n, findsUnmappedRamdisk: true, hypercallPage: 0x101000 };

describe('a PV guest starts with everything in its place', () => {
  it.each<[string, Wish]>([
    ['a plain kernel', {}],
    ['a kernel like Linux’s', { recipe: linux }],
    ['a kernel like Linux’s without ramdisk', { recipe: linux, ramdiskBytes: null }],
    ['a ramdisk of whole pages', { ramdiskBytes: 8192 }],
    ['a list of frames apart, but a mapped ramdisk', { recipe: { initP2m: 0x8000000000n } }],
    ['an unmapped ramdisk, but the list of frames inside', { recipe: { findsUnmappedRamdisk: true } }],
    ['a list of frames just below the kernel', { recipe: { initP2m: BASE[64] - 0x400000n } }],
    ['a list of frames across a table of level 2', { recipe: { initP2m: 0x8000000000n - 0x2000n }, mib: 16 }],
    ['the kernel at its base', { recipe: { start: 0 } }],
    ['physical addresses that begin at the base', { recipe: { paddrOffset: BASE[64] } }],
    ['a base in the middle of 4 MiB', { recipe: { virtBase: 0xffffffff80123000n } }],
    ['a base at 0', { recipe: { virtBase: 0n } }],
    ['an odd number of MiB', { recipe: linux, mib: 9 }],
    ['a 32-bit kernel', { recipe: { bits: 32 } }],
    ['a 32-bit kernel across a gigabyte', { recipe: { bits: 32, virtBase: 0xbfe00000n } }],
    ['a 32-bit kernel low down', { recipe: { bits: 32, virtBase: 0x1000n, findsUnmappedRamdisk: true } }],
  ])('%s', (_, wish) => {
    checkStart(start(wish));
  });

  it('whatever the sizes and machine frames are', { timeout: 60_000 }, () => {
    const recipe = fc.record({
      bits: fc.constantFrom<32 | 64>(32, 64),
      base: fc.nat(0x3000),
      start: fc.nat(200).map((page) => page * 4096),
      size: fc.integer({ min: ENTRY + 1, max: 300_000 }),
      bss: fc.nat(100_000),
      initP2m: fc.option(fc.bigInt({ min: 1n, max: 0x7ffff00n }).map((page) => page * PAGE)),
      findsUnmappedRamdisk: fc.boolean(),
    });
    const wish = fc.record({
      recipe,
      ramdiskBytes: fc.option(fc.integer({ min: 1, max: 1_500_000 })),
      mib: fc.integer({ min: 9, max: 24 }),
      shuffle: fc.nat(),
    });
    fc.assert(
      fc.property(wish, ({ recipe: { base, initP2m, ...rest }, ...other }) => {
        const virtBase = BASE[rest.bits] + BigInt(base) * PAGE;
        checkStart(start({ ...other, recipe: { ...rest, virtBase, initP2m: rest.bits === 64 ? initP2m : null } }));
      }),
      { numRuns: 15 },
    );
  });

  it.each([
    [0xc0000000n, 1],
    [0x40000000n, 3],
    [0n, 4],
  ])('with PAE’s last top slot, in which Xen maps itself: a kernel at %s', (virtBase, tables2) => {
    const { tables } = start({ recipe: { bits: 32, virtBase } });
    expect([...tables.values()].filter((level) => level === 2)).toHaveLength(tables2);
  });
});

describe('the plan of a PV guest', () => {
  it('asks for its memory in 2 MiB extents, and for the rest page by page', () => {
    const { draft } = start({ mib: 9 });
    expect(draft.steps).toEqual([
      { do: 'set-address-size', bits: 64 },
      { do: 'claim', pages: 2304 },
      { do: 'populate', run: { gfn: 0, order: 9, count: 4 }, onDemand: false },
      { do: 'populate', run: { gfn: 2048, order: 0, count: 256 }, onDemand: false },
      { do: 'claim', pages: 0 },
    ]);
  });

  it('gives whole MiB, as xl does', () => {
    const config = { ramdisk: null, cmdline: '', targetKiB: 10 * 1024 + 1023, storePort: 1, consolePort: 2 };
    const { steps } = draftPv(readPvKernel(readElf(makePvKernel())), config);
    expect(steps).toContainEqual({ do: 'populate', run: { gfn: 0, order: 9, count: 5 }, onDemand: false });
    expect(steps.filter((step) => step.do === 'populate')).toHaveLength(1);
  });

  it('tells Xen of tables, hypercall page, rings and vcpu after their contents are written', () => {
    const { draft, mfns } = start({ recipe: linux });
    const { layout } = draft;
    const plan = finishPv(draft, { mfns, sharedInfoMfn: SHARED_INFO });
    expect(plan.steps.map((step) => (step.do === 'write' ? step.what : step.do))).toEqual([
      'kernel',
      'ramdisk',
      'xenstore ring',
      'console ring',
      'list of frames',
      'page tables',
      'page tables of the list of frames',
      'start info',
      'hypercall-init',
      'pin-table',
      'write-shared-info',
      'set-vcpu-context',
      'seed-grants',
    ]);
    expect(stepOf(plan.steps, 'hypercall-init').gfn).toBe(0x101);
    expect(stepOf(plan.steps, 'seed-grants').grants).toEqual([
      { ref: 0, domid: 0, gfn: layout.console },
      { ref: 1, domid: 0, gfn: layout.store },
    ]);
    expect([plan.storeGfn, plan.consoleGfn]).toEqual([layout.store, layout.console]);
  });

  it('starts with every vcpu deaf and nothing pending', () => {
    const { draft, mfns } = start({});
    const { bytes } = stepOf(finishPv(draft, { mfns, sharedInfoMfn: SHARED_INFO }).steps, 'write-shared-info');
    const set = [...bytes.entries()].filter(([, byte]) => byte !== 0);
    expect(set).toEqual(Array.from({ length: 32 }, (_, vcpu) => [vcpu * 64 + 1, 1]));
  });

  it('wants one frame for each page', () => {
    const { draft } = start({});
    expect(() => finishPv(draft, { mfns: new Uint32Array(5), sharedInfoMfn: 1 })).toThrow(
      expect.objectContaining({ code: 'pv-frames' }),
    );
  });
});
