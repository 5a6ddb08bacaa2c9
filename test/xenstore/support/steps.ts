import fc from 'fast-check';
import type { Step } from './player.ts';

const who = fc.constantFrom('s0', 's0', 's1', 'd5', 'd5', 'd6');
const node = fc.constantFrom('/', '/a', '/a/b', '/a/b/c', '/a/d', '/b', '/b/x', '/local/domain/5', '/local/domain/5/k');
const relative = fc.constantFrom('k', 'k/l', '/a/', '/no/such/node', '/+');
const path = fc.oneof({ weight: 5, arbitrary: node }, { weight: 1, arbitrary: relative });
/** The root stays domain 0's: when its owner dies C xenstored loses the whole store, which ours does not follow. */
const ownable = path.filter((name) => name !== '/');
const value = fc.constantFrom('', 'v', 'w\0', 'x'.repeat(900), 'y'.repeat(2010));
const token = fc.constantFrom('t', 'u', '');
const permissions = fc.array(fc.constantFrom('n0', 'r0', 'n5', 'b5', 'r5', 'w6', 'b6', 'n6', 'r7', 'n99'), {
  minLength: 1,
  maxLength: 4,
});
const transactionName = fc.constantFrom('x', 'y');

const nul = (...strings: readonly string[]): string => strings.map((string) => `${string}\0`).join('');

const nodeRequest = fc.oneof(
  path.map((name): [string, string] => ['READ', nul(name)]),
  path.map((name): [string, string] => ['DIRECTORY', nul(name)]),
  path.map((name): [string, string] => ['DIRECTORY_PART', nul(name, '0')]),
  path.map((name): [string, string] => ['GET_PERMS', nul(name)]),
  fc.tuple(path, value).map(([name, bytes]): [string, string] => ['WRITE', nul(name) + bytes]),
  fc.tuple(path, value).map(([name, bytes]): [string, string] => ['WRITE', nul(name) + bytes]),
  path.map((name): [string, string] => ['MKDIR', nul(name)]),
  path.map((name): [string, string] => ['RM', nul(name)]),
  fc.tuple(ownable, permissions).map(([name, list]): [string, string] => ['SET_PERMS', nul(name, ...list)]),
  fc.tuple(ownable, permissions).map(([name, list]): [string, string] => ['SET_PERMS', nul(name, ...list)]),
);

const watchRequest = fc.oneof(
  fc
    .tuple(fc.oneof(path, fc.constantFrom('@introduceDomain', '@releaseDomain')), token)
    .map(([name, word]): [string, string] => ['WATCH', nul(name, word)]),
  fc.tuple(path, token).map(([name, word]): [string, string] => ['UNWATCH', nul(name, word)]),
  fc.constant<[string, string]>(['RESET_WATCHES', '\0']),
);

/** Domain 5 stays: a domain that is another's target does not die in C xenstored. */
const domainStep: fc.Arbitrary<Step> = fc.constantFrom<Step>(
  ['s0', 'INTRODUCE', '7\x001\x001\0'],
  ['s0', 'RELEASE', '7\0'],
  ['s0', '!death', '6'],
  ['s0', 'SET_TARGET', '6\x005\0'],
  ['s0', 'SET_PERMS', '@introduceDomain\0n0\0r5\0'],
  ['s0', 'IS_DOMAIN_INTRODUCED', '7\0'],
  ['d5', 'IS_DOMAIN_INTRODUCED', '5\0'],
  ['s0', 'RESUME', '6\0'],
);

const startStep = fc
  .tuple(who, transactionName)
  .map(([name, tx]): Step => [name, 'TRANSACTION_START', '\0', `=${name}${tx}`]);
const endStep = fc
  .tuple(who, transactionName, fc.constantFrom('T\0', 'T\0', 'T\0', 'F\0'))
  .map(([name, tx, how]): Step => [name, 'TRANSACTION_END', how, `${name}${tx}`]);

/** Any step that both our store and C xenstored answer in a way that does not hang on timing. */
export const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(who, nodeRequest).map(([name, [op, payload]]): Step => [name, op, payload]) },
  {
    weight: 5,
    arbitrary: fc
      .tuple(who, nodeRequest, transactionName)
      .map(([name, [op, payload], tx]): Step => [name, op, payload, `${name}${tx}`]),
  },
  { weight: 3, arbitrary: fc.tuple(who, watchRequest).map(([name, [op, payload]]): Step => [name, op, payload]) },
  { weight: 3, arbitrary: startStep },
  { weight: 2, arbitrary: endStep },
  { weight: 1, arbitrary: domainStep },
);

/** What makes the first steps worth playing: nodes that domains may touch, and transactions that are open. */
export const preamble: readonly Step[] = [
  ['s0', 'WRITE', '/a/b\0v'],
  ['s0', 'SET_PERMS', '/a\0b0\0'],
  ['s0', 'MKDIR', '/local/domain/5\0'],
  ['s0', 'SET_PERMS', '/local/domain/5\0n5\0r6\0'],
  ['s1', 'WATCH', '/\0t\0'],
  ['d5', 'WATCH', '/a\0t\0'],
  ['s0', 'TRANSACTION_START', '\0', '=s0x'],
  ['d5', 'TRANSACTION_START', '\0', '=d5x'],
];
