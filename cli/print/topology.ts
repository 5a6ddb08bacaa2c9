import type { XenTopology } from '../../lib/host/xen/info.ts';
import { padStart } from './text.ts';

const MIB = 2n ** 20n;

/** `xl info -n`: the lines of `xl info` with the host's layout between what concerns the machine and what concerns Xen. */
export function withTopology(lines: readonly string[], topology: XenTopology): string[] {
  const at = lines.findIndex((line) => line.startsWith('xen_major')) >>> 0;
  return [...lines.slice(0, at), ...topologyLines(topology), ...lines.slice(at)];
}

/** Byte for byte as xl prints them (xl_info.c: output_topologyinfo, output_numainfo); memory is in MiB. */
function topologyLines({ cpus, devices, nodes }: XenTopology): string[] {
  const column = (value: number | bigint, width: number): string => padStart(String(value), width);
  return [
    'cpu_topology           :',
    'cpu:    core    socket     node',
    ...cpus.map(
      ({ cpu, core, socket, node }) =>
        `${column(cpu, 3)}:    ${column(core, 4)}     ${column(socket, 4)}     ${column(node, 4)}`,
    ),
    'device topology        :',
    'device           node',
    ...(devices.length === 0
      ? ['No device topology data available']
      : devices.map((device) => `${pciName(device)}      ${device.node}`)),
    'numa_info              :',
    'node:    memsize    memfree    distances',
    ...nodes.map(
      ({ node, size, free, distances }) =>
        `${column(node, 4)}:    ${column(size / MIB, 6)}     ${column(free / MIB, 6)}      ${distances.join(',')}`,
    ),
  ];
}

/** The same for programs; memory is in MiB. */
export const topologyData = ({ cpus, devices, nodes }: XenTopology) => ({
  cpus,
  devices: devices.map((device) => ({ device: pciName(device), node: device.node })),
  nodes: nodes.map(({ node, size, free, distances }) => ({
    node,
    memoryMiB: Number(size / MIB),
    freeMiB: Number(free / MIB),
    distances,
  })),
});

function pciName(device: XenTopology['devices'][number]): string {
  const hex = (value: number, width: number): string => value.toString(16).padStart(width, '0');
  return `${hex(device.segment, 4)}:${hex(device.bus, 2)}:${hex(device.slot, 2)}.${hex(device.function, 2)}`;
}
