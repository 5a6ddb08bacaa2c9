import { XlError } from '../../base/error.ts';
import { type BuildPlan, type BuildStep, type Run, type WriteStep } from './build-plan.ts';
import type { PvKernel } from './pv-kernel.ts';
import { layoutPv, type PvLayout, type Tables } from './pv-layout.ts';
import { fillTables } from './pv-page-tables.ts';
import { type PvBoot, type PvMachine, sharedInfo, startInfo } from './pv-start-info.ts';
import { vcpuContext } from './pv-vcpu.ts';

/** What is asked of a PV guest's memory. */
export interface PvConfig extends PvBoot {
  readonly ramdisk: Uint8Array | null;
  /** Memory in KiB; whole MiB of it are given, as libxl does (libxl__build_pv). */
  readonly targetKiB: number;
}

/** A PV guest that has no memory yet: how to give it some, and where everything will lie in it. */
export interface PvDraft {
  readonly steps: readonly BuildStep[];
  readonly kernel: PvKernel;
  readonly config: PvConfig;
  readonly layout: PvLayout;
}

/** Grant table entries that are agreed upon (GNTTAB_RESERVED_*, public/grant_table.h). */
const CONSOLE_GRANT = 0;
const STORE_GRANT = 1;
/** The domain in which xenconsoled and xenstored run. */
const DOM0 = 0;
const SUPERPAGE = 512;

/**
 * The first half of building a PV guest: up to its memory, whose frames only Xen chooses. Errors: those of `layoutPv`.
 */
export function draftPv(kernel: PvKernel, config: PvConfig): PvDraft {
  const pages = Math.floor(config.targetKiB / 1024) * 256;
  const layout = layoutPv(kernel, config.ramdisk?.length ?? null, pages);
  const whole = Math.floor(pages / SUPERPAGE);
  const single = pages % SUPERPAGE;
  const runs: Run[] = [
    { gfn: 0, order: 9, count: whole },
    { gfn: whole * SUPERPAGE, order: 0, count: single },
  ];
  const steps: BuildStep[] = [
    { do: 'set-address-size', bits: kernel.width },
    { do: 'claim', pages },
    ...runs.filter(({ count }) => count > 0).map((run): BuildStep => ({ do: 'populate', run, onDemand: false })),
    { do: 'claim', pages: 0 },
  ];
  return { steps, kernel, config, layout };
}

/**
 * The second half: everything that goes into the guest's frames, and its first vcpu. Nothing of a write may stay mapped
 * when its step is done: Xen pins no page table that somebody could still write to.
 */
export function finishPv({ kernel, config, layout }: PvDraft, machine: PvMachine): BuildPlan {
  const { mfns } = machine;
  if (mfns.length !== layout.total) {
    throw new XlError('pv-frames', `a PV guest of ${layout.total} pages was given ${mfns.length} frames`);
  }
  const { image, ramdisk, p2m, tables, p2mTables } = layout;
  const steps: BuildStep[] = [
    { do: 'write', what: 'kernel', gfn: image.pfn, frames: image.pages, pieces: kernel.image.pieces, rest: 'zero' },
    ...(ramdisk === null || config.ramdisk === null
      ? []
      : [write('ramdisk', ramdisk.pfn, ramdisk.pages, config.ramdisk)]),
    write('xenstore ring', layout.store, 1),
    write('console ring', layout.console, 1),
    write('list of frames', p2m.pfn, p2m.pages, listOfFrames(layout, mfns)),
    writeTables('page tables', tables, layout, mfns),
    ...(p2mTables === null ? [] : [writeTables('page tables of the list of frames', p2mTables, layout, mfns)]),
    write('start info', layout.startInfo, 1, startInfo(layout, kernel.virtBase, machine, config)),
    ...(kernel.hypercallPfn === null ? [] : [{ do: 'hypercall-init', gfn: kernel.hypercallPfn } as const]),
    { do: 'pin-table', level: kernel.width === 64 ? 4 : 3, gfn: tables.pfn },
    { do: 'write-shared-info', bytes: sharedInfo() },
    { do: 'set-vcpu-context', vcpu: 0, context: vcpuContext(kernel, layout, mfns[tables.pfn]!) },
    {
      do: 'seed-grants',
      grants: [
        { ref: CONSOLE_GRANT, domid: DOM0, gfn: layout.console },
        { ref: STORE_GRANT, domid: DOM0, gfn: layout.store },
      ],
    },
  ];
  return { steps, storeGfn: layout.store, consoleGfn: layout.console };
}

function write(what: string, gfn: number, frames: number, bytes?: Uint8Array): WriteStep {
  return { do: 'write', what, gfn, frames, pieces: bytes === undefined ? [] : [{ offset: 0, bytes }], rest: 'zero' };
}

function writeTables(what: string, { pfn, pages, runs }: Tables, layout: PvLayout, mfns: Uint32Array): WriteStep {
  const all = [...layout.tables.runs, ...(layout.p2mTables?.runs ?? [])];
  return write(what, pfn, pages, bytesOf(fillTables(runs, all, layout.mappings, mfns)));
}

/** The guest's frames in its own words. Halves of 64-bit words are written one by one: BigInts take five times as long. */
function listOfFrames({ width }: PvLayout, mfns: Uint32Array): Uint8Array {
  if (width === 32) return bytesOf(mfns);
  const words = new Uint32Array(mfns.length * 2);
  for (let pfn = 0; pfn < mfns.length; pfn++) words[pfn * 2] = mfns[pfn]!;
  return bytesOf(words);
}

/** The memory of words: the machine that runs Xen on x86 has them in the guest's byte order. */
const bytesOf = (words: Uint32Array): Uint8Array => new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
