import { decode, encode } from '../../xen/abi/codec.ts';
import { bitmapOf, membersOf } from '../../xen/abi/common.ts';
import { DOMCTL_SCHEDOPS, schedCredit, SCHEDULERS, schedRtds, VCPUAFFINITY } from '../../xen/abi/domctl-structs.ts';
import { domctl, withBytes, withRoom } from './hypercalls-call.ts';
import type { Xen } from './version.ts';

// A domain's vcpus: where they run, how they are scheduled, their registers (domctl.h).

/** The CPUs that a vcpu may run on (hard), and those that it prefers (soft), by number. */
export interface Affinity {
  readonly hard: readonly number[];
  readonly soft: readonly number[];
}

/**
 * XEN_DOMCTL_setvcpuaffinity of one mask or both, with `force` also where Xen itself has narrowed the vcpu's; `cpus` is how
 * many CPU numbers the host has (max_cpu_id + 1).
 */
export function setVcpuAffinity(
  xen: Xen,
  domid: number,
  vcpu: number,
  masks: Partial<Affinity> & { readonly force?: boolean },
  cpus: number,
): void {
  withBytes(xen, bitmapOf(masks.hard ?? [], cpus), (hard) =>
    withBytes(xen, bitmapOf(masks.soft ?? [], cpus), (soft) =>
      domctl(xen, 'setvcpuaffinity', domid, {
        vcpu,
        flags:
          (masks.hard ? VCPUAFFINITY.HARD : 0) |
          (masks.soft ? VCPUAFFINITY.SOFT : 0) |
          (masks.force === true ? VCPUAFFINITY.FORCE : 0),
        cpumap_hard: { bitmap: hard.address, nr_bits: cpus },
        cpumap_soft: { bitmap: soft.address, nr_bits: cpus },
      }),
    ),
  );
}

/** XEN_DOMCTL_getvcpuaffinity. */
export function getVcpuAffinity(xen: Xen, domid: number, vcpu: number, cpus: number): Affinity {
  const bytes = Math.ceil(cpus / 8);
  return withRoom(xen, bytes, (hard) =>
    withRoom(xen, bytes, (soft) => {
      domctl(xen, 'getvcpuaffinity', domid, {
        vcpu,
        flags: VCPUAFFINITY.HARD | VCPUAFFINITY.SOFT,
        cpumap_hard: { bitmap: hard.address, nr_bits: cpus },
        cpumap_soft: { bitmap: soft.address, nr_bits: cpus },
      });
      return { hard: membersOf(hard.bytes), soft: membersOf(soft.bytes) };
    }),
  );
}

/** XEN_DOMCTL_setnodeaffinity: the NUMA nodes that the domain's memory should come from; `count` is max_node_id + 1. */
export function setNodeAffinity(xen: Xen, domid: number, nodes: readonly number[], count: number): void {
  withBytes(xen, bitmapOf(nodes, count), ({ address }) =>
    domctl(xen, 'setnodeaffinity', domid, { nodemap: { bitmap: address, nr_bits: count } }),
  );
}

export interface VcpuInfo {
  readonly online: boolean;
  readonly blocked: boolean;
  readonly running: boolean;
  readonly cpuTimeNs: bigint;
  /** The CPU it runs on, or ran on last. */
  readonly cpu: number;
}

/** XEN_DOMCTL_getvcpuinfo. ESRCH (`no-such-domain`) also where the domain has no such vcpu. */
export function getVcpuInfo(xen: Xen, domid: number, vcpu: number): VcpuInfo {
  const { values } = domctl(xen, 'getvcpuinfo', domid, { vcpu });
  return {
    online: values.online !== 0,
    blocked: values.blocked !== 0,
    running: values.running !== 0,
    cpuTimeNs: values.cpu_time,
    cpu: values.cpu,
  };
}

/** XEN_DOMCTL_setvcpucontext: a PV vcpu's registers, a struct vcpu_guest_context. */
export function setVcpuContext(xen: Xen, domid: number, vcpu: number, context: Uint8Array): void {
  withBytes(xen, context, ({ address }) => domctl(xen, 'setvcpucontext', domid, { vcpu, ctxt: address }));
}

/** XEN_DOMCTL_gethvmcontext: everything Xen emulates of a PVH or HVM guest, as records (hvm/save.h). */
export function getHvmContext(xen: Xen, domid: number): Uint8Array {
  const { size } = domctl(xen, 'gethvmcontext', domid, {}).values;
  return withRoom(xen, size, (buffer) => {
    const { values } = domctl(xen, 'gethvmcontext', domid, { size, buffer: buffer.address });
    return buffer.bytes.slice(0, values.size);
  });
}

/** XEN_DOMCTL_sethvmcontext: some of these records, header and end included. */
export function setHvmContext(xen: Xen, domid: number, context: Uint8Array): void {
  withBytes(xen, context, ({ address }) =>
    domctl(xen, 'sethvmcontext', domid, { size: context.length, buffer: address }),
  );
}

/** How much of the CPUs a domain gets: of credit and credit2 (cap in percent of one CPU, 0 for none), or of RTDS (µs). */
export type SchedulerParams =
  | { readonly scheduler: 'CREDIT' | 'CREDIT2'; readonly weight: number; readonly cap: number }
  | { readonly scheduler: 'RTDS'; readonly period: number; readonly budget: number; readonly extra: boolean };

/** XEN_DOMCTL_scheduler_op, putinfo: for all vcpus of the domain. EINVAL where its CPU pool has another scheduler. */
export function setSchedulerParams(xen: Xen, domid: number, params: SchedulerParams): void {
  const u =
    params.scheduler === 'RTDS'
      ? encode(schedRtds, { period: params.period, budget: params.budget, flags: Number(params.extra) })
      : encode(schedCredit, { weight: params.weight, cap: params.cap });
  domctl(xen, 'scheduler_op', domid, { sched_id: SCHEDULERS[params.scheduler], cmd: DOMCTL_SCHEDOPS.putinfo, u });
}

/** XEN_DOMCTL_scheduler_op, getinfo. */
export function getSchedulerParams(xen: Xen, domid: number, scheduler: SchedulerParams['scheduler']): SchedulerParams {
  const { u } = domctl(xen, 'scheduler_op', domid, {
    sched_id: SCHEDULERS[scheduler],
    cmd: DOMCTL_SCHEDOPS.getinfo,
  }).values;
  if (scheduler !== 'RTDS') return { scheduler, ...decode(schedCredit, u) };
  const { period, budget, flags } = decode(schedRtds, u);
  return { scheduler, period, budget, extra: flags !== 0 };
}
