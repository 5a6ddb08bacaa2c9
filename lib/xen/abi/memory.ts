import { struct } from './layout.ts';

/** What is asked about memory (memory.h, XENMEM_*). A stable interface: no version. */
export const XENMEM = {
  maximum_ram_page: 2,
  current_reservation: 3,
  maximum_reservation: 4,
  populate_physmap: 6,
  add_to_physmap: 7,
  decrease_reservation: 1,
  set_memory_map: 13,
  maximum_gpfn: 14,
  set_pod_target: 16,
  get_pod_target: 17,
  get_sharing_freed_pages: 18,
  get_sharing_shared_pages: 19,
  claim_pages: 24,
} as const;
export type XenmemName = keyof typeof XENMEM;

/** `mem_flags` of a reservation (memory.h, XENMEMF_*). */
export const XENMEMF = { populate_on_demand: 1 << 16, exact_node_request: 1 << 17 } as const;
/** The flag that asks for memory of a NUMA node, by preference. */
export const xenmemfNode = (node: number): number => (node + 1) << 8;

/** Extents of 2^extent_order pages; `extent_start` is the address of their first frames' list. */
export const memoryReservation = struct('struct xen_memory_reservation', {
  extent_start: 'n64',
  nr_extents: 'n64',
  extent_order: 'u32',
  mem_flags: 'u32',
  domid: 'u16',
});
export const memoryDomain = struct('struct xen_memory_domain', { domid: 'u16' });

/** Where a page comes from that add_to_physmap puts into a guest (memory.h, XENMAPSPACE_*). */
export const XENMAPSPACE = { shared_info: 0, grant_table: 1, gmfn: 2 } as const;
export const addToPhysmap = struct('struct xen_add_to_physmap', {
  domid: 'u16',
  size: 'u16',
  space: 'u32',
  idx: 'n64',
  gpfn: 'n64',
});

export const foreignMemoryMap = struct('struct xen_foreign_memory_map', {
  domid: 'u16',
  map: struct('struct xen_memory_map', { nr_entries: 'u32', buffer: 'n64' }),
});
/** Pages. */
export const podTarget = struct('struct xen_pod_target', {
  target_pages: 'n64',
  tot_pages: 'n64',
  pod_cache_pages: 'n64',
  pod_entries: 'n64',
  domid: 'u16',
});

/** What MMAP_RESOURCE maps (memory.h, XENMEM_resource_*). */
export const XENMEM_RESOURCES = { ioreq_server: 0, grant_table: 1, vmtrace_buf: 2 } as const;

/** A range of the memory map that a guest may ask for: bytes, and the BIOS's type (1 RAM, 2 reserved …). */
export interface MemoryMapEntry {
  readonly address: number;
  readonly size: number;
  readonly type: number;
}

/** The map as the BIOS's INT 15h, EAX=E820h gives it: 20 bytes an entry, which C's rules of layout would make 24. */
export function encodeMemoryMap(entries: readonly MemoryMapEntry[]): Uint8Array {
  const target = new Uint8Array(entries.length * E820_ENTRY_BYTES);
  const view = new DataView(target.buffer);
  entries.forEach(({ address, size, type }, index) => {
    const at = index * E820_ENTRY_BYTES;
    view.setBigUint64(at, BigInt(address), true);
    view.setBigUint64(at + 8, BigInt(size), true);
    view.setUint32(at + 16, type, true);
  });
  return target;
}
const E820_ENTRY_BYTES = 20;
