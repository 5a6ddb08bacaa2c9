import { domainHandle, xenctlBitmap } from './common.ts';
import { between, bytes, struct } from './layout.ts';

/** Bits of createdomain's `flags` (domctl.h, XEN_DOMCTL_CDF_*). */
export const CDF = {
  hvm: 1 << 0,
  hap: 1 << 1,
  s3_integrity: 1 << 2,
  oos_off: 1 << 3,
  xs_domain: 1 << 4,
  iommu: 1 << 5,
  nested_virt: 1 << 6,
  vpmu: 1 << 7,
} as const;

/** Devices that Xen itself emulates for an HVM guest (arch-x86/xen.h, XEN_X86_EMU_*). */
export const X86_EMU = {
  LAPIC: 1 << 0,
  HPET: 1 << 1,
  PM: 1 << 2,
  RTC: 1 << 3,
  IOAPIC: 1 << 4,
  PIC: 1 << 5,
  VGA: 1 << 6,
  IOMMU: 1 << 7,
  PIT: 1 << 8,
  USE_PIRQ: 1 << 9,
  VPCI: 1 << 10,
} as const;

/** `misc_flags`: accesses to unknown MSRs do nothing instead of faulting (arch-x86/xen.h). */
export const X86_MSR_RELAXED = 1;

/** Bits of a domain's `flags` (domctl.h, XEN_DOMINF_*); the shutdown's reason is in bits 16 to 23. */
export const DOMINF = {
  dying: 1 << 0,
  hvm_guest: 1 << 1,
  shutdown: 1 << 2,
  paused: 1 << 3,
  blocked: 1 << 4,
  running: 1 << 5,
  debugged: 1 << 6,
  xs_domain: 1 << 7,
  hap: 1 << 8,
} as const;

export const archDomainconfig = struct('struct xen_arch_domainconfig', { emulation_flags: 'u32', misc_flags: 'u32' });

export const setdomainhandle = struct('struct xen_domctl_setdomainhandle', { handle: domainHandle });

export const createdomain = struct('struct xen_domctl_createdomain', {
  ssidref: 'u32',
  handle: domainHandle,
  flags: 'u32',
  iommu_opts: 'u32',
  max_vcpus: 'u32',
  max_evtchn_port: 'u32',
  /** Negative: Xen's default. */
  max_grant_frames: 's32',
  max_maptrack_frames: 's32',
  grant_opts: 'u32',
  // Xen 4.19 and 4.20 call the two together altp2m_opts, of 32 bits; their number must be 0 there.
  'altp2m.opts': between({ since: 0x17 }, 'u16'),
  'altp2m.nr': between({ since: 0x17 }, 'u16'),
  vmtrace_size: 'u32',
  cpupool_id: 'u32',
  arch: archDomainconfig,
});

export const getdomaininfo = struct('struct xen_domctl_getdomaininfo', {
  domain: 'u16',
  pad1: 'u16',
  flags: 'u32',
  tot_pages: 'n64',
  max_pages: 'n64',
  outstanding_pages: 'n64',
  shr_pages: 'n64',
  paged_pages: 'n64',
  /** The frame of shared_info; all ones for a guest whose memory is translated. */
  shared_info_frame: 'u64',
  /** Nanoseconds. */
  cpu_time: 'u64',
  nr_online_vcpus: 'u32',
  max_vcpu_id: 'u32',
  ssidref: 'u32',
  handle: domainHandle,
  cpupool: 'u32',
  gpaddr_bits: 'u8',
  pad2: bytes(7),
  arch_config: archDomainconfig,
});

export const maxMem = struct('struct xen_domctl_max_mem', { max_memkb: 'n64' });
export const maxVcpus = struct('struct xen_domctl_max_vcpus', { max: 'u32' });
export const vcpucontext = struct('struct xen_domctl_vcpucontext', { vcpu: 'u32', ctxt: 'n64' });
export const getvcpuinfo = struct('struct xen_domctl_getvcpuinfo', {
  vcpu: 'u32',
  online: 'u8',
  blocked: 'u8',
  running: 'u8',
  /** Nanoseconds. */
  cpu_time: 'u64',
  cpu: 'u32',
});
export const nodeaffinity = struct('struct xen_domctl_nodeaffinity', { nodemap: xenctlBitmap });

/** Which of a vcpu's two masks (domctl.h, XEN_VCPUAFFINITY_*). */
export const VCPUAFFINITY = { HARD: 1, SOFT: 2, FORCE: 4 } as const;
export const vcpuaffinity = struct('struct xen_domctl_vcpuaffinity', {
  vcpu: 'u32',
  flags: 'u32',
  cpumap_hard: xenctlBitmap,
  cpumap_soft: xenctlBitmap,
});

/** Schedulers by their number (domctl.h, XEN_SCHEDULER_*). */
export const SCHEDULERS = { CREDIT: 5, CREDIT2: 6, ARINC653: 7, RTDS: 8, NULL: 9 } as const;
/** What is asked of a scheduler (domctl.h, XEN_DOMCTL_SCHEDOP_*). */
export const DOMCTL_SCHEDOPS = { putinfo: 0, getinfo: 1, putvcpuinfo: 2, getvcpuinfo: 3 } as const;
/** The scheduler's union, as the schedulers with a weight and a cap (credit, credit2) and RTDS see it: they overlap. */
export const schedulerOp = struct('struct xen_domctl_scheduler_op', {
  sched_id: 'u32',
  cmd: 'u32',
  u: bytes(16),
});
export const schedCredit = struct('struct xen_domctl_sched_credit', { weight: 'u16', cap: 'u16' });
export const schedRtds = struct('struct xen_domctl_sched_rtds', { period: 'u32', budget: 'u32', flags: 'u32' });

export const irqPermission = struct('struct xen_domctl_irq_permission', {
  pirq: 'u32',
  allow_access: 'u8',
  pad: bytes(3),
});
export const iomemPermission = struct('struct xen_domctl_iomem_permission', {
  first_mfn: 'n64',
  nr_mfns: 'n64',
  allow_access: 'u8',
});
export const ioportPermission = struct('struct xen_domctl_ioport_permission', {
  first_port: 'u32',
  nr_ports: 'u32',
  allow_access: 'u8',
});
export const memoryMapping = struct('struct xen_domctl_memory_mapping', {
  first_gfn: 'n64',
  first_mfn: 'n64',
  nr_mfns: 'n64',
  add_mapping: 'u32',
  padding: 'u32',
});
export const hypercallInit = struct('struct xen_domctl_hypercall_init', { gmfn: 'n64' });
export const settimeoffset = struct('struct xen_domctl_settimeoffset', { time_offset_seconds: 's64' });
export const tscInfo = struct('struct xen_domctl_tsc_info', {
  tsc_mode: 'u32',
  gtsc_khz: 'u32',
  incarnation: 'u32',
  elapsed_nsec: 'u64',
});
/** A null `buffer` asks for the size. */
export const hvmcontext = struct('struct xen_domctl_hvmcontext', { size: 'u32', buffer: 'n64' });
export const addressSize = struct('struct xen_domctl_address_size', { size: 'u32' });
/** What a guest can be poked with (domctl.h, XEN_DOMCTL_SENDTRIGGER_*). */
export const SENDTRIGGERS = { NMI: 0, RESET: 1, INIT: 2, POWER: 3, SLEEP: 4 } as const;
export const sendtrigger = struct('struct xen_domctl_sendtrigger', { trigger: 'u32', vcpu: 'u32' });
export const setTarget = struct('struct xen_domctl_set_target', { target: 'u16' });
export const cpuPolicy = struct('struct xen_domctl_cpu_policy', {
  nr_leaves: 'u32',
  nr_msrs: 'u32',
  leaves: 'n64',
  msrs: 'n64',
  err_leaf: 'u32',
  err_subleaf: 'u32',
  err_msr: 'u32',
});
/** One answer of CPUID; `subleaf` all ones where the leaf has none (arch-x86/xen.h). */
export const cpuidLeaf = struct('xen_cpuid_leaf_t', {
  leaf: 'u32',
  subleaf: 'u32',
  a: 'u32',
  b: 'u32',
  c: 'u32',
  d: 'u32',
});
export const msrEntry = struct('xen_msr_entry_t', { idx: 'u32', flags: 'u32', val: 'u64' });
/** `size` in bytes. */
export const pagingMempool = struct('struct xen_domctl_paging_mempool', { size: 'n64' });

/** State bits of get_domain_state (domctl.h, XEN_DOMCTL_GETDOMSTATE_STATE_*; Xen 4.21). */
export const GETDOMSTATE = { EXIST: 1, SHUTDOWN: 2, DYING: 4, DEAD: 8 } as const;
/** In no header before Xen 4.21, where it became the first domctl whose layout is promised to stay. */
export const getDomainState = struct('struct xen_domctl_get_domain_state', {
  state: 'u16',
  caps: 'u16',
  pad0: 'u32',
  unique_id: 'u64',
});
