import { XlError, type Evidence } from '../../base/error.ts';
import { decodeAll, encodeAll } from '../../xen/abi/codec.ts';
import { cpuidLeaf, msrEntry } from '../../xen/abi/domctl-structs.ts';
import { decodeDomctl, encodeDomctl, type DomctlValue } from '../../xen/abi/domctl.ts';
import { sizeOf, type StructValue } from '../../xen/abi/layout.ts';
import { CPU_POLICIES } from '../../xen/abi/sysctl.ts';
import type { HypercallBuffer } from './hypercall-arena.ts';
import { domctl, sysctl, withRoom } from './hypercalls-call.ts';
import type { Xen } from './version.ts';

// The CPU that a guest sees (domctl.h, sysctl.h: cpu_policy).

/** What CPUID and RDMSR answer a guest. */
export interface CpuPolicy {
  readonly leaves: readonly StructValue<typeof cpuidLeaf.fields>[];
  readonly msrs: readonly StructValue<typeof msrEntry.fields>[];
}

/** How many leaves and MSRs a policy of this Xen can have: XEN_SYSCTL_get_cpu_policy without buffers. */
function policySize(xen: Xen): { readonly leaves: number; readonly msrs: number } {
  const { nr_leaves: leaves, nr_msrs: msrs } = sysctl(xen, 'get_cpu_policy', { index: CPU_POLICIES.host });
  return { leaves, msrs };
}

/** XEN_SYSCTL_get_cpu_policy: what this Xen offers guests, or what it has found or can at most give. */
export function offeredCpuPolicy(xen: Xen, which: keyof typeof CPU_POLICIES): CpuPolicy {
  const size = policySize(xen);
  return withLists(xen, size, (leaves, msrs) =>
    sysctl(xen, 'get_cpu_policy', {
      index: CPU_POLICIES[which],
      nr_leaves: size.leaves,
      nr_msrs: size.msrs,
      leaves: leaves.address,
      msrs: msrs.address,
    }),
  );
}

/** XEN_DOMCTL_get_cpu_policy: the policy that the domain has. */
export function getCpuPolicy(xen: Xen, domid: number): CpuPolicy {
  const size = policySize(xen);
  return withLists(
    xen,
    size,
    (leaves, msrs) =>
      domctl(xen, 'get_cpu_policy', domid, {
        nr_leaves: size.leaves,
        nr_msrs: size.msrs,
        leaves: leaves.address,
        msrs: msrs.address,
      }).values,
  );
}

/** Reads a policy into lists of this size; the call says how much of them is used. */
function withLists(
  xen: Xen,
  size: { readonly leaves: number; readonly msrs: number },
  call: (leaves: HypercallBuffer, msrs: HypercallBuffer) => { readonly nr_leaves: number; readonly nr_msrs: number },
): CpuPolicy {
  return withRoom(xen, size.leaves * sizeOf(cpuidLeaf), (leaves) =>
    withRoom(xen, size.msrs * sizeOf(msrEntry), (msrs) => {
      const used = call(leaves, msrs);
      return {
        leaves: decodeAll(cpuidLeaf, leaves.bytes, used.nr_leaves),
        msrs: decodeAll(msrEntry, msrs.bytes, used.nr_msrs),
      };
    }),
  );
}

/** XEN_DOMCTL_set_cpu_policy, before the domain first runs. Errors: `cpu-policy-refused`, with the leaf or MSR if Xen names it. */
export function setCpuPolicy({ privcmd, domctl: version }: Xen, domid: number, policy: CpuPolicy): void {
  const { arena } = privcmd;
  arena.scoped(() => {
    const values = {
      ...{ err_leaf: UNNAMED, err_subleaf: UNNAMED, err_msr: UNNAMED },
      nr_leaves: policy.leaves.length,
      nr_msrs: policy.msrs.length,
      leaves: arena.place(encodeAll(cpuidLeaf, policy.leaves)).address,
      msrs: arena.place(encodeAll(msrEntry, policy.msrs)).address,
    };
    const argument = arena.place(encodeDomctl('set_cpu_policy', domid, values, version));
    try {
      privcmd.hypercall('domctl', [argument.address], `domctl set_cpu_policy of domain ${domid}`);
    } catch (cause) {
      const evidence = refusedEntry(decodeDomctl('set_cpu_policy', argument.bytes, version).values);
      throw new XlError('cpu-policy-refused', `Xen refused the CPU policy of domain ${domid}`, { cause, evidence });
    }
  });
}

/** What Xen leaves in place of an entry that it does not name. */
const UNNAMED = 0xffff_ffff;

/** Which entry Xen does not like: it says so in the argument of the call that it refuses, and only in some cases. */
function refusedEntry({
  err_leaf: leaf,
  err_subleaf: subleaf,
  err_msr: msr,
}: DomctlValue<'set_cpu_policy'>): Evidence[] {
  const hex = (number: number) => `0x${number.toString(16)}`;
  const inSubleaf = subleaf === UNNAMED ? '' : `, subleaf ${hex(subleaf)}`;
  if (leaf !== UNNAMED)
    return [{ title: 'the entry that Xen refuses', lines: [`CPUID leaf ${hex(leaf)}${inSubleaf}`] }];
  return msr === UNNAMED ? [] : [{ title: 'the entry that Xen refuses', lines: [`MSR ${hex(msr)}`] }];
}
