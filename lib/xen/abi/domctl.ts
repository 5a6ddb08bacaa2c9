import { decode, encode } from './codec.ts';
import * as structs from './domctl-structs.ts';
import { bytes, nothing, sizeOf, struct, type Fields, type InputOf, type Layout, type StructValue } from './layout.ts';

/** The versions of XEN_DOMCTL_INTERFACE_VERSION that are known here, oldest first, and the Xens that speak them. */
export const DOMCTL_VERSIONS: readonly InterfaceVersion[] = [
  { version: 0x15, releases: 'Xen 4.17' },
  { version: 0x16, releases: 'Xen 4.18' },
  { version: 0x17, releases: 'Xen 4.19 to 4.21' },
  { version: 0x18, releases: 'Xen 4.22' },
];
/** A version of domctl or sysctl, and the releases of Xen that understand it and no other. */
export interface InterfaceVersion {
  readonly version: number;
  readonly releases: string;
}

const op = <F extends Fields>(cmd: number, layout: Layout<F>) => ({ cmd, layout });

/** The domctls of a toolstack: number and argument (domctl.h, XEN_DOMCTL_*). */
export const DOMCTLS = {
  createdomain: op(1, structs.createdomain),
  destroydomain: op(2, nothing),
  pausedomain: op(3, nothing),
  unpausedomain: op(4, nothing),
  getdomaininfo: op(5, structs.getdomaininfo),
  setvcpuaffinity: op(9, structs.vcpuaffinity),
  max_mem: op(11, structs.maxMem),
  setvcpucontext: op(12, structs.vcpucontext),
  getvcpuinfo: op(14, structs.getvcpuinfo),
  max_vcpus: op(15, structs.maxVcpus),
  scheduler_op: op(16, structs.schedulerOp),
  setdomainhandle: op(17, structs.setdomainhandle),
  irq_permission: op(19, structs.irqPermission),
  iomem_permission: op(20, structs.iomemPermission),
  ioport_permission: op(21, structs.ioportPermission),
  hypercall_init: op(22, structs.hypercallInit),
  settimeoffset: op(24, structs.settimeoffset),
  getvcpuaffinity: op(25, structs.vcpuaffinity),
  resumedomain: op(27, nothing),
  sendtrigger: op(28, structs.sendtrigger),
  gethvmcontext: op(33, structs.hvmcontext),
  sethvmcontext: op(34, structs.hvmcontext),
  set_address_size: op(35, structs.addressSize),
  get_address_size: op(36, structs.addressSize),
  memory_mapping: op(39, structs.memoryMapping),
  set_target: op(46, structs.setTarget),
  gettscinfo: op(59, structs.tscInfo),
  settscinfo: op(60, structs.tscInfo),
  setnodeaffinity: op(68, structs.nodeaffinity),
  getnodeaffinity: op(69, structs.nodeaffinity),
  get_cpu_policy: op(82, structs.cpuPolicy),
  set_cpu_policy: op(83, structs.cpuPolicy),
  get_paging_mempool_size: op(85, structs.pagingMempool),
  set_paging_mempool_size: op(86, structs.pagingMempool),
  get_domain_state: op(90, structs.getDomainState),
} as const;
export type DomctlName = keyof typeof DOMCTLS;
export type DomctlInput<N extends DomctlName> = InputOf<(typeof DOMCTLS)[N]['layout']>;
export type DomctlValue<N extends DomctlName> =
  (typeof DOMCTLS)[N]['layout'] extends Layout<infer F> ? StructValue<F> : never;

/** Those whose layout is promised to stay: they carry no version. */
const STABLE: readonly DomctlName[] = ['get_domain_state'];

/** The envelope; the argument follows it, in a union of 128 bytes. */
export const domctl = struct('struct xen_domctl', {
  cmd: 'u32',
  interface_version: 'u32',
  domain: 'u16',
  _pad: bytes(6),
  'u.pad': bytes(128),
});
const ARGUMENT = sizeOf(domctl) - 128;

/** A whole struct xen_domctl. */
export function encodeDomctl<N extends DomctlName>(
  name: N,
  domain: number,
  values: DomctlInput<N>,
  version: number,
): Uint8Array {
  const { cmd, layout }: { cmd: number; layout: Layout } = DOMCTLS[name];
  return encode(domctl, {
    cmd,
    interface_version: STABLE.includes(name) ? 0 : version,
    domain,
    'u.pad': encode(layout, values, version),
  });
}

/** What Xen left in the struct: the argument's values, and the domain, which some commands set. */
export function decodeDomctl<N extends DomctlName>(
  name: N,
  answer: Uint8Array,
  version: number,
): { readonly domain: number; readonly values: DomctlValue<N> } {
  const layout: Layout = DOMCTLS[name].layout;
  const values = decode(layout, answer.subarray(ARGUMENT), version);
  return { domain: decode(domctl, answer).domain, values: values as DomctlValue<N> };
}
