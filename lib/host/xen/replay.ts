import { setImmediate as nextTurn } from 'node:timers/promises';
import { unreachable, XlError } from '../../base/error.ts';
import { E820_TYPE, paint, remainder, type BuildStep, type Grant, type Run } from '../../xen/build/build-plan.ts';
import { contextsToSet } from '../../xen/build/hvm-context.ts';
import { frameRange } from '../../xen/abi/frames.ts';
import { withFrames } from './guest-memory.ts';
import * as hypercalls from './hypercalls.ts';
import type { Xen } from './version.ts';

/** A guest that is being built. */
export interface Building {
  readonly xen: Xen;
  readonly domid: number;
  /**
   * Machine frames of a PV guest by its own numbering, filled as its memory is populated. Null for a guest whose memory
   * Xen translates: there a frame is what it is called.
   */
  readonly mfns: Uint32Array | null;
}

/** Extents asked for in one call: enough that calls cost nothing, few enough that Ctrl-C is heard between them. */
const EXTENTS_AT_ONCE = 1024;
/** A grant table's entry of version 1: flags, domain, frame (grant_table.h, grant_entry_v1); GTF_permit_access. */
const GRANT_BYTES = 8;
const PERMIT_ACCESS = 1;

/** Does a build plan's steps, in their order, to the domain. */
export async function replay(steps: readonly BuildStep[], guest: Building, signal: AbortSignal): Promise<void> {
  for (const step of steps) {
    // Hypercalls do not give the event loop its turn: without this nobody hears Ctrl-C.
    await nextTurn();
    signal.throwIfAborted();
    await perform(step, guest, signal);
  }
}

async function perform(step: BuildStep, guest: Building, signal: AbortSignal): Promise<void> {
  const { xen, domid } = guest;
  switch (step.do) {
    case 'claim':
      hypercalls.claimPages(xen, domid, step.pages);
      break;
    case 'set-pod-target':
      hypercalls.setPodTarget(xen, domid, step.pages);
      break;
    case 'populate':
      await populate(step.run, step.onDemand, guest, signal);
      break;
    case 'write':
      write(framesFrom(step.gfn, step.frames, guest), guest, (memory) => paint(step, memory));
      break;
    case 'set-hvm-param':
      hypercalls.setHvmParam(xen, domid, step.param, step.value);
      break;
    case 'set-memory-map':
      hypercalls.setMemoryMap(
        xen,
        domid,
        step.entries.map((entry) => ({ ...entry, type: E820_TYPE[entry.type] })),
      );
      break;
    case 'set-hvm-context':
      for (const context of contextsToSet(step, hypercalls.getHvmContext(xen, domid))) {
        hypercalls.setHvmContext(xen, domid, context);
      }
      break;
    case 'seed-grants':
      seedGrants(step.grants, guest);
      break;
    case 'set-address-size':
      hypercalls.setAddressSize(xen, domid, step.bits);
      break;
    case 'hypercall-init':
      hypercalls.initHypercallPage(xen, domid, machineFrame(step.gfn, guest));
      break;
    case 'pin-table':
      hypercalls.pinTable(xen, domid, step.level, machineFrame(step.gfn, guest));
      break;
    case 'write-shared-info':
      write([sharedInfoFrame(guest)], guest, (memory) => memory.set(step.bytes));
      break;
    case 'set-vcpu-context':
      hypercalls.setVcpuContext(xen, domid, step.vcpu, step.context);
      break;
    default:
      unreachable(step);
  }
}

const write = (frames: ArrayLike<number>, { xen, domid }: Building, body: (memory: Uint8Array) => void): void =>
  withFrames(xen.privcmd, domid, frames, body);

/** Asks for a run's extents, and where Xen has no more of that size, for the rest in smaller ones. */
async function populate(whole: Run, onDemand: boolean, guest: Building, signal: AbortSignal): Promise<void> {
  for (let run: Run | null = whole; run !== null && run.count > 0;) {
    await nextTurn();
    signal.throwIfAborted();
    const asked = Math.min(run.count, EXTENTS_AT_ONCE);
    const done = populateSome({ ...run, count: asked }, onDemand, guest);
    if (done < asked && run.order === 0) throw outOfMemory(guest, run.count - done);
    run =
      done < asked ? remainder(run, done) : { ...run, gfn: run.gfn + asked * 2 ** run.order, count: run.count - asked };
  }
}

/** How many of the extents Xen gave. */
function populateSome({ gfn, order, count }: Run, onDemand: boolean, { xen, domid, mfns }: Building): number {
  const size = 2 ** order;
  const frames = Float64Array.from({ length: count }, (_, index) => gfn + index * size);
  const given = hypercalls.populatePhysmap(xen, domid, { frames, order, onDemand });
  if (mfns !== null) {
    given.forEach((mfn, index) => {
      for (let page = 0; page < size; page++) mfns[gfn + index * size + page] = mfn + page;
    });
  }
  return given.length;
}

function outOfMemory({ xen, domid }: Building, missing: number): XlError {
  const { freePages } = hypercalls.physinfo(xen);
  return new XlError(
    'out-of-memory',
    `Xen has too little memory for domain ${domid}: ${missing * 4} KiB are missing, and ${freePages * 4} KiB are free`,
    { hint: 'give the domain less with memory=, or make room: `xl list` shows who has how much' },
  );
}

/** Lets domain 0 map the guest's rings by its grant table, as the drivers of xenstored and xenconsoled want to. */
function seedGrants(grants: readonly Grant[], guest: Building): void {
  const table = guest.xen.privcmd.mapResource(guest.domid, { resource: 'grant_table', frames: 1 });
  try {
    const view = new DataView(table.bytes.buffer, table.bytes.byteOffset, table.bytes.byteLength);
    for (const { ref, domid, gfn } of grants) {
      view.setUint16(ref * GRANT_BYTES + 2, domid, true);
      view.setUint32(ref * GRANT_BYTES + 4, machineFrame(gfn, guest), true);
      // Last: with it the entry counts.
      view.setUint16(ref * GRANT_BYTES, PERMIT_ACCESS, true);
    }
  } finally {
    table.close();
  }
}

/** The machine frame of the page that Xen shares with a PV guest. */
export function sharedInfoFrame({ xen, domid }: Building): number {
  const info = hypercalls.getDomainInfo(xen, domid);
  if (info === null) throw new XlError('no-such-domain', `domain ${domid} has died while it was built`);
  return Number(info.sharedInfoFrame);
}

/** The frame as Xen calls it. */
export const machineFrame = (gfn: number, { mfns }: Building): number => (mfns === null ? gfn : mfns[gfn]!);

const framesFrom = (gfn: number, count: number, { mfns }: Building): ArrayLike<number> =>
  mfns === null ? frameRange(gfn, count) : mfns.subarray(gfn, gfn + count);
