import { parse } from '../../grammar/generated/cpus.js';
import type { WordFinding } from './options.ts';

/** CPUs of the host in the order in which they were said: each term adds to what there is, or takes away. */
export type CpuList = readonly CpuTerm[];

export interface CpuTerm {
  /** Take these away. */
  readonly without: boolean;
  /** Numbers are of NUMA nodes, and stand for their CPUs. */
  readonly of: 'cpus' | 'nodes';
  readonly range: 'all' | { readonly first: number; readonly last: number };
}

type TermNode = { readonly start: number; readonly text: string } & (CpuTerm | { readonly bad: string });

/** Reads a list of host CPUs (xl_parse.c:update_cpumap_range). */
export function readCpus(word: string): { cpus: CpuList; findings: readonly WordFinding[] } {
  const nodes = parse(word) as readonly TermNode[];
  const findings: WordFinding[] = [];
  const cpus: CpuTerm[] = [];
  for (const node of nodes) {
    const place = { start: node.start, length: Math.max(1, node.text.length) };
    if ('bad' in node) {
      const xl = `Invalid pcpu range: ${node.bad}.`;
      const hint = 'CPUs are numbers and ranges such as 0-3,5,^1, node:0, or all';
      findings.push({ severity: 'error', code: 'cpus-range', message: xl, hint, xl, ...place });
      continue;
    }
    const { without, of, range } = node;
    if (without && range === 'all') {
      const xl = 'Can\'t combine "^" and "all".';
      findings.push({ severity: 'error', code: 'cpus-range', message: xl, hint: 'say what to keep', xl, ...place });
    } else if (range !== 'all' && range.last < range.first) {
      const said = node.text.replace(/^\^?(nodes?:)?/, '');
      const xl = `Invalid pcpu range: ${said}.`;
      const hint = `write ${range.last}-${range.first}`;
      findings.push({ severity: 'error', code: 'cpus-range', message: xl, hint, xl, ...place });
    } else cpus.push({ without, of, range });
  }
  return { cpus, findings };
}

/** The CPUs that a list stands for on a host, ascending; `nodes` has the CPUs of each NUMA node. */
export function selectCpus(
  list: CpuList,
  host: { readonly cpus: number; readonly nodes: readonly (readonly number[])[] },
): number[] {
  const chosen = new Set<number>();
  for (const { without, of, range } of list) {
    const all = of === 'cpus' ? host.cpus : host.nodes.length;
    const [first, last] = range === 'all' ? [0, all - 1] : [range.first, Math.min(range.last, all - 1)];
    for (let number = first; number <= last; number++) {
      for (const cpu of of === 'cpus' ? [number] : host.nodes[number]!) {
        if (without) chosen.delete(cpu);
        else chosen.add(cpu);
      }
    }
  }
  return [...chosen].sort((one, other) => one - other);
}
