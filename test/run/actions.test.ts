import { describe, expect, test } from 'vitest';
import { XlError } from '../../lib/base/error.ts';
import type { StoreOp } from '../../lib/base/store-op.ts';
import { memoryHost, type MemoryHost, type MemoryHostOptions } from '../../lib/host/memory/host.ts';
import type { Action, Step, WaitAction } from '../../lib/plan/step.ts';
import type { RunEvent } from '../../lib/run/events.ts';
import { runPlan } from '../../lib/run/executor.ts';
import type { Ports, Store } from '../../lib/run/ports.ts';
import { planOf, step } from './plans.ts';

async function run(host: MemoryHost, action: Action, changes: Partial<Step> = {}): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  await runPlan(planOf(step({ id: 'it', action, ...changes })), host.ports, { onEvent: (event) => events.push(event) });
  return events;
}

async function failure(host: MemoryHost, action: Action): Promise<XlError> {
  const error: unknown = await run(host, action).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(XlError);
  return error as XlError;
}

const later = (host: MemoryHost, ms: number, work: () => void): void => {
  void host.clock.sleep(ms, new AbortController().signal).then(work);
};

describe('a store step', () => {
  const ops = (...list: StoreOp[]): Action => ({ kind: 'store', transaction: true, ops: list });

  test('writes values with their permissions; what is between inherits', async () => {
    const host = memoryHost();
    host.store.write('/a', '');
    await run(
      host,
      ops({ op: 'write', path: '/a/b/c', value: 'v', perms: ['n7', 'r0'] }, { op: 'mkdir', path: '/a/d' }),
    );
    expect(host.store.dump().filter((line) => line.startsWith('/a'))).toEqual([
      '/a = "" (n0)',
      '/a/b = "" (n0)',
      '/a/b/c = "v" (n7,r0)',
      '/a/d = "" (n0)',
    ]);
  });

  test.each<[string, string[], string[]]>([
    ['every parent left empty goes', ['/p/q/r/s'], ['/']],
    ['a parent with another child stays', ['/p/q/r/s', '/p/other'], ['/', '/p', '/p/other']],
  ])('prunes: %s', async (_, paths, left) => {
    const host = memoryHost();
    host.store.rm('/local');
    host.store.rm('/vm');
    host.store.rm('/libxl');
    for (const path of paths) host.store.write(path, '');
    await run(host, ops({ op: 'prune', path: '/p/q/r' }));
    expect(host.store.paths()).toEqual(left);
  });

  test('prunes: a parent with a value stays, and so does what is above', async () => {
    const host = memoryHost();
    host.store.write('/p/q', 'kept');
    host.store.write('/p/q/r/s', '');
    await run(host, ops({ op: 'prune', path: '/p/q/r' }));
    expect(host.store.read('/p/q')).toBe('kept');
    expect(host.store.read('/p/q/r')).toBeNull();
  });

  test('prunes: what is not there, below what is not there, changes nothing', async () => {
    const host = memoryHost();
    host.store.write('/empty', '');
    const before = host.snapshot();
    await run(host, ops({ op: 'prune', path: '/empty/none/none' }));
    expect(host.snapshot()).toEqual(before);
  });

  test('writes only where the node is, and replaces only the value it knows', async () => {
    const host = memoryHost();
    host.store.write('/online', '1');
    host.store.write('/state', '6');
    await run(
      host,
      ops(
        { op: 'write-if-present', path: '/online', value: '0' },
        { op: 'write-if-present', path: '/gone', value: '0' },
        { op: 'replace', path: '/state', from: '5', to: '4' },
      ),
    );
    expect([host.store.read('/online'), host.store.read('/gone'), host.store.read('/state')]).toEqual(['0', null, '6']);
  });

  test('refuses a name that another domain has, and takes its own', async () => {
    const host = memoryHost();
    host.store.write('/local/domain/3/name', 'web');
    const claim = (domid: string): Action =>
      ops({ op: 'require-unused-name', name: 'web', domid, error: { code: 'domain-name-taken', message: 'taken' } });
    await run(host, claim('3'));
    expect((await failure(host, claim('4'))).code).toBe('domain-name-taken');
  });

  test('changes nothing where a condition is refused', async () => {
    const host = memoryHost();
    const before = host.snapshot();
    const error = { code: 'device-exists', message: 'there already' };
    await failure(host, ops({ op: 'write', path: '/new', value: '' }, { op: 'require-absent', path: '/local', error }));
    expect(host.snapshot()).toEqual(before);
  });

  /** The host's ports, where somebody else acts between the first transaction's body and its commit. */
  function interfering(host: MemoryHost, interfere: () => void): Ports {
    const { store } = host.ports;
    let done = false;
    const transaction: Store['transaction'] = (body, options) =>
      store.transaction(async (view) => {
        const result = await body(view);
        if (!done) interfere();
        done = true;
        return result;
      }, options);
    return { ...host.ports, store: { ...store, transaction } };
  }

  test('is repeated whole when somebody else changed what it read', async () => {
    const host = memoryHost();
    host.store.write('/counter', '1');
    const ports = interfering(host, () => host.store.write('/counter', '2'));
    const action = ops({ op: 'replace', path: '/counter', from: '2', to: 'seen' });
    await runPlan(planOf(step({ id: 'it', action })), ports);
    expect(host.store.read('/counter')).toBe('seen');
  });

  test('that loses a race for a device leaves the winner’s alone', async () => {
    const host = memoryHost();
    const ports = interfering(host, () => host.store.write('/device', 'of the winner'));
    const attach = step({
      id: 'it',
      action: ops(
        { op: 'require-absent', path: '/device', error: { code: 'device-exists', message: 'there already' } },
        { op: 'write', path: '/device', value: 'of the loser' },
      ),
      undo: [ops({ op: 'prune', path: '/device' })],
    });
    await expect(runPlan(planOf(attach), ports)).rejects.toMatchObject({ code: 'device-exists' });
    expect(host.store.read('/device')).toBe('of the winner');
  });

  test('introduces a domain on its own, outside any transaction', async () => {
    const host = memoryHost();
    const action: Action = {
      kind: 'store',
      transaction: false,
      ops: [{ op: 'introduce', domid: '5', gfn: '1044476', port: '1' }],
    };
    await run(host, action);
    expect(host.snapshot().introduced).toEqual([5]);
  });
});

describe('a wait', () => {
  const wait = (changes: Partial<WaitAction> = {}): WaitAction => ({
    kind: 'wait',
    path: '/w/state',
    until: { oneOf: ['2', '4'] },
    failOn: ['6'],
    timeoutMs: 10_000,
    subject: 'the backend of xvda',
    evidence: ['/w/state', '/w/hotplug-error', '/w/none'],
    timeout: 'error',
    ...changes,
  });

  test('ends with the value that it waited for', async () => {
    const host = memoryHost();
    later(host, 300, () => host.store.write('/w/state', '1'));
    later(host, 700, () => host.store.write('/w/state', '4'));
    const { bindings } = await runPlan(
      planOf(step({ id: 'it', action: wait(), binds: { seen: 'value' } })),
      host.ports,
    );
    expect([bindings.seen, host.clock.monotonic()]).toEqual(['4', 700]);
  });

  test('tells the user what it waits for once it takes long', async () => {
    const host = memoryHost();
    later(host, 700, () => host.store.write('/w/state', '4'));
    const events = await run(host, wait());
    expect(events).toContainEqual({
      kind: 'waiting',
      step: { id: 'it', title: 'do it' },
      subject: 'the backend of xvda',
      timeoutMs: 10_000,
    });
  });

  test('says nothing while it does not take long', async () => {
    const host = memoryHost();
    later(host, 300, () => host.store.write('/w/state', '4'));
    expect((await run(host, wait())).map(({ kind }) => kind)).toEqual(['started', 'finished']);
  });

  test('fails at once on a value that means failure, with what the nodes say', async () => {
    const host = memoryHost();
    host.store.write('/w/hotplug-error', 'no such file\u001b[31m');
    later(host, 100, () => host.store.write('/w/state', '6'));
    const error = await failure(host, wait());
    expect(error.code).toBe('wait-failed');
    expect(error.message).toBe('waited for the backend of xvda, but /w/state became 6');
    expect(error.evidence[0]).toEqual({
      title: 'xenstore',
      lines: ['/w/state = "6"', '/w/hotplug-error = "no such file\\u{1b}[31m"', '/w/none is not there'],
    });
    expect(host.clock.monotonic()).toBe(100);
  });

  test('fails past its bound, with how far each side came', async () => {
    const host = memoryHost();
    host.store.write('/w/state', '1');
    const error = await failure(host, wait());
    expect(error.code).toBe('wait-timed-out');
    expect(error.message).toBe('waited 10 s for the backend of xvda in vain');
    expect(error.evidence[0]?.lines[0]).toBe('/w/state = "1"');
  });

  test('says what whoever is waited for has in its log, where that is known', async () => {
    const host = memoryHost();
    const log = '/var/log/xen/qemu-dm-g.log';
    host.processes.logs.set(log, ['VNC server running', 'failed to create drive']);
    const last = { title: `last lines of ${log}`, lines: ['VNC server running', 'failed to create drive'] };
    expect((await failure(host, wait({ log }))).evidence).toContainEqual(last);
    for (const without of [wait({ log: '/var/log/none' }), wait()]) {
      expect((await failure(host, without)).evidence.map(({ title }) => title)).not.toContain(last.title);
    }
  });

  test('says of a device how far each end came, in its words and its evidence', async () => {
    const host = memoryHost({ backends: 'silent' });
    host.store.write('/b/state', '2');
    host.store.write('/f/state', '1');
    const ends = { backend: '/b', frontend: '/f' };
    const error = await failure(host, wait({ path: '/b/state', until: { oneOf: ['4'] }, ends }));
    expect(error.message).toBe(
      'waited 10 s for the backend of xvda in vain (its backend is in state 2 InitWait, its frontend in state 1 Initialising: the guest has not connected)',
    );
    expect(error.hint).toContain('paused');
    const events = await run(host, wait({ path: '/b/state', until: { oneOf: ['4'] }, ends, timeout: 'warning' }));
    expect(events.find(({ kind }) => kind === 'warning')).toMatchObject({
      warning: { message: expect.stringContaining('the guest has not connected); going on without') as string },
    });
    later(host, 100, () => host.store.write('/b/state', '6'));
    expect((await failure(host, wait({ path: '/b/state', until: { oneOf: ['4'] }, ends }))).message).toBe(
      'waited for the backend of xvda, but it is 6 Closed',
    );
  });

  test('or goes on with a warning, where that is what a timeout means', async () => {
    const events = await run(memoryHost(), wait({ timeout: 'warning' }));
    expect(events.find(({ kind }) => kind === 'warning')).toMatchObject({
      warning: { code: 'wait-timed-out', message: 'waited 10 s for the backend of xvda; going on without' },
    });
  });

  test.each<[string, WaitAction['until'], string | null]>([
    ['a node that is gone', 'gone', null],
    ['any value', 'non-empty', 'x'],
    ['one of some values', { oneOf: ['x'] }, 'x'],
    ['one of some values, or no node', { oneOf: ['x'], orGone: true }, null],
  ])('can be for %s', async (_, until, value) => {
    const host = memoryHost();
    host.store.write('/w/state', '');
    later(host, 50, () => (value === null ? host.store.rm('/w') : host.store.write('/w/state', value)));
    await run(host, wait({ until }));
    expect(host.clock.monotonic()).toBe(50);
  });

  test('fails when xenstore goes away', async () => {
    const host = memoryHost();
    const gone = async function* (): AsyncGenerator<string> {
      await Promise.resolve();
      yield '/w/state';
    };
    const ports = { ...host.ports, store: { ...host.ports.store, watch: gone } };
    await expect(runPlan(planOf(step({ id: 'it', action: wait() })), ports)).rejects.toMatchObject({
      code: 'xenstore-gone',
    });
  });
});

describe('starting a device model', () => {
  const spawn: Action = {
    kind: 'spawn',
    argv: ['/usr/bin/qemu-system-i386', '-xen-domid', '7'],
    env: {},
    log: '/var/log/xen/qemu-dm-web.log',
    pidPath: '/local/domain/7/image/device-model-pid',
    domid: '7',
    ready: { path: '/local/domain/0/device-model/7/state', value: 'running', timeoutMs: 60_000 },
  };

  test('notes its pid and waits until it says that it runs', async () => {
    const host = memoryHost();
    await run(host, spawn);
    expect(host.store.read('/local/domain/7/image/device-model-pid')).toBe('1000');
    expect(host.clock.monotonic()).toBe(50);
  });

  test('fails with its last words when it ends before', async () => {
    const host = memoryHost({ processes: 'exit' });
    const error = await failure(host, spawn);
    expect(error.code).toBe('device-model-exited');
    expect(error.message).toBe('qemu-system-i386 ended with status 1 before it was ready');
    expect(error.evidence[0]).toEqual({
      title: 'last lines of /var/log/xen/qemu-dm-web.log',
      lines: ['qemu-system-i386: could not open the image'],
    });
  });

  test('fails past its bound when it never says anything', async () => {
    const error = await failure(memoryHost({ processes: 'silent' }), spawn);
    expect(error.code).toBe('device-model-timeout');
    expect(error.message).toContain('was not ready within 60 s');
  });

  test('ends it again where its pid cannot be noted, since nobody would find it', async () => {
    const host = memoryHost({
      fault: { failAt: ({ method, args }) => method === 'store.write' && args[0] === spawn.pidPath, when: 'before' },
    });
    expect((await failure(host, spawn)).code).toBe('injected-fault');
    expect(host.snapshot().processes).toEqual([]);
  });
});

describe('ending a process', () => {
  const kill = (pid: { value: string } | { path: string }): Action => ({
    kind: 'kill',
    pid,
    signal: 'SIGHUP',
    graceMs: 1000,
    domid: '7',
  });

  test.each(['0', '1', '-5', 'abc', '99999999', '12; rm -rf /'])('refuses %s, which is no pid', async (value) => {
    const host = memoryHost();
    expect((await failure(host, kill({ value }))).code).toBe('pid-invalid');
    expect(host.calls.some(({ method }) => method === 'processes.kill')).toBe(false);
  });

  test('ends what was started for the domain where no pid is noted, and nothing else', async () => {
    const host = memoryHost();
    const request = { argv: ['qemu'], env: {}, log: '/log' };
    await host.bare.processes.spawn({ ...request, domid: 7 }, new AbortController().signal);
    await host.bare.processes.spawn({ ...request, domid: 8 }, new AbortController().signal);
    await run(host, kill({ path: '/local/domain/7/image/device-model-pid' }));
    expect([...host.processes.running.values()].map(({ domid }) => domid)).toEqual([8]);
  });
});

describe('a hotplug script', () => {
  const script = (failureIs: 'error' | 'warning'): Action => ({
    kind: 'hotplug',
    argv: ['/etc/xen/scripts/block', 'add'],
    env: { XENBUS_PATH: 'backend/vbd/7/51712' },
    timeoutMs: 40_000,
    errorPath: '/local/domain/0/backend/vbd/7/51712/hotplug-error',
    failure: failureIs,
  });
  const failing: MemoryHostOptions = { scripts: 'fail' };

  test('that fails is an error in its own words, with its output', async () => {
    const host = memoryHost(failing);
    host.store.write('/local/domain/0/backend/vbd/7/51712', '');
    const error = await failure(host, script('error'));
    expect(error.code).toBe('hotplug-failed');
    expect(error.message).toBe('/etc/xen/scripts/block add exited with status 1: Device is mounted in a guest domain');
    expect(error.evidence[0]?.lines).toEqual(['the script failed']);
  });

  test('that fails on removal is a warning', async () => {
    const events = await run(memoryHost(failing), script('warning'));
    expect(events.find(({ kind }) => kind === 'warning')).toMatchObject({ warning: { code: 'hotplug-failed' } });
  });
});

describe('a QMP step', () => {
  const ask = (
    takes: Record<string, { where?: { field: string; is: string }; field: string; after?: string }>,
  ): Action => ({
    kind: 'qmp',
    socket: '/run/qmp',
    commands: [{ execute: 'cont' }, { execute: 'query-chardev', takes }],
    timeoutMs: 10_000,
  });
  const bound = async (action: Action): Promise<Record<string, string>> =>
    (await runPlan(planOf(step({ id: 'it', action })), memoryHost().ports)).bindings;

  test('takes a field of the list element that it names, without what is in front', async () => {
    const take = { where: { field: 'label', is: 'serial1' }, field: 'filename', after: 'pty:' };
    expect((await bound(ask({ tty: take }))).tty).toBe('/dev/pts/11');
  });

  test('takes nothing where the value does not begin as it should', async () => {
    const take = { where: { field: 'label', is: 'serial1' }, field: 'filename', after: 'unix:' };
    expect((await bound(ask({ tty: take }))).tty).toBe('');
  });

  test('fails where the answer has no such field', async () => {
    const error = await failure(memoryHost(), ask({ tty: { where: { field: 'label', is: 'x' }, field: 'filename' } }));
    expect(error.code).toBe('qmp-answer-unexpected');
    expect(error.message).toBe('QEMU’s answer to query-chardev has no filename for label x');
  });
});
