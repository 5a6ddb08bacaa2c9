import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import * as xl from '../lib/index.ts';

/** Names that others build on: none of them goes without a major version. */
const PROMISED = [
  'parseDiskSpecs',
  'parseConfig',
  'planCreate',
  'decideBackend',
  'vdevToDevid',
  'XenstoreClient',
  'qemuArgv',
  'XlError',
];

test('the public entry has the names that are promised', () => {
  expect(Object.keys(xl)).toEqual(expect.arrayContaining(PROMISED));
});

test('what the README says of the library is so', async () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  for (const [, names = ''] of readme.matchAll(/import \{ ([^}]+) \} from 'xl-ts'/g)) {
    expect(Object.keys(xl)).toEqual(expect.arrayContaining(names.split(', ')));
  }

  expect(xl.parseDiskSpecs(['/srv/web.qcow2,qcow2,xvda,rw'], { dialect: 'xl' }).format).toBe('qcow2');
  expect(xl.vdevToDevid('xvda')).toBe(51712);

  const text = 'name = "web"\ntype = "pvh"\nkernel = "/boot/k"\ndisk = [ "/srv/web.img,raw,xvda,rw" ]\n';
  const { config } = xl.decodeDomain(xl.parseConfig(text, { source: 'web.cfg' }));
  const assumptions = xl.parseAssumptions(['xen=4.19', 'paths=present']);
  const facts = await xl.assumedFacts({ paths: xl.pathsOf(config), assumptions });
  const plan = xl.planCreate(xl.resolve(config, facts, { uuid: crypto.randomUUID(), mac: () => [0, 0, 1] }));
  expect(plan.title).toBe('create web');
  expect(plan.steps.map(({ id }) => id)).toEqual(expect.arrayContaining(['create', 'xvda-nodes', 'unpause']));
});
