import { describe, expect, test } from 'vitest';
import { memoryHost, type MemoryHost } from '../../lib/host/memory/host.ts';
import type { Plan } from '../../lib/plan/step.ts';
import type { Ports } from '../../lib/run/ports.ts';
import { runPlan } from '../../lib/run/executor.ts';
import { journalOwner, readJournal } from '../../lib/run/journal.ts';
import { recoverJournals } from '../../lib/run/recover.ts';
import { createPlan, guests } from './configs.ts';
import { journal } from './every-fault.ts';
import { planOf, step, writeStep } from './plans.ts';

const sameBoot = { bootId: journal.identity.bootId, isAlive: () => Promise.resolve(false) };

/** Runs a plan until a port call, and dies there as by kill -9: nothing is called any more. */
async function killedAt(host: MemoryHost, plan: Plan, call: number): Promise<void> {
  let calls = 0;
  let die = (): void => undefined;
  const dead = new Promise<void>((resolve) => (die = resolve));
  const guard = <Port extends object>(port: Port): Port =>
    new Proxy(port, {
      get: (target, key) => {
        const method: unknown = Reflect.get(target, key);
        if (typeof method !== 'function') return method;
        return (...args: unknown[]): unknown => {
          calls += 1;
          if (calls <= call) return Reflect.apply(method, target, args);
          die();
          return key === 'watch' ? silence() : new Promise(() => undefined);
        };
      },
    });
  const { ports } = host;
  const mortal: Ports = {
    ...ports,
    hypervisor: guard(ports.hypervisor),
    store: guard(ports.store),
    processes: guard(ports.processes),
    blocks: guard(ports.blocks),
    files: guard(ports.files),
    monitors: guard(ports.monitors),
  };
  const over = runPlan(plan, mortal, { journal }).then(
    () => undefined,
    () => undefined,
  );
  await Promise.race([dead, over]);
  // The kernel lets go of the locks of a process that is gone.
  host.files.locks.clear();
}

// eslint-disable-next-line @typescript-eslint/require-await -- a watch that never says anything
async function* silence(): AsyncGenerator<string> {
  yield* [];
}

const plan = planOf(
  writeStep('one'),
  step({
    id: 'file',
    needs: ['one'],
    action: { kind: 'file', op: 'write', path: '/etc/test', content: 'x', mode: 0o600 },
    undo: [{ kind: 'file', op: 'remove', path: '/etc/test' }],
  }),
  writeStep('two', ['file']),
);

const journalsOf = (host: MemoryHost): string[] =>
  [...host.files.files.keys()].filter((path) => path.startsWith(journal.directory));

describe('a run that was killed', () => {
  test('is taken back by the next command, wherever it died', async () => {
    const whole = memoryHost();
    await runPlan(plan, whole.ports, { journal });
    const everyCall = whole.calls.filter(({ method }) => !method.startsWith('view.')).length;
    for (let call = 1; call < everyCall; call += 1) {
      const host = memoryHost();
      const before = host.snapshot();
      await killedAt(host, plan, call);
      await recoverJournals(journal.directory, host.ports, sameBoot);
      expect(host.snapshot(), `killed at call ${call}`).toEqual(before);
    }
    expect(everyCall).toBeGreaterThan(8);
  });

  test.each(['small', 'classic', 'big'])(
    'that was creating %s leaves nothing, wherever it died',
    async (guest) => {
      const create = createPlan(guests[guest]!, { paused: false, host: 'xen' });
      const whole = memoryHost();
      await runPlan(create, whole.ports, { journal });
      const everyCall = whole.calls.filter(({ method }) => !method.startsWith('view.')).length;
      for (let call = 1; call < everyCall; call += 1) {
        const host = memoryHost();
        const before = host.snapshot();
        await killedAt(host, create, call);
        await host.settled();
        await recoverJournals(journal.directory, host.ports, sameBoot);
        expect(host.snapshot(), `killed at call ${call}`).toEqual(before);
      }
      expect(everyCall).toBeGreaterThan(30);
    },
    60_000,
  );

  test('whose domain’s number is another domain’s by now leaves that one alone', async () => {
    const host = memoryHost();
    await killedAt(host, createPlan(guests.small!, { paused: false, host: 'xen' }), 60);
    await host.settled();
    expect(host.hypervisor.domains.get(1)).toBeDefined();
    host.hypervisor.domains.set(1, { ...host.hypervisor.domains.get(1)!, uuid: 'another' });
    const before = host.store.dump();
    await recoverJournals(journal.directory, host.ports, sameBoot);
    expect(host.hypervisor.domains.get(1)).toBeDefined();
    expect(host.store.dump()).toEqual(before);
  });

  test('is named, with what was taken back', async () => {
    const host = memoryHost();
    // The journal's file and first line, the first step's way back, its transaction, the second step's way back.
    await killedAt(host, plan, 6);
    expect(await recoverJournals(journal.directory, host.ports, sameBoot)).toEqual([
      { title: 'test', undone: ['file', 'one'], problems: [] },
    ]);
    expect(await recoverJournals(journal.directory, host.ports, sameBoot)).toEqual([]);
  });

  test('is left alone while its process lives', async () => {
    const host = memoryHost();
    await killedAt(host, plan, 6);
    const before = host.snapshot();
    const isAlive = (owner: { pid: number; startTime: string }): Promise<boolean> =>
      Promise.resolve(owner.pid === journal.identity.pid && owner.startTime === journal.identity.startTime);
    expect(await recoverJournals(journal.directory, host.ports, { ...sameBoot, isAlive })).toEqual([]);
    expect(host.snapshot()).toEqual(before);
  });

  test('is taken back once by two commands that find it together', async () => {
    const host = memoryHost();
    await killedAt(host, plan, 6);
    const both = await Promise.all([1, 2].map(() => recoverJournals(journal.directory, host.ports, sameBoot)));
    expect(both.map((found) => found.length).toSorted()).toEqual([0, 1]);
    expect(host.snapshot().locks).toEqual([]);
  });

  test('before a reboot has only its files taken back: domids and pids are others’ by now', async () => {
    const host = memoryHost();
    await killedAt(host, plan, 100);
    const file = journalsOf(host);
    expect(file).toEqual([]);
    const rebooted = memoryHost();
    await killedAt(rebooted, plan, 7);
    expect(rebooted.files.files.has('/etc/test')).toBe(true);
    await recoverJournals(journal.directory, rebooted.ports, { ...sameBoot, bootId: 'boot-2' });
    expect(rebooted.files.files.has('/etc/test')).toBe(false);
    expect(rebooted.store.read('/test/one')).toBe('one');
  });
});

describe('a journal', () => {
  test('is private, and goes when the run has ended well', async () => {
    const host = memoryHost();
    await runPlan(plan, host.ports, { journal });
    const made = host.calls.find(({ method }) => method === 'files.write');
    expect(made?.args.slice(1)).toEqual(['', 0o600]);
    expect(journalsOf(host)).toEqual([]);
  });

  test('has the way back on disk before the step acts', async () => {
    const host = memoryHost();
    await runPlan(plan, host.ports, { journal });
    const methods = host.calls.map(({ method, args }) => `${method} ${String(args[0]).replace(/.*\//, '')}`);
    const act = methods.indexOf('files.write test');
    expect(act).toBeGreaterThan(0);
    expect(methods.slice(0, act).filter((method) => method.startsWith('files.append')).length).toBe(3);
  });

  test('that cannot be written keeps the plan from starting', async () => {
    const host = memoryHost({ fault: { failAt: ({ method }) => method === 'files.append', when: 'before' } });
    const before = host.snapshot();
    await expect(runPlan(plan, host.ports, { journal })).rejects.toMatchObject({ code: 'journal-failed' });
    expect(host.snapshot()).toEqual(before);
  });

  test('stays after an undo that failed, and is tried once more', async () => {
    let broken = true;
    const host = memoryHost({
      monitor: () => {
        if (broken) throw new Error('no monitor there');
        return {};
      },
    });
    const sticky = step({
      id: 'sticky',
      action: { kind: 'file', op: 'write', path: '/f', content: '', mode: 0o600 },
      undo: [
        { kind: 'qmp', socket: '/s', commands: [{ execute: 'quit' }], timeoutMs: 10 },
        { kind: 'file', op: 'remove', path: '/f' },
      ],
    });
    const refuse = step({
      id: 'refuse',
      needs: ['sticky'],
      action: {
        kind: 'store',
        transaction: true,
        ops: [{ op: 'require-absent', path: '/local', error: { code: 'taken', message: 'taken' } }],
      },
    });
    await expect(runPlan(planOf(sticky, refuse), host.ports, { journal })).rejects.toMatchObject({ code: 'taken' });
    expect(journalsOf(host)).toHaveLength(1);
    broken = false;
    expect(await recoverJournals(journal.directory, host.ports, sameBoot)).toEqual([
      { title: 'test', undone: ['sticky'], problems: [] },
    ]);
    expect(journalsOf(host)).toEqual([]);
  });

  test('whose last line was cut off is read up to there', () => {
    const head = '{"kind":"run","title":"t","bootId":"b"}';
    const will = '{"kind":"will","step":"a","undo":[]}';
    expect(readJournal(`${head}\n${will}\n{"kind":"wi`)?.open).toEqual([{ step: 'a', undo: [] }]);
    expect(readJournal(head.slice(0, 20))).toBeNull();
    expect(readJournal('')).toBeNull();
  });

  test.each<[string, unknown]>([
    ['4242-123456-1.journal', { pid: 4242, startTime: '123456' }],
    ['recover.lock', null],
    ['1-2.journal', null],
    ['a-2-3.journal', null],
  ])('belongs to the process in its name: %s', (name, owner) => {
    expect(journalOwner(name)).toEqual(owner);
  });
});
