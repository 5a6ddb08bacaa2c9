import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { fill, type Bindings, type Text } from '../../lib/base/text.ts';
import { decodeDomain } from '../../lib/config/decode.ts';
import { parseConfig } from '../../lib/config/parse.ts';
import { planCreate } from '../../lib/plan/create.ts';
import type { Step, StoreOp } from '../../lib/plan/step.ts';
import { pathsOf } from '../../lib/resolve/paths.ts';
import { resolve } from '../../lib/resolve/resolve.ts';
import { factsOf, imageFile } from '../support/facts.ts';

/** What stock xl 4.17.7 did on a live Xen host: its changes to xenstore by transaction, and QEMU's command line. */
interface Recording {
  readonly cfg: string;
  readonly domid: number;
  readonly uuid: string;
  readonly transactions: readonly (readonly Change[])[];
  readonly argv: readonly string[];
}
interface Change {
  readonly op: 'write' | 'mkdir' | 'rm' | 'introduce';
  readonly path?: string;
  readonly value?: string;
  readonly perms?: readonly string[];
  readonly args?: readonly string[];
}

describe.each(['pv', 'pvh', 'hvm', 'hvm-disk'])('creating the recorded guest %s', (name) => {
  const recording = JSON.parse(
    readFileSync(new URL(`../fixtures/xenhost/${name}.json`, import.meta.url), 'utf8'),
  ) as Recording;
  const config = decodeDomain(parseConfig(recording.cfg, { dialect: 'xl', source: `${name}.cfg` }), {
    source: `${name}.cfg`,
    dialect: 'xl',
  }).config;
  const paths = Object.fromEntries(
    pathsOf(config).map((path) => [path, imageFile(path.endsWith('qcow2') ? 'qcow2' : 'raw')]),
  );
  const plan = planCreate(resolve(config, factsOf({ paths }), { uuid: recording.uuid, mac: () => [0, 0, 0] }), {
    paused: true,
  });
  const bindings = bindingsOf(recording);

  test('writes what stock xl writes: paths, values, permissions and their order', () => {
    const ours = plan.steps.flatMap((step) => storeChanges(step, bindings));
    const theirs = recording.transactions.filter((changes) => !isLeftToTheExecutor(changes)).flat();
    expect(ours).toEqual(withoutRepeats(theirs));
  });

  test('starts the QEMU that stock xl starts', () => {
    const argv = plan.steps.flatMap(({ action }) => (action.kind === 'spawn' ? [...action.argv] : []));
    expect(argv.map((word) => fill(word, bindings))).toEqual(recording.argv);
  });
});

/** The values that only the run knows, taken from the recording. */
function bindingsOf({ domid, transactions }: Recording): Bindings {
  const value = (end: string): string =>
    transactions.flat().find(({ op, path }) => op === 'write' && path?.endsWith(end) === true)?.value ?? '';
  return {
    domid: String(domid),
    'xenstore-port': value('/store/port'),
    'store-gfn': value('/store/ring-ref'),
    'console-port': value('/console/port'),
    'console-gfn': value('/console/ring-ref'),
    start_time: value('/start_time'),
    'serial-0-tty': value('/serial/0/tty'),
    'vnc-listen': value('/vnc-listen'),
    'vnc-port': value('/vnc-port'),
  };
}

/** The executor writes the pid, as its spawn's own effect. */
const isLeftToTheExecutor = (changes: readonly Change[]): boolean =>
  changes[0]?.path?.endsWith('/device-model-pid') === true;

/** libxl writes dm-version twice. */
function withoutRepeats(changes: readonly Change[]): Change[] {
  const repeated = changes.findLastIndex(({ path }) => path?.endsWith('/dm-version') === true);
  return changes.filter((_, index) => index !== repeated);
}

function storeChanges({ action }: Step, bindings: Bindings): Change[] {
  return action.kind === 'store' ? action.ops.flatMap((op) => change(op, bindings)) : [];
}

function change(op: StoreOp, bindings: Bindings): Change[] {
  const plain = (text: Text): string => fill(text, bindings);
  switch (op.op) {
    case 'write':
      return [{ op: 'write', path: plain(op.path), value: plain(op.value), ...perms(op.perms, plain) }];
    case 'mkdir':
      return [{ op: 'mkdir', path: plain(op.path), ...perms(op.perms, plain) }];
    case 'rm':
      return [{ op: 'rm', path: plain(op.path) }];
    case 'introduce':
      return [{ op: 'introduce', args: [plain(op.domid), plain(op.gfn), plain(op.port)] }];
    // Conditions and undo: none of them is libxl's.
    case 'prune':
    case 'replace':
    case 'release':
    case 'require-absent':
    case 'require-unused-name':
    case 'write-if-present':
      return [];
  }
}

const perms = (list: readonly Text[] | undefined, plain: (text: Text) => string): Pick<Change, 'perms'> =>
  list === undefined ? {} : { perms: list.map(plain) };
