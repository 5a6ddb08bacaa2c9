import type { HostFacts } from '../lib/base/facts.ts';
import { decodeDomain } from '../lib/config/decode.ts';
import { parseConfig } from '../lib/config/parse.ts';
import { planCreate } from '../lib/plan/create.ts';
import { pathsOf } from '../lib/resolve/paths.ts';
import { resolve } from '../lib/resolve/resolve.ts';
import { factsOf, imageFile } from '../test/support/facts.ts';

const DISKS = 200;
const BOUND_MS = 50;
const ROUNDS = 30;

/** Processor time from the text of a configuration with 200 disks to its plan, against 50 ms. */
export function bench(): Promise<{ name: string; ratio: number; target: string; detail: string }[]> {
  const text = configuration();
  const facts = factsFor(text);
  const times = Array.from({ length: ROUNDS }, () => {
    const before = process.cpuUsage();
    plan(text, facts);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  });
  const [first = 0] = times;
  const median = times.toSorted((one, other) => one - other)[ROUNDS >> 1]!;
  return Promise.resolve([
    row('a plan for 200 disks, cold', first, `${first.toFixed(1)} ms of CPU, the first in its process`),
    row('a plan for 200 disks, warm', median, `${median.toFixed(1)} ms of CPU, median of ${ROUNDS}`),
  ]);
}

const row = (name: string, ms: number, detail: string) => ({
  name,
  ratio: ms / BOUND_MS,
  target: '≤ 1 × 50 ms',
  detail,
});

function configuration(): string {
  const disks = Array.from({ length: DISKS }, (_, index) => `"/images/disk-${index}.img,raw,d${index}p0,rw"`);
  return `name = "wide"\ntype = "pvh"\nmemory = 256\nkernel = "/boot/vmlinuz"\ndisk = [\n  ${disks.join(',\n  ')}\n]\n`;
}

const read = (text: string) => decodeDomain(parseConfig(text, { dialect: 'extended', source: 'wide.cfg' })).config;

function factsFor(text: string): HostFacts {
  return factsOf({ paths: Object.fromEntries(pathsOf(read(text)).map((path) => [path, imageFile()])) });
}

function plan(text: string, facts: HostFacts): void {
  const { steps } = planCreate(
    resolve(read(text), facts, { uuid: '6d1f0f3a-0000-4000-8000-000000000001', mac: () => [0, 0, 0] }),
  );
  if (steps.length < 3 * DISKS) throw new Error(`a plan of ${steps.length} steps cannot be right`);
}
