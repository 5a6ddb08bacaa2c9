import { array, struct } from './layout.ts';

/** What /dev/xen/privcmd of Linux understands (include/uapi/xen/privcmd.h). The kernel's ABI: the same for every Xen. */
export const PRIVCMD_IOCTLS = {
  HYPERCALL: 0x305000,
  MMAPBATCH_V2: 0x205004,
  MMAP_RESOURCE: 0x205007,
} as const;

/** A hypercall: its number, and arguments that are numbers or addresses of hypercall-safe memory. */
export const privcmdHypercall = struct('struct privcmd_hypercall', { op: 'n64', arg: array('u64', 5) });

/** Frames of another domain into a mapping of ours: `arr` names `num` frames, `err` takes one errno for each. */
export const privcmdMmapbatchV2 = struct('struct privcmd_mmapbatch_v2', {
  num: 'u32',
  dom: 'u16',
  addr: 'n64',
  arr: 'n64',
  err: 'n64',
});

/** What belongs to a domain without being its memory (grant table, ioreq pages) into a mapping of ours. */
export const privcmdMmapResource = struct('struct privcmd_mmap_resource', {
  dom: 'u16',
  type: 'u32',
  id: 'u32',
  idx: 'u32',
  num: 'n64',
  addr: 'n64',
});
