import { readdir } from 'node:fs/promises';
import {
  cpuTopology,
  defaultScheduler,
  freeCpus,
  numaNodes,
  pciNodes,
  physinfo,
  sharedMemory,
  xenVersion,
  type CpuPlace,
  type NumaNode,
  type PciAddress,
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

/** Which CPUs, devices and memory of the host are near to each other. */
export interface XenTopology {
  readonly cpus: readonly CpuPlace[];
  readonly devices: readonly (PciAddress & { readonly node: number })[];
  readonly nodes: readonly NumaNode[];
}

/** Where Linux lists PCI devices (Documentation/ABI/testing/sysfs-bus-pci). */
const PCI_DEVICES = '/sys/bus/pci/devices';

/** Asks the hypervisor how the host is laid out. Devices of which it knows no node are left out. */
export async function readXenTopology(xen: Xen): Promise<XenTopology> {
  const addresses = (await readdir(PCI_DEVICES).catch(() => [])).sort().flatMap(pciAddress);
  const nodes = pciNodes(xen, addresses);
  return {
    cpus: cpuTopology(xen),
    devices: addresses.flatMap((address, at) => {
      const node = nodes[at] ?? null;
      return node === null ? [] : [{ ...address, node }];
    }),
    nodes: numaNodes(xen),
  };
}

/** `0000:00:1f.2`; nothing for a name that is no address (VMD's segments have five digits). */
function pciAddress(name: string): PciAddress[] {
  const match = /^([0-9a-f]{4}):([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])$/.exec(name);
  if (match === null) return [];
  const [segment, bus, slot, fn] = match.slice(1).map((digits) => Number.parseInt(digits, 16));
  return [{ segment: segment!, bus: bus!, slot: slot!, function: fn! }];
}
