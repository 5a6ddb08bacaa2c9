import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type BuildStep, type Grant } from '../../../lib/xen/build/build-plan.ts';
import { readElf } from '../../../lib/xen/build/elf.ts';
import { readPvKernel } from '../../../lib/xen/build/pv-kernel.ts';
import { draftPv, finishPv } from '../../../lib/xen/build/pv.ts';
import { type GoldenGuest, goldenGuests, machineFrames } from './pv-golden.ts';
import { carryOut, makePvKernel, pattern, stepOf } from './pv-guest.ts';
import { type BuiltGuest, buildWithStockXl, EMPTY, SHARED_INFO_MFN } from './pv-stock.ts';

/**
 * What libxenguest of Xen 4.17.7 (Debian) did when the stock xl created these guests: hashes of what it left in memory,
 * and its hypercalls. Recorded by running this test with XL_PV_ORACLE=/path/to/run-xl.sh, which writes the answers anew;
 * see pv-stock.ts. Nothing differs on purpose, but for how many extents one hypercall asks for.
 */
type Recording = Readonly<Record<string, string>>;
const file = join(import.meta.dirname, 'pv-libxenguest.json');
const runner = process.env.XL_PV_ORACLE;
const recordings = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, Recording>) : {};

describe('a PV guest has the memory that libxenguest gives it', () => {
  it.each(goldenGuests)('$name', { timeout: 60_000 }, (guest) => {
    if (runner !== undefined) {
      recordings[guest.name] = describeGuest(buildWithStockXl(runner, guest), guest);
      writeFileSync(file, `${JSON.stringify(recordings, null, 2)}\n`);
    }
    expect(describeGuest(buildOurs(guest), guest)).toEqual(recordings[guest.name]);
  });
});

function draftOf({ recipe, ramdiskBytes, mib, cmdline }: GoldenGuest) {
  const ramdisk = ramdiskBytes === null ? null : pattern(ramdiskBytes, 99);
  const config = { ramdisk, cmdline, targetKiB: mib * 1024, storePort: 10, consolePort: 11 };
  return draftPv(readPvKernel(readElf(makePvKernel(recipe))), config);
}

function buildOurs(guest: GoldenGuest): BuiltGuest {
  const mfns = machineFrames(guest.mib);
  const draft = draftOf(guest);
  const plan = finishPv(draft, { mfns, sharedInfoMfn: SHARED_INFO_MFN });
  const machine = carryOut(plan, mfns);
  const hypercallPage = plan.steps.find((step) => step.do === 'hypercall-init');
  return {
    frames: new Map([...machine.written].map((mfn) => [mfn, machine.frame(mfn)])),
    sharedInfo: stepOf(plan.steps, 'write-shared-info').bytes,
    context: stepOf(plan.steps, 'set-vcpu-context').context,
    grants: grantTable(stepOf(plan.steps, 'seed-grants').grants, mfns),
    pin: `cmd ${machine.pinned.level - 1} mfn ${machine.pinned.mfn.toString(16)}`,
    hypercallPage: hypercallPage === undefined ? 'none' : mfns[hypercallPage.gfn]!.toString(16),
    populated: `${extents(draft.steps, 9)} of order 9, ${extents(draft.steps, 0)} of order 0`,
  };
}

/** Hashes, by what lies there: the places that our layout names, and all that is not zero, wherever it is. */
function describeGuest(built: BuiltGuest, guest: GoldenGuest): Recording {
  const { layout } = draftOf(guest);
  const mfns = machineFrames(guest.mib);
  const pages = ({ pfn, pages: count }: { readonly pfn: number; readonly pages: number }) =>
    hash([...mfns.subarray(pfn, pfn + count)].map((mfn) => built.frames.get(mfn) ?? EMPTY));
  const filled = [...built.frames].filter(([, bytes]) => !EMPTY.equals(bytes)).sort(([a], [b]) => a - b);
  return {
    kernel: pages(layout.image),
    ramdisk: layout.ramdisk === null ? 'none' : pages(layout.ramdisk),
    'list of frames': pages(layout.p2m),
    'page tables': pages(layout.tables),
    'page tables of the list of frames': layout.p2mTables === null ? 'none' : pages(layout.p2mTables),
    'start info': pages({ pfn: layout.startInfo, pages: 1 }),
    'frames that are not zero': String(filled.length),
    'all of these': hash(filled.flatMap(([mfn, bytes]) => [Buffer.from(`${mfn} `), bytes])),
    'shared info': hash([built.sharedInfo]),
    'vcpu context': hash([built.context]),
    grants: Buffer.from(built.grants).toString('hex'),
    pin: built.pin,
    'hypercall page': built.hypercallPage,
    populated: built.populated,
  };
}

function hash(parts: readonly Uint8Array[]): string {
  const sum = createHash('sha256');
  for (const part of parts) sum.update(part);
  return sum.digest('hex').slice(0, 32);
}

function extents(steps: readonly BuildStep[], order: number): number {
  const runs = steps.flatMap((step) => (step.do === 'populate' && step.run.order === order ? [step.run.count] : []));
  return runs.reduce((sum, count) => sum + count, 0);
}

/** The first two entries, as public/grant_table.h has them: flags (1: GTF_permit_access), domain, frame. */
function grantTable(grants: readonly Grant[], mfns: Uint32Array): Uint8Array {
  const entries = Buffer.alloc(16);
  for (const { ref, domid, gfn } of grants) {
    entries.writeUInt16LE(1, ref * 8);
    entries.writeUInt16LE(domid, ref * 8 + 2);
    entries.writeUInt32LE(mfns[gfn]!, ref * 8 + 4);
  }
  return entries;
}
