import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { t, hole } from '../../lib/base/text.ts';
import { XlError } from '../../lib/base/error.ts';
import { memoryHost } from '../../lib/host/memory/host.ts';
import type { Plan, Step } from '../../lib/plan/step.ts';
import type { RunEvent } from '../../lib/run/events.ts';
import { runPlan } from '../../lib/run/executor.ts';
import { planOf, step, writeStep } from './plans.ts';

/** Runs a plan and returns its error, or fails the test where there is none. */
async function errorOf(running: Promise<unknown>): Promise<XlError> {
  const error = await running.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(XlError);
  return error as XlError;
}

const waitFor = (id: string, path: string, changes: Partial<Step> = {}): Step =>
  step({
    id,
    action: {
      kind: 'wait',
      path,
      until: { oneOf: ['yes'] },
      failOn: [],
      timeoutMs: 10_000,
      subject: path,
      evidence: [],
      timeout: 'error',
    },
    ...changes,
  });

const refusing = (id: string, needs: readonly string[] = []): Step =>
  step({
    id,
    needs,
    action: {
      kind: 'store',
      transaction: true,
      ops: [{ op: 'require-absent', path: '/local', error: { code: 'taken', message: 'it is taken', hint: 'wait' } }],
    },
    undo: [{ kind: 'store', transaction: true, ops: [{ op: 'rm', path: '/local' }] }],
  });

describe('a plan', () => {
  test('runs each step after those that it needs, in whatever order they are listed', async () => {
    const host = memoryHost();
    const order: string[] = [];
    await runPlan(planOf(writeStep('c', ['b']), writeStep('b', ['a']), writeStep('a')), host.ports, {
      onEvent: (event) => event.kind === 'finished' && order.push(event.step.id),
    });
    expect(order).toEqual(['a', 'b', 'c']);
  });

  test('runs steps that do not need each other at the same time', async () => {
    const host = memoryHost();
    const wait = (id: string): Step => waitFor(id, `/${id}`);
    const running = runPlan(planOf(wait('a'), wait('b')), host.ports);
    void host.clock.sleep(1000, new AbortController().signal).then(() => {
      host.store.write('/b', 'yes');
      host.store.write('/a', 'yes');
    });
    const { timings } = await running;
    expect(timings.map(({ id, startMs, endMs }) => [id, startMs, endMs])).toEqual([
      ['a', 0, 1000],
      ['b', 0, 1000],
    ]);
  });

  test('fills holes with what earlier steps found out', async () => {
    const host = memoryHost();
    const create = step({
      id: 'create',
      action: {
        kind: 'hypercall',
        call: {
          op: 'createdomain',
          type: 'pvh',
          uuid: 'u',
          name: 'n',
          maxVcpus: 1,
          maxEvtchnPort: 1023,
          flags: [],
          emulationFlags: 'lapic',
        },
      },
      binds: { domid: 'domid' },
    });
    const write = step({
      id: 'write',
      needs: ['create'],
      action: {
        kind: 'store',
        transaction: true,
        ops: [{ op: 'write', path: t`/d/${hole('domid')}`, value: t`started at ${hole('start_time')}` }],
      },
    });
    const { bindings } = await runPlan(planOf(create, write), host.ports);
    expect(bindings).toMatchObject({ domid: '1', start_time: '1700000000.00' });
    expect(host.store.read('/d/1')).toBe('started at 1700000000.00');
  });

  test('never fills what only looks like a hole', async () => {
    const host = memoryHost();
    const path = '/images/${domid}.img';
    const plan = planOf(
      step({ id: 'w', action: { kind: 'store', transaction: true, ops: [{ op: 'write', path: '/p', value: path }] } }),
    );
    await runPlan(plan, host.ports, { bindings: { domid: '7' } });
    expect(host.store.read('/p')).toBe(path);
  });

  test('takes bindings from the caller over its own', async () => {
    const plan: Plan = {
      ...planOf(
        step({
          id: 'w',
          action: { kind: 'store', transaction: true, ops: [{ op: 'write', path: '/p', value: hole('x') }] },
        }),
      ),
      bindings: { x: 'of the plan' },
    };
    const host = memoryHost();
    await runPlan(plan, host.ports, { bindings: { x: 'of the caller' } });
    expect(host.store.read('/p')).toBe('of the caller');
  });

  test('runs exactly the steps that it lists, each once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.nat(), { maxLength: 3 }), { minLength: 1, maxLength: 25 }),
        async (graph) => {
          // Step n may need any step before it, so every graph is a plan.
          const steps = graph.map((needs, n) =>
            writeStep(`s${n}`, [...new Set(needs.filter(() => n > 0).map((need) => `s${need % Math.max(n, 1)}`))]),
          );
          const host = memoryHost();
          const done: string[] = [];
          await runPlan(planOf(...steps.toReversed()), host.ports, {
            onEvent: ({ kind, step }) => {
              if (kind !== 'finished') return;
              done.push(step.id);
            },
          });
          expect(done.toSorted()).toEqual(steps.map(({ id }) => id).toSorted());
          for (const { id, needs } of steps) {
            for (const need of needs) expect(done.indexOf(need)).toBeLessThan(done.indexOf(id));
          }
          expect(steps.every(({ id }) => host.store.read(`/test/${id}`) === id)).toBe(true);
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('a step that fails', () => {
  test('stops the run, which takes back what was done, last first', async () => {
    const host = memoryHost();
    const events: string[] = [];
    const plan = planOf(writeStep('a'), writeStep('b', ['a']), refusing('c', ['b']), writeStep('d', ['c']));
    const error = await errorOf(
      runPlan(plan, host.ports, { onEvent: ({ kind, step }) => events.push(`${kind} ${step.id}`) }),
    );
    expect(events).toEqual([
      'started a',
      'finished a',
      'started b',
      'finished b',
      'started c',
      'failed c',
      'undoing b',
      'undone b',
      'undoing a',
      'undone a',
    ]);
    expect(error).toMatchObject({ code: 'taken', message: 'it is taken', hint: 'wait' });
    expect(error.evidence).toContainEqual({ title: 'step', lines: ['c: do c', 'a test'] });
  });

  test('is not undone itself when its condition was refused: what is there is another’s', async () => {
    const host = memoryHost();
    await errorOf(runPlan(planOf(refusing('c')), host.ports));
    expect(host.store.read('/local/domain/0/name')).toBe('Domain-0');
  });

  test('is undone itself when it may have acted', async () => {
    const host = memoryHost({ fault: { failAt: ({ method }) => method === 'store.transaction', when: 'after' } });
    await errorOf(runPlan(planOf(writeStep('a')), host.ports));
    expect(host.store.read('/test/a')).toBeNull();
  });

  test('has the last word even where the undo fails, which is told as evidence', async () => {
    const broken: Step = {
      ...writeStep('a'),
      undo: [
        { kind: 'qmp', socket: '/none', commands: [{ execute: 'quit' }], timeoutMs: 100 },
        { kind: 'store', transaction: true, ops: [{ op: 'rm', path: '/test' }] },
      ],
    };
    const host = memoryHost({
      monitor: () => {
        throw new Error('no monitor there');
      },
    });
    const error = await errorOf(runPlan(planOf(broken, refusing('c', ['a'])), host.ports));
    expect(error.code).toBe('taken');
    expect(error.evidence).toContainEqual({ title: 'could not be taken back', lines: ['a: qmp: no monitor there'] });
    expect(host.store.read('/test/a'), 'the undo went on after the failure').toBeNull();
  });

  test('stops the steps beside it', async () => {
    const host = memoryHost();
    const events: RunEvent[] = [];
    const plan = planOf(waitFor('forever', '/never'), waitFor('quick', '/soon', { needs: [] }));
    host.store.write('/soon', 'no');
    const failing: Step = { ...plan.steps[1]!, action: { ...plan.steps[1]!.action, failOn: ['no'] } as Step['action'] };
    const error = await errorOf(
      runPlan({ ...plan, steps: [plan.steps[0]!, failing] }, host.ports, { onEvent: (event) => events.push(event) }),
    );
    expect(error.code).toBe('wait-failed');
    expect(events.map(({ kind, step }) => `${kind} ${step.id}`)).toContain('stopped forever');
    expect(host.clock.monotonic(), 'nobody waited for the bound').toBeLessThan(1000);
  });

  test('of a kind nobody foresaw becomes an XlError with its cause', async () => {
    const host = memoryHost({
      monitor: () => {
        throw new RangeError('surprise');
      },
    });
    const ask = step({
      id: 'ask',
      action: { kind: 'qmp', socket: '/s', commands: [{ execute: 'x' }], timeoutMs: 1000 },
    });
    const error = await errorOf(runPlan(planOf(ask), host.ports));
    expect(error).toMatchObject({ code: 'step-failed', message: 'could not do ask: surprise' });
    expect((error.cause as XlError).message).toContain('surprise');
  });
});

describe('breaking off', () => {
  test('before the start does nothing at all', async () => {
    const host = memoryHost();
    const error = await errorOf(runPlan(planOf(writeStep('a')), host.ports, { signal: AbortSignal.abort() }));
    expect(error).toMatchObject({ code: 'aborted', exitCode: 130 });
    expect(host.calls).toEqual([]);
  });

  test('ends a wait at once and takes everything back', async () => {
    const host = memoryHost();
    const breakOff = new AbortController();
    const plan = planOf(writeStep('a'), waitFor('w', '/never', { needs: ['a'] }));
    void host.clock.sleep(2000, new AbortController().signal).then(() => breakOff.abort());
    const error = await errorOf(runPlan(plan, host.ports, { signal: breakOff.signal }));
    expect(error.code).toBe('aborted');
    expect(host.clock.monotonic()).toBe(2000);
    expect(host.store.read('/test/a')).toBeNull();
  });
});

describe('what hangs', () => {
  test('is given up past its bound, and what was done is taken back', async () => {
    const host = memoryHost();
    const stuck = { ...host.ports, hypervisor: { call: () => new Promise<never>(() => undefined) } };
    const hang = step({
      id: 'hang',
      needs: ['a'],
      action: { kind: 'hypercall', call: { op: 'pausedomain', domid: '3' } },
    });
    const error = await errorOf(runPlan(planOf(writeStep('a'), hang), stuck));
    expect(error).toMatchObject({ code: 'step-timeout', message: 'could not do hang within 60 s' });
    expect(host.store.read('/test/a')).toBeNull();
  });

  test('in an undo does not keep the others from being undone', async () => {
    const host = memoryHost();
    const stuck = { ...host.ports, hypervisor: { call: () => new Promise<never>(() => undefined) } };
    const sticky = { ...writeStep('b', ['a']), undo: [{ kind: 'hypercall', call: { op: 'pausedomain', domid: '3' } }] };
    const error = await errorOf(runPlan(planOf(writeStep('a'), sticky as Step, refusing('c', ['b'])), stuck));
    expect(error.code).toBe('taken');
    expect(error.evidence).toContainEqual({
      title: 'could not be taken back',
      lines: ['b: hypercall: hypercall did not end within 60 s'],
    });
    expect(host.store.read('/test/a')).toBeNull();
  });
});

test('a listener that throws does not harm the run, and is not called again', async () => {
  const host = memoryHost();
  let called = 0;
  await runPlan(planOf(writeStep('a'), writeStep('b', ['a'])), host.ports, {
    onEvent: () => {
      called += 1;
      throw new Error('EPIPE');
    },
  });
  expect(called).toBe(1);
  expect(host.store.read('/test/b')).toBe('b');
});

test('locks are held until all is taken back, and given back whatever happens', async () => {
  const host = memoryHost();
  const lock = step({ id: 'lock', action: { kind: 'lock', path: '/lock', timeoutMs: 1000 } });
  const held: boolean[] = [];
  await errorOf(
    runPlan(planOf(lock, writeStep('a', ['lock']), refusing('c', ['a'])), host.ports, {
      onEvent: ({ kind }) => (kind === 'undone' ? held.push(host.files.locks.has('/lock')) : undefined),
    }),
  );
  expect(held).toEqual([true]);
  expect(host.files.locks.size).toBe(0);
});

test('two hundred disks are attached at once, in no more time than one', async () => {
  const host = memoryHost();
  const disks = Array.from({ length: 200 }, (_, n) => {
    const backend = `/local/domain/0/backend/vbd/1/${n}`;
    return [
      step({
        id: `${n}-nodes`,
        action: { kind: 'store', transaction: true, ops: [{ op: 'write', path: `${backend}/state`, value: '1' }] },
      }),
      waitFor(`${n}-wait`, `${backend}/state`, {
        needs: [`${n}-nodes`],
        action: { ...waitFor('x', `${backend}/state`).action, until: { oneOf: ['2'] } } as Step['action'],
      }),
    ];
  });
  const { timings } = await runPlan(planOf(...disks.flat()), host.ports);
  expect(timings).toHaveLength(400);
  expect(Math.max(...timings.map(({ endMs }) => endMs))).toBe(5);
});
