import type { HvmParam } from '../abi/stable.ts';

/**
 * How a guest's memory and first vcpu come to be, as data: what the builders of this room answer and lib/host/xen replays
 * against the hypervisor, step by step in order. Nothing here is a machine address unless it says so: a `gfn` is a guest
 * frame number (4 KiB), and of a PV guest, whose frames lie anywhere, the pfn that the replayer turns into a machine frame
 * with what `populate` answered.
 */
export interface BuildPlan {
  readonly steps: readonly BuildStep[];
  /** The frame of the xenstore ring, for XS_INTRODUCE and `store/ring-ref`. */
  readonly storeGfn: number;
  /** The frame of the console ring, for `console/ring-ref`. */
  readonly consoleGfn: number;
}

export type BuildStep =
  | ClaimStep
  | PodTargetStep
  | PopulateStep
  | WriteStep
  | HvmParamStep
  | MemoryMapStep
  | HvmContextStep
  | GrantStep
  | PvStep;

/** XENMEM_claim_pages: puts memory aside so that a lack of it shows now; `pages` 0 gives the rest of a claim back. */
export interface ClaimStep {
  readonly do: 'claim';
  readonly pages: number;
}

/** XENMEM_set_pod_target: how many 4 KiB pages a populate-on-demand guest really has; before its memory is populated. */
export interface PodTargetStep {
  readonly do: 'set-pod-target';
  readonly pages: number;
}

/** XENMEM_populate_physmap of `run`. Where Xen answers fewer extents than asked, `remainder` says how to go on. */
export interface PopulateStep {
  readonly do: 'populate';
  readonly run: Run;
  /** XENMEMF_populate_on_demand: entries in the p2m, no memory behind them yet. */
  readonly onDemand: boolean;
}

/** `count` extents of 2^`order` frames, side by side from frame `gfn` on; `gfn` is aligned to their size. */
export interface Run {
  readonly gfn: number;
  readonly order: ExtentOrder;
  readonly count: number;
}

/** log2 of an extent's frames: 4 KiB, 2 MiB, 1 GiB. */
export type ExtentOrder = 0 | 9 | 18;

/** Maps `frames` frames from `gfn` on and puts bytes into them; see `paint`. */
export interface WriteStep {
  readonly do: 'write';
  /** What this is, for people: `kernel`, `ramdisk`, `start info` … */
  readonly what: string;
  readonly gfn: number;
  readonly frames: number;
  /** In order of offset, none over another, all within the frames. */
  readonly pieces: readonly Piece[];
  /** What becomes of the bytes that no piece covers. */
  readonly rest: 'zero' | 'keep';
}

/** Bytes and where they go, counted in bytes from the start of the first frame. */
export interface Piece {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** HVMOP_set_param. */
export interface HvmParamStep {
  readonly do: 'set-hvm-param';
  readonly param: HvmParam;
  readonly value: number;
}

/** XENMEM_set_memory_map: the e820 that the guest may ask for. */
export interface MemoryMapStep {
  readonly do: 'set-memory-map';
  readonly entries: readonly E820Entry[];
}

/** A range of guest physical memory, in bytes, and what it is. */
export interface E820Entry {
  readonly address: number;
  readonly size: number;
  readonly type: E820Type;
}

/** Types of the BIOS's memory map that a guest is told of (xen/include/public/hvm/e820.h uses 1 and 2; 4 is ACPI's NVS). */
export type E820Type = 'ram' | 'reserved' | 'acpi-nvs';

/** The types' numbers in an e820 entry and in hvm_memmap_table_entry, which agree. */
export const E820_TYPE: Readonly<Record<E820Type, number>> = { ram: 1, reserved: 2, 'acpi-nvs': 4 };

/**
 * XEN_DOMCTL_sethvmcontext, once for each record: `contexts` of hvm-context.ts makes them from this and from what
 * XEN_DOMCTL_gethvmcontext answers, since only Xen knows the stream's header.
 */
export interface HvmContextStep {
  readonly do: 'set-hvm-context';
  /** The first vcpu's registers: a record of hvm_hw_cpu. */
  readonly cpu: Uint8Array;
  /** How many vcpus, from 0 on, get their MTRRs enabled with write-back as the default; 0 leaves that to firmware. */
  readonly mtrrVcpus: number;
}

/** Entries of the guest's grant table, version 1, that let a domain map one of its frames (GTF_permit_access). */
export interface GrantStep {
  readonly do: 'seed-grants';
  readonly grants: readonly Grant[];
}

/** Entry `ref` lets domain `domid` map frame `gfn`. */
export interface Grant {
  readonly ref: number;
  readonly domid: number;
  readonly gfn: number;
}

/** What only a PV guest, whose page tables are its own, needs. */
export type PvStep =
  /** XEN_DOMCTL_set_address_size: the width of its words. */
  | { readonly do: 'set-address-size'; readonly bits: 32 | 64 }
  /** XEN_DOMCTL_hypercall_init: Xen writes its hypercall stubs into this frame. */
  | { readonly do: 'hypercall-init'; readonly gfn: number }
  /** MMUEXT_PIN_L*_TABLE of the frame that holds the top page table. */
  | { readonly do: 'pin-table'; readonly level: 3 | 4; readonly gfn: number }
  /** Writes to the machine frame that getdomaininfo calls shared_info_frame. */
  | { readonly do: 'write-shared-info'; readonly bytes: Uint8Array }
  /** XEN_DOMCTL_setvcpucontext with a vcpu_guest_context. */
  | { readonly do: 'set-vcpu-context'; readonly vcpu: number; readonly context: Uint8Array };

/** Bytes in a frame, and the shift that makes one of the other. */
export const PAGE_SIZE = 4096;
export const PAGE_SHIFT = 12;

/** How many frames `bytes` bytes fill. */
export const framesOf = (bytes: number): number => Math.ceil(bytes / PAGE_SIZE);

/** Does a write step's work on its frames, mapped as `memory`. */
export function paint({ pieces, rest }: WriteStep, memory: Uint8Array): void {
  let end = 0;
  for (const { offset, bytes } of pieces) {
    if (rest === 'zero') memory.fill(0, end, offset);
    memory.set(bytes, offset);
    end = offset + bytes.length;
  }
  if (rest === 'zero') memory.fill(0, end);
}

/**
 * What is left of a run when Xen has given only `done` of its extents, in extents of the next smaller size. Of single
 * frames there is nothing smaller: null, and the host is out of memory.
 */
export function remainder({ gfn, order, count }: Run, done: number): Run | null {
  if (order === 0) return null;
  const smaller = order === 18 ? 9 : 0;
  return { gfn: gfn + done * 2 ** order, order: smaller, count: (count - done) * 512 };
}
