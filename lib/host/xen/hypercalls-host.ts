import { decode, decodeAll, encodeAll } from '../../xen/abi/codec.ts';
import { membersOf } from '../../xen/abi/common.ts';
import { SCHEDULERS } from '../../xen/abi/domctl-structs.ts';
import { sizeOf } from '../../xen/abi/layout.ts';
import { compileInfo, XENVER } from '../../xen/abi/stable.ts';
import { CPUPOOL_OPS, cputopo, meminfo, pciDevice, PHYSCAP } from '../../xen/abi/sysctl.ts';
import { errnoNameOf } from '../../sys/sys.ts';
import { sysctl, withBytes, withRoom } from './hypercalls-call.ts';
import type { Xen } from './version.ts';

// The host as Xen sees it (xen/include/public/version.h, sysctl.h).

export interface XenVersion {
  readonly major: number;
  readonly minor: number;
  /** `.7`, `-unstable`. */
  readonly extra: string;
  /** `xen-3.0-x86_64 hvm-3.0-x86_64 `: the kinds of guests, with the blank that Xen puts after each. */
  readonly capabilities: string;
  readonly changeset: string;
  readonly commandline: string;
  readonly compiler: string;
  readonly compiledBy: string;
  readonly compileDomain: string;
  readonly compileDate: string;
  /** Bytes. */
  readonly pageSize: number;
  /** Where Xen begins in a PV guest's addresses. */
  readonly virtStart: bigint;
  /** In hexadecimal digits; empty where Xen was linked without one. */
  readonly buildId: string;
}

/** What xen_version tells. */
export function xenVersion(xen: Xen): XenVersion {
  const number = xen.privcmd.hypercall('xen_version', [XENVER.version], 'xen_version');
  const built = decode(compileInfo, xenverBytes(xen, 'compile_info', sizeOf(compileInfo)));
  return {
    major: number >> 16,
    minor: number & 0xffff,
    extra: textOf(xenverBytes(xen, 'extraversion', 16)),
    capabilities: textOf(xenverBytes(xen, 'capabilities', 1024)),
    changeset: textOf(xenverBytes(xen, 'changeset', 64)),
    commandline: textOf(xenverBytes(xen, 'commandline', 1024)),
    compiler: textOf(built.compiler),
    compiledBy: textOf(built.compile_by),
    compileDomain: textOf(built.compile_domain),
    compileDate: textOf(built.compile_date),
    pageSize: xen.privcmd.hypercall('xen_version', [XENVER.pagesize], 'xen_version pagesize'),
    virtStart: Buffer.from(xenverBytes(xen, 'platform_parameters', 8)).readBigUInt64LE(),
    buildId: readBuildId(xen),
  };
}

/** struct xen_build_id: how many bytes may follow, then those bytes; the result says how many did. ENODATA: there is none. */
function readBuildId(xen: Xen): string {
  const room = Buffer.alloc(LENGTH_BYTES + MOST_BUILD_ID_BYTES);
  room.writeUInt32LE(MOST_BUILD_ID_BYTES);
  return withBytes(xen, room, ({ address, bytes }) => {
    try {
      const length = xen.privcmd.hypercall('xen_version', [XENVER.build_id, address], 'xen_version build_id');
      return Buffer.from(bytes.subarray(LENGTH_BYTES, LENGTH_BYTES + length)).toString('hex');
    } catch (error) {
      if (errnoNameOf(error) === 'ENODATA') return '';
      throw error;
    }
  });
}

const LENGTH_BYTES = 4;
/** A linker's build id has 20 bytes. */
const MOST_BUILD_ID_BYTES = 64;

function xenverBytes(xen: Xen, name: keyof typeof XENVER, size: number): Uint8Array {
  return withRoom(xen, size, ({ address, bytes }) => {
    xen.privcmd.hypercall('xen_version', [XENVER[name], address], `xen_version ${name}`);
    return bytes.slice();
  });
}

/** C's text: up to the first zero byte. */
function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString('utf8');
}

/** XEN_SYSCTL_physinfo. Pages have 4 KiB. */
export interface PhysInfo {
  readonly threadsPerCore: number;
  readonly coresPerSocket: number;
  readonly cpus: number;
  readonly maxCpuId: number;
  readonly nodes: number;
  readonly maxNodeId: number;
  readonly cpuKhz: number;
  readonly capabilities: Readonly<Record<keyof typeof PHYSCAP, boolean>>;
  readonly totalPages: number;
  readonly freePages: number;
  readonly scrubPages: number;
  /** Claimed by domains and not yet given. */
  readonly outstandingPages: number;
  /** CPUID's feature words, as `xl info` prints them in hw_caps. */
  readonly hwCaps: readonly number[];
}

export function physinfo(xen: Xen): PhysInfo {
  const info = sysctl(xen, 'physinfo', {});
  const has = Object.entries(PHYSCAP).map(([name, bit]) => [name, (info.capabilities & bit) !== 0]);
  return {
    threadsPerCore: info.threads_per_core,
    coresPerSocket: info.cores_per_socket,
    cpus: info.nr_cpus,
    maxCpuId: info.max_cpu_id,
    nodes: info.nr_nodes,
    maxNodeId: info.max_node_id,
    cpuKhz: info.cpu_khz,
    capabilities: Object.fromEntries(has) as PhysInfo['capabilities'],
    totalPages: info.total_pages,
    freePages: info.free_pages,
    scrubPages: info.scrub_pages,
    outstandingPages: info.outstanding_pages,
    hwCaps: info.hw_cap,
  };
}

/** What an absent CPU or node is marked with. */
const ABSENT = 0xffff_ffff;

export interface CpuPlace {
  readonly cpu: number;
  readonly core: number;
  readonly socket: number;
  readonly node: number;
}

/** XEN_SYSCTL_cputopoinfo: where each CPU that is online sits. */
export function cpuTopology(xen: Xen): CpuPlace[] {
  const { num_cpus: count } = sysctl(xen, 'cputopoinfo', {});
  return withRoom(xen, count * sizeOf(cputopo), (buffer) => {
    const { num_cpus: given } = sysctl(xen, 'cputopoinfo', { num_cpus: count, cputopo: buffer.address });
    return decodeAll(cputopo, buffer.bytes, Math.min(given, count))
      .map((place, cpu) => ({ cpu, ...place }))
      .filter(({ core }) => core !== ABSENT);
  });
}

export interface NumaNode {
  readonly node: number;
  /** Bytes. */
  readonly size: bigint;
  readonly free: bigint;
  /** To each node, by its number; 10 is near. */
  readonly distances: readonly number[];
}

/** XEN_SYSCTL_numainfo: the nodes that have memory. */
export function numaNodes(xen: Xen): NumaNode[] {
  const { num_nodes: count } = sysctl(xen, 'numainfo', {});
  return withRoom(xen, count * sizeOf(meminfo), (sizes) =>
    withRoom(xen, count * count * 4, (distances) => {
      sysctl(xen, 'numainfo', { num_nodes: count, meminfo: sizes.address, distance: distances.address });
      const all = new Uint32Array(distances.bytes.buffer, distances.bytes.byteOffset, count * count);
      return decodeAll(meminfo, sizes.bytes, count)
        .map(({ memsize, memfree }, node) => ({
          node,
          size: memsize,
          free: memfree,
          distances: [...all.subarray(node * count, (node + 1) * count)],
        }))
        .filter(({ size }) => size !== BigInt(ABSENT));
    }),
  );
}

/** A PCI device's address. */
export interface PciAddress {
  readonly segment: number;
  readonly bus: number;
  readonly slot: number;
  readonly function: number;
}

/** XEN_SYSCTL_pcitopoinfo: the NUMA node that each device is nearest to; null for one of which Xen knows none. */
export function pciNodes(xen: Xen, devices: readonly PciAddress[]): (number | null)[] {
  if (devices.length === 0) return [];
  const wanted = devices.map(({ segment, bus, slot, function: fn }) => ({
    seg: segment,
    bus,
    devfn: (slot << 3) | fn,
  }));
  return withBytes(xen, encodeAll(pciDevice, wanted), (devs) =>
    withRoom(xen, devices.length * 4, (nodes) => {
      // Xen answers so many as it has time for.
      let done = 0;
      while (done < devices.length) {
        const { num_devs: answered } = sysctl(xen, 'pcitopoinfo', {
          num_devs: devices.length - done,
          devs: devs.address + done * sizeOf(pciDevice),
          nodes: nodes.address + done * 4,
        });
        if (answered === 0) break;
        done += answered;
      }
      const found = new Uint32Array(nodes.bytes.buffer, nodes.bytes.byteOffset, devices.length);
      return devices.map((_, at) => (at < done && found[at]! < ABSENT - 1 ? found[at]! : null));
    }),
  );
}

export interface Cpupool {
  readonly id: number;
  readonly scheduler: keyof typeof SCHEDULERS | null;
  readonly domains: number;
  readonly cpus: readonly number[];
}

/** XEN_SYSCTL_cpupool_op, INFO: every CPU pool, by number. */
export function listCpupools(xen: Xen): Cpupool[] {
  const cpus = sysctl(xen, 'physinfo', {}).max_cpu_id + 1;
  const pools: Cpupool[] = [];
  for (;;) {
    // Xen answers with this pool or the next that there is; ENOENT ends the list.
    const pool = cpupoolFrom(xen, (pools.at(-1)?.id ?? -1) + 1, cpus);
    if (pool === null) return pools;
    pools.push(pool);
  }
}

/** XEN_SYSCTL_cpupool_op, FREEINFO: the CPUs that are in no pool. */
export function freeCpus(xen: Xen): number[] {
  const cpus = sysctl(xen, 'physinfo', {}).max_cpu_id + 1;
  return withRoom(xen, Math.ceil(cpus / 8), ({ address, bytes }) => {
    sysctl(xen, 'cpupool_op', { op: CPUPOOL_OPS.FREEINFO, cpumap: { bitmap: address, nr_bits: cpus } });
    return membersOf(bytes);
  });
}

function cpupoolFrom(xen: Xen, first: number, cpus: number): Cpupool | null {
  return withBytes(xen, new Uint8Array(Math.ceil(cpus / 8)), (bitmap) => {
    try {
      const info = sysctl(xen, 'cpupool_op', {
        op: CPUPOOL_OPS.INFO,
        cpupool_id: first,
        cpumap: { bitmap: bitmap.address, nr_bits: cpus },
      });
      return {
        id: info.cpupool_id,
        scheduler: schedulerNamed(info.sched_id),
        domains: info.n_dom,
        cpus: membersOf(bitmap.bytes),
      };
    } catch (error) {
      if (errnoNameOf(error) === 'ENOENT') return null;
      throw error;
    }
  });
}

/** A scheduler's name by its number; null where xl-ts does not know it. */
function schedulerNamed(id: number): keyof typeof SCHEDULERS | null {
  const names = Object.keys(SCHEDULERS) as (keyof typeof SCHEDULERS)[];
  return names.find((name) => SCHEDULERS[name] === id) ?? null;
}

/** XEN_SYSCTL_sched_id: the scheduler that Xen was started with. */
export const defaultScheduler = (xen: Xen): keyof typeof SCHEDULERS | null =>
  schedulerNamed(sysctl(xen, 'sched_id', {}).sched_id);

const CONSOLE_BYTES = 32 * 1024;

/** XEN_SYSCTL_readconsole: all of Xen's own console ring, oldest first; `clear` empties it. */
export function readXenConsole(xen: Xen, { clear = false } = {}): Buffer {
  const pieces: Buffer[] = [];
  let index = 0;
  for (;;) {
    const piece = withRoom(xen, CONSOLE_BYTES, (buffer) => {
      const answer = sysctl(xen, 'readconsole', {
        incremental: 1,
        index,
        buffer: buffer.address,
        count: CONSOLE_BYTES,
      });
      index = answer.index;
      return Buffer.from(buffer.bytes.subarray(0, answer.count));
    });
    pieces.push(piece);
    if (piece.length < CONSOLE_BYTES) break;
  }
  if (clear) sysctl(xen, 'readconsole', { clear: 1 });
  return Buffer.concat(pieces);
}

/** XEN_SYSCTL_debug_keys: as if they were typed on Xen's console. */
export function sendDebugKeys(xen: Xen, keys: string): void {
  const bytes = Buffer.from(keys, 'latin1');
  withBytes(xen, bytes, ({ address }) => sysctl(xen, 'debug_keys', { keys: address, nr_keys: bytes.length }));
}
