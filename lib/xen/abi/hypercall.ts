/** Numbers of the hypercalls that a toolstack makes (xen/include/public/xen.h, `__HYPERVISOR_*`). */
export const HYPERCALLS = {
  memory_op: 12,
  xen_version: 17,
  mmuext_op: 26,
  event_channel_op: 32,
  hvm_op: 34,
  sysctl: 35,
  domctl: 36,
} as const;
export type HypercallName = keyof typeof HYPERCALLS;

/** Domain numbers that are no domains (xen/include/public/xen.h). */
export const DOMIDS = {
  FIRST_RESERVED: 0x7ff0,
  SELF: 0x7ff0,
  XEN: 0x7ff2,
  INVALID: 0x7ff4,
  /** No particular number. Named since Xen 4.22; the ones before take every reserved number for it. */
  ANY: 0x7ff5,
} as const;

/** Bytes of a page; a frame number times it is an address. */
export const PAGE_SIZE = 4096;
