/** What a host has of CPUs: how many numbers there are for them, and those of each NUMA node. */
export interface HostCpus {
  /** The highest number and one. */
  readonly count: number;
  readonly ofNode: (node: number) => readonly number[];
}

/**
 * Reads a set of CPUs as xl writes it: `0-3,5,^1`, `all`, `nodes:0-1`, `^node:0`; each word adds to those before it, or takes
 * away with `^` (xl_parse.c:parse_cpurange). Numbers in order; null where a word is none (`9-1`, `^all`, `x`).
 */
export function readCpuRange(text: string, { count, ofNode }: HostCpus): number[] | null {
  const members = new Set<number>();
  for (const word of text.split(',').filter((piece) => piece !== '')) {
    if (word === 'all') {
      range(0, count - 1).forEach((cpu) => members.add(cpu));
      continue;
    }
    const match = /^(\^?)(nodes?:)?(\d{1,5})(?:-(\d{1,5}))?$/.exec(word);
    if (match === null) return null;
    const [, not, node, first, last = first] = match;
    if (Number(last) < Number(first)) return null;
    const numbers = range(Number(first), Number(last));
    for (const cpu of node === undefined ? numbers : numbers.flatMap(ofNode)) {
      if (not === '') members.add(cpu);
      else members.delete(cpu);
    }
  }
  return [...members].filter((cpu) => cpu < count).sort((a, b) => a - b);
}

const range = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, at) => first + at);
