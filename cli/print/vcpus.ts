import type { Vcpu } from '../../lib/host/xen/vcpus.ts';
import { padEnd, padStart } from './text.ts';

/** A vcpu as `xl vcpu-list` shows it. */
export interface ListedVcpu extends Omit<Vcpu, 'cpuTimeNs'> {
  readonly domid: number;
  readonly name: string;
  readonly cpuSeconds: number;
}

/** `xl vcpu-list`, byte for byte (xl_vcpu.c:print_vcpuinfo); `cpus` is how many CPUs the host has. */
export function vcpuListLines(vcpus: readonly ListedVcpu[], cpus: number): string[] {
  const head = `${padEnd('Name', 32)} ${padStart('ID', 5)} ${padStart('VCPU', 5)} ${padStart('CPU', 5)} ${padStart('State', 5)}`;
  return [`${head} ${padStart('Time(s)', 9)} Affinity (Hard / Soft)`, ...vcpus.map((vcpu) => vcpuLine(vcpu, cpus))];
}

function vcpuLine(listed: ListedVcpu, cpus: number): string {
  const { name, domid, vcpu, online, cpu, running, blocked, cpuSeconds, affinity } = listed;
  const who = `${padEnd(name, 32)} ${padStart(String(domid), 5)} ${padStart(String(vcpu), 5)}`;
  // One column left of its heading where the number is short, as xl has it.
  const place = padStart(online ? String(cpu) : '-', 5);
  const state = online ? `${running ? 'r' : '-'}${blocked ? 'b' : '-'}-` : '--p';
  const sets = `${cpuSet(affinity.hard, cpus)} / ${cpuSet(affinity.soft, cpus)}`;
  return `${who}${place}   ${state} ${padStart(cpuSeconds.toFixed(1), 9)}  ${sets}`;
}

/** CPUs as xl writes them (xl_utils.c:print_bitmap): `none`, `0-3,5`, `all` where no other of the host's is left. */
export function cpuSet(members: readonly number[], cpus: number): string {
  const runs: { first: number; last: number }[] = [];
  for (const cpu of members.filter((member) => member < cpus)) {
    const run = runs.at(-1);
    if (run?.last === cpu - 1) run.last = cpu;
    else runs.push({ first: cpu, last: cpu });
  }
  if (runs.length === 0) return 'none';
  if (runs[0]!.first === 0 && runs[0]!.last === cpus - 1) return 'all';
  return runs.map(({ first, last }) => (first === last ? String(first) : `${first}-${last}`)).join(',');
}
