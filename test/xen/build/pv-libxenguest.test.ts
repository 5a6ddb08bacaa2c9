import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Grant, paint, type WriteStep } from '../../../lib/xen/build/build-plan.ts';
import { readElf } from '../../../lib/xen/build/elf.ts';
import { readPvKernel } from '../../../lib/xen/build/pv-kernel.ts';
import { draftPv, finishPv } from '../../../lib/xen/build/pv.ts';
import { goldenGuests, machineFrames } from './pv-golden.ts';
import { makePvKernel, pattern, stepOf } from './pv-guest.ts';

/**
 * What libxenguest of Xen 4.17.7 (Debian) did when the stock xl created these guests: hashes of the pages that it wrote,
 * and its hypercalls. No other page of theirs held anything. Pages are compared whole, so what they left alone is 0.
 */
type Recording = Readonly<Record<string, string>>;
const recordings = JSON.parse(readFileSync(join(import.meta.dirname, 'pv-libxenguest.json'), 'utf8')) as Readonly<
  Record<string, Recording>
>;

const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex').slice(0, 32);

describe('a PV guest has the memory that libxenguest gives it', () => {
  it.each(goldenGuests)('$name', ({ name, recipe, ramdiskBytes, mib, cmdline }) => {
    const ramdisk = ramdiskBytes === null ? null : pattern(ramdiskBytes, 99);
    const config = { ramdisk, cmdline, targetKiB: mib * 1024, storePort: 10, consolePort: 11 };
    const draft = draftPv(readPvKernel(readElf(makePvKernel(recipe))), config);
    const mfns = machineFrames(mib);
    const { steps } = finishPv(draft, { mfns, sharedInfoMfn: 0x77 });
    const frame = (gfn: number) => mfns[gfn]!.toString(16);
    const pin = stepOf(steps, 'pin-table');
    const hypercallPage = steps.find((step) => step.do === 'hypercall-init');
    const ours = {
      ...Object.fromEntries(steps.flatMap((step) => (step.do === 'write' ? [[step.what, hash(painted(step))]] : []))),
      'shared info': hash(stepOf(steps, 'write-shared-info').bytes),
      'vcpu context': hash(stepOf(steps, 'set-vcpu-context').context),
      grants: grantTable(stepOf(steps, 'seed-grants').grants, mfns).toString('hex'),
      pin: `cmd ${pin.level - 1} mfn ${frame(pin.gfn)}`,
      'hypercall page': hypercallPage === undefined ? 'none' : frame(hypercallPage.gfn),
      populate: draft.steps
        .flatMap((step) => (step.do === 'populate' ? [`${step.run.count} of order ${step.run.order}`] : []))
        .join(', '),
    };
    expect(ours).toEqual(recordings[name]);
  });
});

function painted(step: WriteStep): Uint8Array {
  const memory = new Uint8Array(step.frames * 4096);
  paint(step, memory);
  return memory;
}

/** The first two entries, as public/grant_table.h has them: flags (1: GTF_permit_access), domain, frame. */
function grantTable(grants: readonly Grant[], mfns: Uint32Array): Buffer {
  const entries = Buffer.alloc(16);
  for (const { ref, domid, gfn } of grants) {
    entries.writeUInt16LE(1, ref * 8);
    entries.writeUInt16LE(domid, ref * 8 + 2);
    entries.writeUInt32LE(mfns[gfn]!, ref * 8 + 4);
  }
  return entries;
}
