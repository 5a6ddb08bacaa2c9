import { tryDescribeVdev } from '../disk/vdev.ts';
import { isObject, list, sparse, type JsonObject, type JsonValue } from './json.ts';

/** What is so of a domain now, as far as it is known: null leaves what is kept. */
export interface LiveDomain {
  readonly name: string | null;
  /** What its balloon driver aims at, and the most that it can be given: both without video memory, in KiB. */
  readonly memory: { readonly targetKiB: number; readonly maxKiB: number } | null;
  readonly onlineVcpus: readonly number[] | null;
  /** Its share of the CPUs, in libxl's words. */
  readonly scheduling: JsonObject | null;
  /** Numbers of the devices that it has. */
  readonly disks: readonly number[];
  readonly nics: readonly number[];
}

/**
 * What is kept of a domain's configuration, brought up to now (libxl_domain.c:libxl_retrieve_domain_configuration): what
 * `xl list -l` prints.
 */
export function liveConfig(kept: JsonObject, live: LiveDomain): JsonObject {
  const { c_info: info, b_info: build } = kept;
  return sparse({
    ...kept,
    c_info: isObject(info) ? { ...info, ...(live.name === null ? {} : { name: live.name }) } : null,
    b_info: isObject(build) ? liveBuild(build, kept, live) : null,
    disks: devices(kept.disks, (disk) => live.disks.includes(devidOf(disk.vdev))),
    nics: devices(kept.nics, ({ devid }) => typeof devid === 'number' && live.nics.includes(devid)),
  });
}

function liveBuild(build: JsonObject, kept: JsonObject, { memory, onlineVcpus, scheduling }: LiveDomain): JsonObject {
  const video = typeof build.video_memkb === 'number' ? build.video_memkb : 0;
  const fields = Object.entries(build);
  return sparse({
    ...Object.fromEntries(fields.filter(([name]) => BEFORE_MEMORY.includes(name))),
    ...(onlineVcpus === null || build.avail_vcpus === undefined ? {} : { avail_vcpus: onlineVcpus }),
    max_memkb: memory?.maxKiB ?? build.max_memkb,
    target_memkb: memory === null ? build.target_memkb : memory.targetKiB + video + fudge(build, kept),
    ...Object.fromEntries(fields.filter(([name]) => !BEFORE_MEMORY.includes(name) && !MEMORY.includes(name))),
    ...(scheduling === null ? {} : { sched_params: scheduling }),
  });
}

/** The sizes, which libxl says also of a domain whose configuration did not; and what comes before them in its order. */
const MEMORY = ['max_memkb', 'target_memkb'];
const BEFORE_MEMORY = [
  'max_vcpus',
  'avail_vcpus',
  'cpumap',
  'nodemap',
  'vcpu_hard_affinity',
  'vcpu_soft_affinity',
  'numa_placement',
  'tsc_mode',
];

/** What the balloon of an HVM guest stops early by that was started with less memory than it sees. */
function fudge({ max_memkb: max, target_memkb: target }: JsonObject, { c_info: info }: JsonObject): number {
  const isHvm = isObject(info) && info.type === 'hvm';
  return isHvm && typeof max === 'number' && typeof target === 'number' && max > target ? 1024 : 0;
}

const devidOf = (vdev: JsonValue | undefined): number =>
  typeof vdev === 'string' ? (tryDescribeVdev(vdev)?.devid ?? -1) : -1;

const devices = (kept: JsonValue | undefined, isThere: (device: JsonObject) => boolean): readonly JsonValue[] | null =>
  Array.isArray(kept) ? list((kept as readonly JsonValue[]).filter(isObject).filter(isThere)) : null;
