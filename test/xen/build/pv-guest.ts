import type { BuildPlan, BuildStep } from '../../../lib/xen/build/build-plan.ts';
import { paint } from '../../../lib/xen/build/build-plan.ts';
import { makeElf, type NoteRecipe } from './make-elf.ts';

/** A PV kernel for tests; numbers are bytes, addresses as Linux has them unless said. */
export interface KernelRecipe {
  readonly bits?: 32 | 64;
  readonly virtBase?: bigint;
  readonly paddrOffset?: bigint | null;
  /** Where the image begins, from the virtual base. */
  readonly start?: number;
  readonly size?: number;
  /** Bytes behind the image that are zero. */
  readonly bss?: number;
  readonly initP2m?: bigint | null;
  readonly hypercallPage?: number | null;
  readonly findsUnmappedRamdisk?: boolean;
  /** Notes beside those; of the same type, the last speaks. */
  readonly notes?: readonly NoteRecipe[];
}

export const NOTE = {
  entry: 1,
  hypercallPage: 2,
  virtBase: 3,
  paddrOffset: 4,
  xenVersion: 5,
  guestOs: 6,
  loader: 8,
  paeMode: 9,
  features: 10,
  initP2m: 15,
  modStartPfn: 16,
} as const;

/** Bytes of which no two pages look alike. */
export function pattern(length: number, salt: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index ^ (index >> 8) ^ ((index >> 12) * 29) ^ salt) & 255);
}

export const BASE = { 64: 0xffffffff80000000n, 32: 0xc0000000n } as const;
/** Where a made kernel is entered, from its start. */
export const ENTRY = 0x10;

/** The kernel's file. */
export function makePvKernel(recipe: KernelRecipe = {}): Uint8Array {
  const { bits = 64, virtBase = BASE[bits], paddrOffset = null, start = 0x100000, size = 20_000, bss = 5000 } = recipe;
  const word = (value: bigint) => (bits === 64 ? value : Number(value));
  const notes: NoteRecipe[] = [
    { type: NOTE.guestOs, value: 'linux' },
    { type: NOTE.xenVersion, value: 'xen-3.0' },
    { type: NOTE.loader, value: 'generic' },
    { type: NOTE.paeMode, value: 'yes' },
    { type: NOTE.virtBase, value: word(virtBase) },
    { type: NOTE.entry, value: word(virtBase + BigInt(start + ENTRY)) },
  ];
  if (paddrOffset !== null) notes.push({ type: NOTE.paddrOffset, value: word(paddrOffset) });
  const { initP2m = null, hypercallPage = null, findsUnmappedRamdisk = false } = recipe;
  if (initP2m !== null) notes.push({ type: NOTE.initP2m, value: word(initP2m) });
  if (hypercallPage !== null) {
    notes.push({ type: NOTE.hypercallPage, value: word(virtBase + BigInt(hypercallPage)) });
  }
  if (findsUnmappedRamdisk) notes.push({ type: NOTE.modStartPfn, value: 1 });
  const physical = BigInt(start) + (paddrOffset ?? 0n);
  return makeElf({
    bits,
    segments: [{ physical, virtual: virtBase + BigInt(start), bytes: pattern(size, 7), memorySize: size + bss }],
    notes: [...notes, ...(recipe.notes ?? [])],
  });
}

/** Machine memory after a plan was carried out: frames that nothing wrote hold rubbish, as real ones may. */
export interface Machine {
  readonly frame: (mfn: number) => Uint8Array;
  readonly written: ReadonlySet<number>;
  readonly context: DataView;
  readonly pinned: { readonly level: number; readonly mfn: number };
}

/** Does what lib/host/xen does with a plan, on memory of our own. */
export function carryOut(plan: BuildPlan, mfns: Uint32Array): Machine {
  const frames = new Map<number, Uint8Array>();
  for (const step of plan.steps) {
    if (step.do !== 'write') continue;
    const memory = new Uint8Array(step.frames * 4096).fill(0xc2);
    paint(step, memory);
    for (let index = 0; index < step.frames; index++) {
      const mfn = mfns[step.gfn + index];
      if (mfn === undefined) throw new RangeError(`${step.what} lies beyond the guest's memory`);
      if (frames.has(mfn)) throw new Error(`${step.what} overwrites page ${step.gfn + index}`);
      frames.set(mfn, memory.subarray(index * 4096, (index + 1) * 4096));
    }
  }
  const { context } = stepOf(plan.steps, 'set-vcpu-context');
  const { level, gfn } = stepOf(plan.steps, 'pin-table');
  return {
    frame: (mfn) => frames.get(mfn) ?? new Uint8Array(4096).fill(0xc2),
    written: new Set(frames.keys()),
    context: new DataView(context.buffer, context.byteOffset, context.byteLength),
    pinned: { level, mfn: mfns[gfn]! },
  };
}

/** The one step of a kind. */
export function stepOf<Kind extends BuildStep['do']>(
  steps: readonly BuildStep[],
  kind: Kind,
): Extract<BuildStep, { do: Kind }> {
  const found = steps.filter((step): step is Extract<BuildStep, { do: Kind }> => step.do === kind);
  if (found.length !== 1) throw new Error(`${found.length} steps ${kind}`);
  return found[0]!;
}

/** What a page walk of the processor finds. */
export interface Translation {
  readonly mfn: number;
  readonly writable: boolean;
}

/** The memory unit: every virtual page that the tables under CR3 show, and the frames that hold tables, by level. */
export interface AddressSpace {
  readonly pages: ReadonlyMap<bigint, Translation>;
  readonly tables: ReadonlyMap<number, number>;
}

/** Walks all tables from the top, as x86 does: 4 levels of 512 entries, or PAE's 3, of which the top one has 4. */
export function walk({ frame }: Machine, topMfn: number, levels: 3 | 4): AddressSpace {
  const pages = new Map<bigint, Translation>();
  const tables = new Map<number, number>();
  const visit = (mfn: number, level: number, prefix: bigint, writable: boolean) => {
    const other = tables.get(mfn);
    if (other !== undefined) throw new Error(`frame ${mfn} is a table twice, of levels ${other} and ${level}`);
    tables.set(mfn, level);
    const bytes = frame(mfn);
    const data = new DataView(bytes.buffer, bytes.byteOffset, 4096);
    for (let slot = 0; slot < 512; slot++) {
      const entry = data.getBigUint64(slot * 8, true);
      if ((entry & 1n) === 0n) {
        if (entry !== 0n) throw new Error(`an entry that is not present is 0x${entry.toString(16)}`);
        continue;
      }
      if (levels === 3 && level === 3 && slot >= 4) throw new Error('PAE has four top slots');
      const target = Number((entry & 0x000ffffffffff000n) >> 12n);
      const page = (prefix << 9n) | BigInt(slot);
      const canWrite = writable && (entry & 2n) !== 0n;
      if (level > 1) visit(target, level - 1, page, canWrite);
      else pages.set(canonical(page << 12n, levels), { mfn: target, writable: canWrite });
    }
  };
  visit(topMfn, levels, 0n, true);
  return { pages, tables };
}

/** Bit 47 goes on to the top. */
function canonical(address: bigint, levels: 3 | 4): bigint {
  return levels === 4 ? BigInt.asUintN(64, BigInt.asIntN(48, address)) : address;
}
