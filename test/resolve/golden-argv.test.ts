import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { fill } from '../../lib/base/text.ts';
import { decodeDomain } from '../../lib/config/decode.ts';
import { parseConfig } from '../../lib/config/parse.ts';
import { planCreate } from '../../lib/plan/create.ts';
import { pathsOf } from '../../lib/resolve/paths.ts';
import { resolve } from '../../lib/resolve/resolve.ts';
import { optionLines } from '../qemu/option-lines.ts';
import { factsOf, imageFile } from '../support/facts.ts';

const golden = new URL('../golden/qemu/', import.meta.url);

/** Recorded cases that use a key which `xl create` refuses so far; each with that key. */
const NOT_YET: Readonly<Record<string, string>> = {
  'memory-hole': 'mmio_hole',
  unprivileged: 'device_model_user',
};

const cases = readdirSync(golden, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

/** The command line that `xl create -n --format qemu` prints for a configuration on a Xen host. */
function commandLine(name: string): string[] {
  const source = `${name}/domain.cfg`;
  const text = readFileSync(new URL(source, golden), 'utf8');
  const { config } = decodeDomain(parseConfig(text, { dialect: 'xl', source }), { source, dialect: 'xl' });
  const images = pathsOf(config).map((path) => [path, imageFile(formatOf(path))] as const);
  const facts = factsOf({ paths: Object.fromEntries(images) });
  const plan = planCreate(
    resolve(config, facts, { uuid: '6d1f0f3a-0000-4000-8000-000000000001', mac: () => [0, 0, 0] }),
  );
  const [, ...options] = plan.steps.flatMap(({ action }) => (action.kind === 'spawn' ? [...action.argv] : []));
  return optionLines(options.map((word) => fill(word, { domid: '1' })));
}

function formatOf(path: string): 'raw' | 'qcow2' | 'vhd' | 'iso' {
  const ending = path.slice(path.lastIndexOf('.') + 1);
  return ending === 'qcow2' || ending === 'vhd' || ending === 'iso' ? ending : 'raw';
}

describe('from a configuration to the command line that the real xl 4.17 gave QEMU for it', () => {
  test.each(cases.filter((name) => !(name in NOT_YET)))('%s', (name) => {
    const recorded = readFileSync(new URL(`${name}/argv.txt`, golden), 'utf8')
      .trimEnd()
      .split('\n');
    expect(commandLine(name)).toEqual(recorded);
  });

  test.each(Object.entries(NOT_YET))('%s is refused, as %s would change the guest', (name, key) => {
    expect(() => commandLine(name)).toThrow(key);
  });
});
