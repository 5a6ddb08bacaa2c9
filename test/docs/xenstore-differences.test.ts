import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { CONFIGURATIONS } from '../xenhost/trees/configurations.ts';
import { BEYOND, EXPLAINED } from '../xenhost/trees/explained.ts';
import { differences, DRAWN, leavesOf, treeOf } from '../xenhost/trees/tree.ts';

const TREES = new URL('../fixtures/xenhost/trees/', import.meta.url);

const recorded = (name: string) =>
  JSON.parse(readFileSync(new URL(`${name}.json`, TREES), 'utf8')) as Record<'tree' | 'kept', Record<string, string>>;

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

const code = (text: string | null): string => (text === null ? 'nothing' : `\`${text}\``);

const page = (): string => `# A domain of ours beside stock xl's

<!-- Made by test/docs/xenstore-differences.test.ts; after a change: npx vitest run test/docs -u -->

A domain that \`xl create\` of xl-ts makes on a Xen host has the nodes in xenstore that stock xl's has, with the same values and
permissions, and the same configuration kept of it (userdata \`libxl-json\`): that is why either tool lists, changes, saves and
destroys the other's domains. \`npm run test:xen\` creates each guest below, paused, on a real Xen 4.17 and compares node by
node with what stock xl made of the same file. The first five are also listed in full (\`list -l\`) by both tools, which must
say the same.

${table(
  ['guest', 'what it has', 'nodes', 'kept settings', 'that differ'],
  CONFIGURATIONS.map(({ name, what }) => {
    const { tree, kept } = recorded(name);
    const differing = EXPLAINED.filter(({ configuration }) => configuration === name).flatMap(({ places }) => places);
    return [name, what, ...[tree, kept].map((leaves) => String(Object.keys(leaves).length)), String(differing.length)];
  }),
)}

\`D\` stands for the domain's number, \`U\` for its uuid. Some values are drawn anew for each domain; of these nodes only is
compared that they are there, and for whom:
${DRAWN.map(code).join(', ')}.

## What differs

${EXPLAINED.map(
  ({ configuration, why, places }) =>
    `In the guest *${configuration}*: ${why}\n\n${table(
      ['where', 'path', 'stock xl', 'xl-ts'],
      places.map(({ of, path, stock, ours }) => [of, code(path), code(stock), code(ours)]),
    )}`,
).join('\n\n')}

## What differs on the way, and beside the nodes

${table(
  ['what', 'stock xl', 'xl-ts', 'why'],
  BEYOND.map(({ what, stock, ours, why }) => [what, stock, ours, why]),
)}
`;

test('the page on differences from stock xl says what the comparison knows', async () => {
  await expect(page()).toMatchFileSnapshot('../../docs/xenstore-differences.md');
});

test('each guest of the comparison has its recording, and each explanation its guest', () => {
  const names = CONFIGURATIONS.map(({ name }) => name);
  expect(readdirSync(TREES).toSorted()).toEqual(names.map((name) => `${name}.json`).toSorted());
  for (const { configuration, places } of EXPLAINED) {
    expect(names).toContain(configuration);
    const { tree, kept } = recorded(configuration);
    for (const { of, path, stock } of places) expect((of === 'xenstore' ? tree : kept)[path] ?? null).toBe(stock);
  }
});

describe('two domains are compared', () => {
  const listing = (domid: number, uuid: string, port: number, rest = ''): string =>
    [
      '/local/domain/0/name = "Domain-0"   (n0)',
      `/local/domain/${domid} = ""   (n0,r${domid})`,
      `/local/domain/${domid}/vm = "/vm/${uuid}"   (n0,r${domid})`,
      `/local/domain/${domid}/domid = "${domid}"   (n0,r${domid})`,
      `/local/domain/${domid}/store/port = "${port}"   (n0,r${domid})`,
      `/local/domain/0/backend/vbd/${domid}/51712/frontend-id = "${domid}"   (n0,r${domid})`,
      `/local/domain/0/backend/vbd/${domid}/51712/online = "1"   (n0,r${domid})`,
      `/local/domain/${domid}1/name = "another"   (n0)`,
      `/vm/${uuid}/name = "a "quoted" name"   (n0,r${domid})`,
      rest,
    ].join('\n');
  const tree = (domid: number, rest = '') =>
    treeOf(listing(domid, `u-${domid}`, domid * 7, rest), { domid, uuid: `u-${domid}` });

  test('without their numbers, uuids and what is drawn', () => {
    expect(tree(1)).toEqual({
      '/local/domain/0/backend/vbd/D/51712/frontend-id': '"D" (n0,rD)',
      '/local/domain/0/backend/vbd/D/51712/online': '"1" (n0,rD)',
      '/local/domain/D': '"" (n0,rD)',
      '/local/domain/D/domid': '"D" (n0,rD)',
      '/local/domain/D/store/port': '"(drawn)" (n0,rD)',
      '/local/domain/D/vm': '"/vm/U" (n0,rD)',
      '/vm/U/name': '"a "quoted" name" (n0,rD)',
    });
    expect(differences(tree(1), tree(12))).toEqual([]);
  });

  test('by value, by permission and by what is there', () => {
    const path = '/local/domain/D/control/shutdown';
    const node = (value: string, permissions: string) =>
      `/local/domain/3/control/shutdown = "${value}"   (${permissions})`;
    const one = tree(3, node('', 'n3'));
    expect(differences(one, tree(3, node('x', 'n3')))).toEqual([{ path, stock: '"" (nD)', ours: '"x" (nD)' }]);
    expect(differences(one, tree(3, node('', 'n0,r3')))).toEqual([{ path, stock: '"" (nD)', ours: '"" (n0,rD)' }]);
    expect(differences(one, tree(3))).toEqual([{ path, stock: '"" (nD)', ours: null }]);
  });

  test('by the leaves of what is kept', () => {
    expect(leavesOf({ c_info: { uuid: 'u', none: {} }, nics: [{ mac: 'm', devid: 0 }] }, { uuid: 'u' })).toEqual({
      '/c_info/uuid': '"U"',
      '/c_info/none': '{}',
      '/nics/0/mac': '"m"',
      '/nics/0/devid': '0',
    });
  });
});
