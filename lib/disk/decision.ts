import type { Diagnostic } from '../base/error.ts';
import type { Text } from '../base/text.ts';
import type { DiskBackend, DiskFormat } from './disk.ts';

/**
 * What was decided for a disk, and why. Beside the choice stand all alternatives with the reason for which each was
 * refused, in libxl's order of trying, so that nobody has to read a debug log to learn why it is not the other one.
 */
export interface BackendDecision {
  /**
   * Null where nothing fits; then `error` says why. A choice beside an `error` is what libxl would go on with, although
   * the disk will not work.
   */
  readonly chosen: DiskBackend | null;
  /** The directory below `backend/` in xenstore; null where nothing fits. */
  readonly deviceClass: DeviceClass | null;
  /** Why this one, as a sentence without its full stop. */
  readonly reason: string;
  readonly alternatives: readonly Alternative[];
  /** The target; null where there is none (an empty drive). */
  readonly pdevPath: string | null;
  /** An empty file that stands for an empty drive's medium: the plan makes it, mode 0400, and it is the target then. */
  readonly emptyCdromFile: Text | null;
  readonly format: DiskFormat;
  readonly backendDomid: number;
  /** The hotplug script's name as the user gave it, or the backend's own (`block`, `block-tap`); null where none runs. */
  readonly script: string | null;
  readonly discardEnable: boolean;
  readonly trusted: boolean;
  readonly coloEnable: boolean;
  readonly specification: 'xen' | 'virtio';
  readonly transport: 'unknown' | 'mmio';
  /** Only virtio disks have it; null for the others. */
  readonly grantUsage: boolean | null;
  /** All there is to remark, further errors than the first too. */
  readonly warnings: readonly Diagnostic[];
  readonly error: Diagnostic | null;
}

/** Kinds of backend by their directory in xenstore. `tap` and `tap2` were xend's (blktap 1 and 2) and have no driver today. */
export type DeviceClass = 'vbd' | 'vbd3' | 'qdisk' | 'virtio_disk' | 'tap' | 'tap2';

export interface Alternative {
  /** Null for a class of xend's that no backend of libxl's stands for. */
  readonly backend: DiskBackend | null;
  readonly deviceClass: DeviceClass;
  /** `possible`: it would serve this disk too, but another was asked for or comes first. */
  readonly verdict: 'chosen' | 'possible' | 'refused';
  /** libxl's own words where it has some (its debug log). */
  readonly reason: string;
  readonly rule: AlternativeRule;
}

/** The rule that decided, for scripts and tests. */
export type AlternativeRule =
  | 'specification'
  | 'colo'
  | 'format'
  | 'script'
  | 'empty-cdrom'
  | 'driver-domain'
  | 'physical-path'
  | 'cdrom-hvm'
  | 'version'
  | 'tools'
  | 'legacy-class'
  | 'impossible'
  | 'fits';

/** The directory below `backend/` of each backend. */
export const DEVICE_CLASSES = {
  phy: 'vbd',
  tap: 'vbd3',
  qdisk: 'qdisk',
  standalone: 'virtio_disk',
} as const satisfies Record<DiskBackend, DeviceClass>;

/** What a decision depends on beside the disk and the host. */
export interface DecisionContext {
  readonly domainType: 'pv' | 'pvh' | 'hvm';
  /** The disk is added to a running domain (block-attach). */
  readonly hotplug: boolean;
  /** The domain that serves the disk; 0 is ours. Resolved from `backendDomname` by the caller. */
  readonly backendDomid: number;
  /** The domain's number: part of the empty-cdrom file's name. */
  readonly domid: Text;
}
