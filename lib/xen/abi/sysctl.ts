import { decode, encode } from './codec.ts';
import { xenctlBitmap } from './common.ts';
import type { InterfaceVersion } from './domctl.ts';
import { array, bytes, sizeOf, struct, type Fields, type InputOf, type Layout, type StructValue } from './layout.ts';

/**
 * The versions of XEN_SYSCTL_INTERFACE_VERSION that are known here, oldest first. What is used of them is laid out the
 * same: 0x16 came with the removal of get_cpu_levelling_caps and changes to frequency scaling.
 */
export const SYSCTL_VERSIONS: readonly InterfaceVersion[] = [
  { version: 0x15, releases: 'Xen 4.17 to 4.20' },
  { version: 0x16, releases: 'Xen 4.21 and 4.22' },
];

/** Bits of physinfo's `capabilities` (sysctl.h, XEN_SYSCTL_PHYSCAP_*). */
export const PHYSCAP = {
  hvm: 1 << 0,
  pv: 1 << 1,
  directio: 1 << 2,
  hap: 1 << 3,
  shadow: 1 << 4,
  iommu_hap_pt_share: 1 << 5,
  vmtrace: 1 << 6,
  vpmu: 1 << 7,
  gnttab_v1: 1 << 8,
  gnttab_v2: 1 << 9,
} as const;

export const physinfo = struct('struct xen_sysctl_physinfo', {
  threads_per_core: 'u32',
  cores_per_socket: 'u32',
  nr_cpus: 'u32',
  max_cpu_id: 'u32',
  nr_nodes: 'u32',
  max_node_id: 'u32',
  cpu_khz: 'u32',
  capabilities: 'u32',
  arch_capabilities: 'u32',
  pad: 'u32',
  total_pages: 'n64',
  free_pages: 'n64',
  scrub_pages: 'n64',
  outstanding_pages: 'n64',
  max_mfn: 'n64',
  hw_cap: array('u32', 8),
});
export const readconsole = struct('struct xen_sysctl_readconsole', {
  clear: 'u8',
  incremental: 'u8',
  pad0: 'u8',
  pad1: 'u8',
  index: 'u32',
  buffer: 'n64',
  count: 'u32',
});
export const schedId = struct('struct xen_sysctl_sched_id', { sched_id: 'u32' });
/** `buffer` is of struct xen_domctl_getdomaininfo, of the domctl version that Xen speaks. */
export const getdomaininfolist = struct('struct xen_sysctl_getdomaininfolist', {
  first_domain: 'u16',
  max_domains: 'u32',
  buffer: 'n64',
  num_domains: 'u32',
});
export const debugKeys = struct('struct xen_sysctl_debug_keys', { keys: 'n64', nr_keys: 'u32' });
/** Null for `cputopo` asks for the number. */
export const cputopoinfo = struct('struct xen_sysctl_cputopoinfo', { num_cpus: 'u32', cputopo: 'n64' });
/** All ones where the CPU is absent. */
export const cputopo = struct('struct xen_sysctl_cputopo', { core: 'u32', socket: 'u32', node: 'u32' });
/** Nulls for both lists ask for the number. */
export const numainfo = struct('struct xen_sysctl_numainfo', { num_nodes: 'u32', meminfo: 'n64', distance: 'n64' });
/** Bytes; all ones where the node is absent. */
export const meminfo = struct('struct xen_sysctl_meminfo', { memsize: 'u64', memfree: 'u64' });
/** `devs` is of struct physdev_pci_device, `nodes` of u32: all ones or one less where Xen knows nothing of a device. */
export const pcitopoinfo = struct('struct xen_sysctl_pcitopoinfo', { num_devs: 'u32', devs: 'n64', nodes: 'n64' });
export const pciDevice = struct('struct physdev_pci_device', { seg: 'u16', bus: 'u8', devfn: 'u8' });
/** What is asked of a CPU pool (sysctl.h, XEN_SYSCTL_CPUPOOL_OP_*). */
export const CPUPOOL_OPS = { CREATE: 1, DESTROY: 2, INFO: 3, ADDCPU: 4, RMCPU: 5, MOVEDOMAIN: 6, FREEINFO: 7 } as const;
export const cpupoolOp = struct('struct xen_sysctl_cpupool_op', {
  op: 'u32',
  cpupool_id: 'u32',
  sched_id: 'u32',
  domid: 'u32',
  cpu: 'u32',
  n_dom: 'u32',
  cpumap: xenctlBitmap,
});
/** The policies that Xen offers for guests to start from (sysctl.h, XEN_SYSCTL_cpu_policy_*). */
export const CPU_POLICIES = { raw: 0, host: 1, pv_max: 2, hvm_max: 3, pv_default: 4, hvm_default: 5 } as const;
/** Nulls for both lists ask for the numbers. */
export const sysctlCpuPolicy = struct('struct xen_sysctl_cpu_policy', {
  index: 'u32',
  nr_leaves: 'u32',
  nr_msrs: 'u32',
  _rsvd: 'u32',
  leaves: 'n64',
  msrs: 'n64',
});

const op = <F extends Fields>(cmd: number, layout: Layout<F>) => ({ cmd, layout });

/** The sysctls of a toolstack: number and argument (sysctl.h, XEN_SYSCTL_*). */
export const SYSCTLS = {
  readconsole: op(1, readconsole),
  physinfo: op(3, physinfo),
  sched_id: op(4, schedId),
  getdomaininfolist: op(6, getdomaininfolist),
  debug_keys: op(7, debugKeys),
  cputopoinfo: op(16, cputopoinfo),
  numainfo: op(17, numainfo),
  cpupool_op: op(18, cpupoolOp),
  pcitopoinfo: op(22, pcitopoinfo),
  get_cpu_policy: op(29, sysctlCpuPolicy),
} as const;
export type SysctlName = keyof typeof SYSCTLS;
export type SysctlInput<N extends SysctlName> = InputOf<(typeof SYSCTLS)[N]['layout']>;
export type SysctlValue<N extends SysctlName> =
  (typeof SYSCTLS)[N]['layout'] extends Layout<infer F> ? StructValue<F> : never;

/** The envelope; the argument is in a union of 128 bytes. */
export const sysctl = struct('struct xen_sysctl', { cmd: 'u32', interface_version: 'u32', 'u.pad': bytes(128) });
const ARGUMENT = sizeOf(sysctl) - 128;

/** A whole struct xen_sysctl. */
export function encodeSysctl<N extends SysctlName>(name: N, values: SysctlInput<N>, version: number): Uint8Array {
  const { cmd, layout }: { cmd: number; layout: Layout } = SYSCTLS[name];
  return encode(sysctl, { cmd, interface_version: version, 'u.pad': encode(layout, values, version) });
}

/** What Xen left in the struct. */
export function decodeSysctl<N extends SysctlName>(name: N, answer: Uint8Array, version: number): SysctlValue<N> {
  const layout: Layout = SYSCTLS[name].layout;
  return decode(layout, answer.subarray(ARGUMENT), version) as SysctlValue<N>;
}
