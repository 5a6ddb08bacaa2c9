import {
  defaultScheduler,
  freeCpus,
  physinfo,
  sharedMemory,
  xenVersion,
  type PhysInfo,
  type SharedMemory,
  type XenVersion,
} from './hypercalls.ts';
import type { Xen } from './version.ts';

/** What `xl info` asks of the hypervisor. */
export interface XenInfo {
  readonly version: XenVersion;
  readonly physical: PhysInfo;
  readonly shared: SharedMemory;
  /** How many CPUs are in no pool. */
  readonly freeCpus: number;
  /** As libxl spells it, `credit2`; null for one that is unknown here. */
  readonly scheduler: string | null;
}

/** Asks the hypervisor about itself and the host. */
export const readXenInfo = (xen: Xen): XenInfo => ({
  version: xenVersion(xen),
  physical: physinfo(xen),
  shared: sharedMemory(xen),
  freeCpus: freeCpus(xen).length,
  scheduler: defaultScheduler(xen)?.toLowerCase() ?? null,
});
