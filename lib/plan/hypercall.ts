import type { Text } from '../base/text.ts';

/**
 * What a plan asks of the hypervisor, in Xen's words but not yet in its structs: lib/xen/abi encodes these for the real
 * one, the embedded host's daemon and the in-memory host answer them as they are. `domid` is text because it is a hole
 * until `createdomain` has answered.
 */
export type Hypercall =
  | CreateDomain
  /** With `uuid` only a domain that has it: by now the number may be another's. One that is gone is fine. */
  | { readonly op: 'destroydomain'; readonly domid: Text; readonly uuid?: string }
  /** Ends what a killed creation had made and not noted yet: every domain of this uuid that has no memory. */
  | { readonly op: 'destroy_unbuilt'; readonly uuid: string }
  /** Result: `uuid`, `dying` (0 or 1) and `shutdown` (SHUTDOWN_* of sched.h, empty while it is up); nothing where there is no such domain. */
  | { readonly op: 'getdomaininfo'; readonly domid: Text }
  | { readonly op: 'max_vcpus'; readonly domid: Text; readonly max: number }
  | { readonly op: 'max_mem'; readonly domid: Text; readonly maxKiB: number }
  /** For guests whose memory is populated on demand; others do not heed it. */
  | { readonly op: 'set_pod_target'; readonly domid: Text; readonly targetKiB: number }
  /** Result: `port`. `remoteDomid` is the end that may bind it. */
  | {
      readonly op: 'evtchn_alloc_unbound';
      readonly domid: Text;
      readonly remoteDomid: number;
      readonly purpose: 'xenstore' | 'console';
    }
  | BuildDomain
  /** Gives a domain another uuid. */
  | { readonly op: 'setdomainhandle'; readonly domid: Text; readonly uuid: string }
  | { readonly op: 'pausedomain'; readonly domid: Text }
  | { readonly op: 'unpausedomain'; readonly domid: Text }
  /** Null leaves a mask as it is; `force` is for a vcpu whose mask Xen itself has narrowed. */
  | {
      readonly op: 'setvcpuaffinity';
      readonly domid: Text;
      readonly vcpu: number;
      readonly hard: readonly number[] | null;
      readonly soft: readonly number[] | null;
      readonly force: boolean;
    }
  /** Presses a button of an emulated machine. */
  | { readonly op: 'sendtrigger'; readonly domid: Text; readonly trigger: 'POWER' };

/** XEN_DOMCTL_createdomain; result: `domid`. */
export interface CreateDomain {
  readonly op: 'createdomain';
  readonly type: 'pv' | 'pvh' | 'hvm';
  readonly uuid: string;
  readonly name: string;
  readonly maxVcpus: number;
  readonly maxEvtchnPort: number;
  readonly flags: readonly ('hvm' | 'hap' | 'nested_virt' | 'oos_off' | 'vpmu' | 'iommu')[];
  readonly emulationFlags: 'all-but-vpci' | 'lapic' | 'none';
}

/** Fills the guest's memory and sets its first vcpu's registers; result: `store-gfn`, `console-gfn`. */
export interface BuildDomain {
  readonly op: 'build';
  readonly domid: Text;
  readonly type: 'pv' | 'pvh' | 'hvm';
  readonly targetKiB: number;
  readonly maxKiB: number;
  readonly videoKiB: number;
  readonly vcpus: number;
  /** How many of them, from 0 on, are there at the start. */
  readonly onlineVcpus: number;
  /** Xen's own memory for the guest's second-level page tables; 0 for PV. */
  readonly pagingKiB: number;
  /** Whether an HVM guest has an APIC. */
  readonly apic: boolean;
  /** Whether an HVM guest may use PAE, and any guest run virtual machines: its CPUID says so. */
  readonly pae: boolean;
  readonly nested: boolean;
  /** The kernel (PV, PVH) or hvmloader (HVM); null where QEMU's own firmware boots the guest (embedded host). */
  readonly image: string | null;
  readonly ramdisk: string | null;
  readonly cmdline: string | null;
  readonly firmware: string | null;
  /** The event channels that the guest is told of. */
  readonly storePort: Text;
  readonly consolePort: Text;
}

/** Fields of an answer, as the texts that go into holes: `domid`, `port`, `store-gfn`, `console-gfn`. */
export type HypercallResult = Readonly<Record<string, string>>;
