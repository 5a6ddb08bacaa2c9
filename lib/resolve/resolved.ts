import type { Diagnostic, Where } from '../base/error.ts';
import type { HostFacts } from '../base/facts.ts';
import type { DomainConfig } from '../config/domain.ts';
import type { Vbd } from '../device/vbd.ts';
import type { VifDevice } from '../device/vif.ts';
import type { Vfb } from '../device/framebuffer.ts';
import type { BackendDecision } from '../disk/decision.ts';
import type { Text } from '../base/text.ts';
import type { DeviceModel } from '../qemu/device-model.ts';

/** A domain with every choice made, and the reasons: the last stop before the plan. */
export interface Resolved {
  readonly config: DomainConfig;
  readonly facts: HostFacts;
  readonly name: string;
  readonly uuid: string;
  readonly type: 'pv' | 'pvh' | 'hvm';
  readonly memory: {
    readonly targetKiB: number;
    readonly maxKiB: number;
    readonly videoKiB: number;
    /** What Xen itself needs for the guest's second-level page tables; 0 for PV. */
    readonly pagingKiB: number;
  };
  readonly vcpus: { readonly online: number; readonly max: number };
  readonly maxEvtchnPort: number;
  readonly driverDomain: boolean;
  readonly kernel: string | null;
  readonly ramdisk: string | null;
  readonly cmdline: string | null;
  /** hvmloader, or what the user put in its place; null where QEMU's own firmware boots the guest. */
  readonly firmware: string | null;
  readonly bios: 'seabios' | 'ovmf' | null;
  readonly disks: readonly ResolvedDisk[];
  readonly vifs: readonly VifDevice[];
  readonly vfbs: readonly Vfb[];
  /** How many PV keyboards: one for each framebuffer, one for an HVM guest. */
  readonly keyboards: number;
  /** The QEMU that the domain needs, or null. */
  readonly deviceModel: ResolvedDeviceModel | null;
  /** Warnings and notes of the resolution. */
  readonly diagnostics: readonly Diagnostic[];
}

export interface ResolvedDeviceModel {
  readonly options: DeviceModel;
  readonly argv: readonly Text[];
  readonly env: Readonly<Record<string, Text>>;
  /** Which need of the domain's made it so. */
  readonly why: string;
}

export interface ResolvedDisk {
  readonly vbd: Vbd;
  readonly decision: BackendDecision;
  /** The specification as the user wrote it, and where. */
  readonly spec: string;
  readonly where: Where;
}

/** What chance and the moment bring in: drawn once by the caller, so that the same input gives the same plan. */
export interface Choices {
  /** For a domain without `uuid=`. */
  readonly uuid: string;
  /** The last three bytes of the MAC of the n-th interface without `mac=`. */
  readonly mac: (index: number) => readonly [number, number, number];
}
