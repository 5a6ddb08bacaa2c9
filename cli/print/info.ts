import { PHYSCAP } from '../../lib/xen/abi/sysctl.ts';
import type { HostDescription } from '../../lib/host/facts.ts';
import type { Machine } from '../../lib/host/real/machine.ts';
import type { XenInfo } from '../../lib/host/xen/info.ts';

/** Lines of `xl info`, as pairs in their order. */
export type InfoEntries = readonly (readonly [key: string, value: string | number])[];

const MIB = 2 ** 20;

/** `xl info` of a Xen host (xl_info.c:print_info): what the kernel says, what Xen says. Memory is in MiB. */
export function xenInfoEntries(machine: Machine, info: XenInfo): InfoEntries {
  const { version, physical, shared } = info;
  const mebibytes = (pages: number): number => Math.floor((pages * version.pageSize) / MIB);
  return [
    ...unameEntries(machine),
    ['nr_cpus', physical.cpus],
    ['max_cpu_id', physical.maxCpuId],
    ['nr_nodes', physical.nodes],
    ['cores_per_socket', physical.coresPerSocket],
    ['threads_per_core', physical.threadsPerCore],
    ['cpu_mhz', (physical.cpuKhz / 1000).toFixed(3)],
    ['hw_caps', physical.hwCaps.map((word) => word.toString(16).padStart(8, '0')).join(':')],
    ['virt_caps', virtCaps(physical.capabilities)],
    ['total_memory', mebibytes(physical.totalPages)],
    ['free_memory', mebibytes(physical.freePages - physical.outstandingPages)],
    ['sharing_freed_memory', mebibytes(shared.freedPages)],
    ['sharing_used_memory', mebibytes(shared.usedFrames)],
    ['outstanding_claims', mebibytes(physical.outstandingPages)],
    ['free_cpus', info.freeCpus],
    ['xen_major', version.major],
    ['xen_minor', version.minor],
    ['xen_extra', version.extra],
    ['xen_version', `${version.major}.${version.minor}${version.extra}`],
    ['xen_caps', version.capabilities],
    ['xen_scheduler', info.scheduler ?? '(null)'],
    ['xen_pagesize', version.pageSize],
    ['platform_params', `virt_start=0x${version.virtStart.toString(16)}`],
    ['xen_changeset', version.changeset],
    ['xen_commandline', version.commandline],
    ['cc_compiler', version.compiler],
    ['cc_compile_by', version.compiledBy],
    ['cc_compile_domain', version.compileDomain],
    ['cc_compile_date', version.compileDate],
    ['build_id', version.buildId],
    // The format of configurations in xend's days; nobody has changed it since.
    ['xend_config_format', 4],
  ];
}

/** The same with what xenstored can do, where stock xl says it. */
export const withStoreFeatures = (entries: InfoEntries, features: number): InfoEntries => {
  const at = entries.findIndex(([key]) => key === 'xend_config_format');
  const place = at < 0 ? entries.length : at;
  const line = ['xenstore_features', `0x${features.toString(16).padStart(8, '0')}`] as const;
  return [...entries.slice(0, place), line, ...entries.slice(place)];
};

/** `xl info` of the embedded host, which is this machine's kernel and a QEMU. */
export const embeddedInfoEntries = (machine: Machine, { xenVersion, qemu }: HostDescription): InfoEntries => [
  ...unameEntries(machine),
  ['nr_cpus', machine.cpus],
  ['total_memory', Math.floor(machine.totalMemory / MIB)],
  ['free_memory', Math.floor(machine.freeMemory / MIB)],
  ['xen_version', `none; follows ${xenVersion}`],
  ['qemu', qemu.path],
  ['accel', qemu.accel],
  ['accel_reason', qemu.accelReason],
];

const unameEntries = ({ host, release, version, machine }: Machine): InfoEntries => [
  ['host', host],
  ['release', release],
  ['version', version],
  ['machine', machine],
];

type Capabilities = XenInfo['physical']['capabilities'];

/** What Xen can do for guests, in xl's words and order: devices can be passed through to those kinds that there are. */
function virtCaps(can: Capabilities): string {
  const names = Object.keys(PHYSCAP).filter((name): name is keyof Capabilities => name !== 'hvm' && name !== 'pv');
  return [
    ...(can.pv ? ['pv'] : []),
    ...(can.hvm ? ['hvm'] : []),
    ...names.flatMap((name) => (can[name] ? wordsOf(name, can) : [])),
  ].join(' ');
}

function wordsOf(name: keyof Capabilities, { hvm, pv }: Capabilities): string[] {
  if (name === 'directio') return [...(hvm ? ['hvm_directio'] : []), ...(pv ? ['pv_directio'] : [])];
  return [name.replace('gnttab_', 'gnttab-')];
}

/** `xl info`, byte for byte. A host without any capability has no blank after the colon of virt_caps. */
export const infoLines = (entries: InfoEntries): string[] =>
  entries.map(([key, value]) => `${key.padEnd(KEY_WIDTH)}:${key === 'virt_caps' && value === '' ? '' : ` ${value}`}`);

const KEY_WIDTH = 23;

/** `xl info KEY`: the values alone of the lines that begin with this word (xl_info.c:maybe_printf). */
export const infoValues = (entries: InfoEntries, word: string): string[] =>
  infoLines(entries)
    .filter((line) => line.startsWith(word))
    .flatMap((line) => {
      const at = line.indexOf(': ');
      return at < 0 ? [] : [line.slice(at + 2)];
    });
