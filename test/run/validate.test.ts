import { describe, expect, test } from 'vitest';
import { hole, t } from '../../lib/base/text.ts';
import { memoryHost } from '../../lib/host/memory/host.ts';
import type { Step } from '../../lib/plan/step.ts';
import { runPlan } from '../../lib/run/executor.ts';
import { holesOfPlan, validatePlan } from '../../lib/run/validate.ts';
import { planOf, step, writeStep } from './plans.ts';

const reading = (id: string, name: string, needs: readonly string[] = []): Step =>
  step({
    id,
    needs,
    action: { kind: 'store', transaction: true, ops: [{ op: 'write', path: t`/x/${hole(name)}`, value: '' }] },
  });
const binding = (id: string, name: string, field: string): Step =>
  step({ id, action: { kind: 'hypercall', call: { op: 'pausedomain', domid: '1' } }, binds: { [name]: field } });
const asking = step({
  id: 'ask',
  action: {
    kind: 'qmp',
    socket: '/s',
    commands: [{ execute: 'query-vnc', takes: { port: { field: 'service' } } }],
    timeoutMs: 1,
  },
});
const waiting = (id: string, name: string): Step =>
  step({
    id,
    action: {
      kind: 'wait',
      path: '/w',
      until: 'non-empty',
      failOn: [],
      timeoutMs: 1,
      subject: 'w',
      evidence: [],
      timeout: 'error',
    },
    binds: { [name]: 'value' },
  });

describe('a plan that is none is refused before anything runs', () => {
  test.each<[string, readonly Step[], string]>([
    ['two steps of one name', [writeStep('a'), writeStep('a')], 'two steps are called a'],
    ['a need that is no step', [writeStep('a', ['b'])], 'a needs b, which is no step'],
    ['a step that needs itself', [writeStep('a', ['a'])], 'these steps wait for each other: a'],
    [
      'a cycle and what is behind it',
      [writeStep('a', ['b']), writeStep('b', ['a']), writeStep('c', ['b'])],
      'these steps wait for each other: a, b, c',
    ],
    ['a hole that nothing binds', [reading('a', 'x')], 'nothing that a needs binds ${x}'],
    [
      'a hole bound by a step that need not come first',
      [waiting('w', 'x'), reading('a', 'x')],
      'nothing that a needs binds ${x}',
    ],
    ['a hole bound twice', [waiting('v', 'x'), waiting('w', 'x')], 'w binds ${x} a second time'],
    [
      'an undo with a hole that nothing binds',
      [{ ...writeStep('a'), undo: [{ kind: 'hypercall', call: { op: 'destroydomain', domid: hole('domid') } }] }],
      'nothing binds ${domid} for the undo of a',
    ],
    [
      'a field that the action does not find out',
      [binding('a', 'x', 'domid')],
      'a binds domid, which hypercall does not find out',
    ],
    [
      'an introduction inside a transaction',
      [step({ id: 'i', action: { kind: 'store', transaction: true, ops: [{ op: 'release', domid: '1' }] } })],
      'i has release in a transaction',
    ],
  ])('%s', async (_, steps, fault) => {
    const host = memoryHost();
    await expect(runPlan(planOf(...steps), host.ports)).rejects.toThrow(
      new TypeError(`the plan "test" is wrong: ${fault}`),
    );
    expect(host.calls).toEqual([]);
  });
});

test('holes may be bound by any step that comes first, by a QMP answer, or from the start', () => {
  const steps = [
    { ...reading('late', 'x', ['between']), action: reading('late', 'x').action },
    writeStep('between', ['w']),
    waiting('w', 'x'),
    reading('vnc', 'port', ['ask']),
    asking,
    reading('given', 'domid'),
  ];
  const ordered = validatePlan(planOf(...steps), ['domid']).map(({ id }) => id);
  expect(ordered).toEqual(['w', 'ask', 'given', 'between', 'vnc', 'late']);
});

test('the holes of a plan are those it fills and those it needs filled', () => {
  expect(holesOfPlan(planOf(reading('a', 'domid'), waiting('w', 'tty'))).toSorted()).toEqual(['domid', 'tty']);
});

test('a chain of ten thousand steps is checked without recursion', () => {
  const steps = Array.from({ length: 10_000 }, (_, n) => writeStep(`s${n}`, n === 0 ? [] : [`s${n - 1}`]));
  expect(validatePlan(planOf(...steps.toReversed()), [])).toHaveLength(10_000);
});
