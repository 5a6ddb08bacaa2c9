import { errnoNameOf } from '../../sys/sys.ts';
import { readFrameList, writeFrameList } from '../../xen/abi/frames.ts';
import { encode } from '../../xen/abi/codec.ts';
import {
  addToPhysmap,
  encodeMemoryMap,
  foreignMemoryMap,
  memoryDomain,
  memoryReservation,
  podTarget,
  XENMAPSPACE,
  XENMEM,
  XENMEMF,
  xenmemfNode,
  type MemoryMapEntry,
} from '../../xen/abi/memory.ts';
import { MMUEXT, mmuextOp } from '../../xen/abi/stable.ts';
import { memoryOp, withBytes, withRoom } from './hypercalls-call.ts';
import type { Xen } from './version.ts';

// A domain's memory, in frames of 4 KiB (xen/include/public/memory.h). Where the bytes go: guest-memory.ts.

export interface Population {
  /** Each extent has 2^order frames. */
  readonly order: number;
  /** The first guest frame of each extent. */
  readonly frames: ArrayLike<number>;
  /** Entries in the guest's physical map without memory behind them yet (XENMEMF_populate_on_demand). */
  readonly onDemand?: boolean;
  /** The NUMA node to take it from: preferred, or, with `exactly`, insisted on. */
  readonly node?: { readonly number: number; readonly exactly: boolean };
}

/** Xen goes through so many extents in one call; their list has 64 KiB. */
const EXTENTS_A_CALL = 8192;

/**
 * XENMEM_populate_physmap: the first machine frame of each extent that was filled (of a PV guest; for others Xen repeats
 * the guest's frames). Fewer than were asked for where Xen has no extent of this size left: try smaller ones.
 */
export function populatePhysmap(xen: Xen, domid: number, population: Population): Float64Array {
  const { order, frames, onDemand = false, node } = population;
  const memFlags =
    (onDemand ? XENMEMF.populate_on_demand : 0) |
    (node === undefined ? 0 : xenmemfNode(node.number) | (node.exactly ? XENMEMF.exact_node_request : 0));
  const filled = new Float64Array(frames.length);
  for (let at = 0; at < frames.length; at += EXTENTS_A_CALL) {
    const batch = Array.prototype.slice.call(frames, at, at + EXTENTS_A_CALL) as number[];
    const given = withRoom(xen, batch.length * 8, (list) => {
      writeFrameList(list.bytes, batch);
      const reservation = { extent_start: list.address, nr_extents: batch.length, extent_order: order };
      const { result } = memoryOp(xen, 'populate_physmap', memoryReservation, {
        ...reservation,
        mem_flags: memFlags,
        domid,
      });
      return readFrameList(list.bytes, result);
    });
    filled.set(given, at);
    if (given.length < batch.length) return filled.slice(0, at + given.length);
  }
  return filled;
}

/** XENMEM_claim_pages: puts so many pages aside for the domain, so that their lack shows at once; 0 ends the claim. */
export const claimPages = (xen: Xen, domid: number, pages: number): void =>
  void memoryOp(xen, 'claim_pages', memoryReservation, { nr_extents: pages, domid });

/** XENMEM_set_memory_map: the map that the guest is given when it asks. */
export function setMemoryMap(xen: Xen, domid: number, entries: readonly MemoryMapEntry[]): void {
  withBytes(xen, encodeMemoryMap(entries), ({ address }) =>
    memoryOp(xen, 'set_memory_map', foreignMemoryMap, {
      domid,
      map: { nr_entries: entries.length, buffer: address },
    }),
  );
}

/** XENMEM_add_to_physmap: puts a page of Xen's (shared_info; the `index`-th of the grant table) at a guest frame. */
export const mapInGuest = (
  xen: Xen,
  domid: number,
  page: { readonly space: keyof typeof XENMAPSPACE; readonly index: number; readonly frame: number },
): void =>
  void memoryOp(xen, 'add_to_physmap', addToPhysmap, {
    domid,
    space: XENMAPSPACE[page.space],
    idx: page.index,
    gpfn: page.frame,
  });

/** XENMEM_maximum_gpfn: the greatest guest frame in use. */
export const maximumGpfn = (xen: Xen, domid: number): number =>
  memoryOp(xen, 'maximum_gpfn', memoryDomain, { domid }).result;

/** A populate-on-demand guest's pages: what it has, what of it is in the cache, and entries still without memory. */
export interface PodState {
  readonly pages: number;
  readonly cachePages: number;
  readonly entries: number;
}

/** XENMEM_set_pod_target: how many pages the guest really has; call it before its memory is populated. */
export const setPodTarget = (xen: Xen, domid: number, pages: number): PodState =>
  podStateOf(memoryOp(xen, 'set_pod_target', podTarget, { target_pages: pages, domid }).values);

/** XENMEM_get_pod_target. */
export const getPodState = (xen: Xen, domid: number): PodState =>
  podStateOf(memoryOp(xen, 'get_pod_target', podTarget, { domid }).values);

const podStateOf = (values: { tot_pages: number; pod_cache_pages: number; pod_entries: number }): PodState => ({
  pages: values.tot_pages,
  cachePages: values.pod_cache_pages,
  entries: values.pod_entries,
});

/** MMUEXT_PIN_L*_TABLE: has Xen check a PV guest's page table once, with all below it, and hold it as one. */
export function pinTable(xen: Xen, domid: number, level: 1 | 2 | 3 | 4, frame: number): void {
  const op = encode(mmuextOp, { cmd: MMUEXT[`PIN_L${level}_TABLE`], 'arg1.mfn': frame });
  withBytes(xen, op, ({ address }) =>
    xen.privcmd.hypercall('mmuext_op', [address, 1, 0, domid], `mmuext_op PIN_L${level}_TABLE of domain ${domid}`),
  );
}

/** Pages that guests share with each other (Xen's memory sharing), on the whole host. */
export interface SharedMemory {
  /** What sharing has saved. */
  readonly freedPages: number;
  readonly usedFrames: number;
}

/** XENMEM_get_sharing_freed_pages and XENMEM_get_sharing_shared_pages; nothing where Xen was built without sharing. */
export const sharedMemory = (xen: Xen): SharedMemory => ({
  freedPages: sharingCount(xen, 'get_sharing_freed_pages'),
  usedFrames: sharingCount(xen, 'get_sharing_shared_pages'),
});

function sharingCount({ privcmd }: Xen, name: 'get_sharing_freed_pages' | 'get_sharing_shared_pages'): number {
  try {
    return privcmd.hypercall('memory_op', [XENMEM[name], 0], `memory_op ${name}`);
  } catch (error) {
    if (errnoNameOf(error) === 'ENOSYS') return 0;
    throw error;
  }
}
