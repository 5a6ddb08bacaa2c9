import { bytes, struct } from './layout.ts';

/** What is asked about Xen itself (version.h, XENVER_*); most answers are texts that end with a zero byte. */
export const XENVER = {
  version: 0,
  extraversion: 1,
  compile_info: 2,
  capabilities: 3,
  changeset: 4,
  platform_parameters: 5,
  pagesize: 7,
  commandline: 9,
  build_id: 10,
} as const;
export const compileInfo = struct('struct xen_compile_info', {
  compiler: bytes(64),
  compile_by: bytes(16),
  compile_domain: bytes(32),
  compile_date: bytes(32),
});

/** What is asked about event channels (event_channel.h, EVTCHNOP_*). */
export const EVTCHNOPS = { close: 3, status: 5, alloc_unbound: 6, reset: 10 } as const;
export const evtchnAllocUnbound = struct('struct evtchn_alloc_unbound', { dom: 'u16', remote_dom: 'u16', port: 'u32' });

/** Page tables' pinning (xen.h, MMUEXT_*). */
export const MMUEXT = {
  PIN_L1_TABLE: 0,
  PIN_L2_TABLE: 1,
  PIN_L3_TABLE: 2,
  PIN_L4_TABLE: 3,
  UNPIN_TABLE: 4,
} as const;
/** The members of its two unions that pinning uses. */
export const mmuextOp = struct('struct mmuext_op', { cmd: 'u32', 'arg1.mfn': 'n64', 'arg2.src_mfn': 'n64' });

/** What is asked about HVM guests (hvm/hvm_op.h, HVMOP_*). */
export const HVMOPS = { set_param: 0, get_param: 1 } as const;
export const hvmParam = struct('struct xen_hvm_param', { domid: 'u16', pad: 'u16', index: 'u32', value: 'u64' });

/** Settings of an HVM or PVH guest by their number (hvm/params.h, HVM_PARAM_*). */
export const HVM_PARAMS = {
  CALLBACK_IRQ: 0,
  STORE_PFN: 1,
  STORE_EVTCHN: 2,
  IOREQ_PFN: 5,
  BUFIOREQ_PFN: 6,
  VIRIDIAN: 9,
  TIMER_MODE: 10,
  HPET_ENABLED: 11,
  IDENT_PT: 12,
  ACPI_S_STATE: 14,
  VM86_TSS: 15,
  VPT_ALIGN: 16,
  CONSOLE_PFN: 17,
  CONSOLE_EVTCHN: 18,
  ACPI_IOPORTS_LOCATION: 19,
  PAGING_RING_PFN: 27,
  MONITOR_RING_PFN: 28,
  SHARING_RING_PFN: 29,
  TRIPLE_FAULT_REASON: 31,
  IOREQ_SERVER_PFN: 32,
  NR_IOREQ_SERVER_PAGES: 33,
  VM_GENERATION_ID_ADDR: 34,
  ALTP2M: 35,
  X87_FIP_WIDTH: 36,
  VM86_TSS_SIZED: 37,
  MCA_CAP: 38,
} as const;
export type HvmParam = keyof typeof HVM_PARAMS;
