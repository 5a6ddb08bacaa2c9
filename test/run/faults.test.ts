import { describe, expect, test } from 'vitest';
import { memoryHost } from '../../lib/host/memory/host.ts';
import type { Plan } from '../../lib/plan/step.ts';
import { planOf, step, writeStep } from './plans.ts';
import { everyAbort, everyFault, type MakeHost } from './every-fault.ts';

const everyKind: Plan = planOf(
  step({ id: 'lock', action: { kind: 'lock', path: '/var/lock/test', timeoutMs: 1000 } }),
  writeStep('one', ['lock']),
  writeStep('two', ['lock'], '/test/deep/er/two'),
  step({
    id: 'file',
    needs: ['one'],
    action: { kind: 'file', op: 'write', path: '/etc/test', content: 'x', mode: 0o600 },
    undo: [{ kind: 'file', op: 'remove', path: '/etc/test' }],
  }),
  step({
    id: 'script',
    needs: ['two'],
    action: {
      kind: 'hotplug',
      argv: ['/etc/xen/scripts/block', 'add'],
      env: { XENBUS_PATH: 'backend/vbd/7/51712' },
      timeoutMs: 40_000,
      errorPath: '/test/hotplug-error',
      failure: 'error',
    },
    undo: [
      {
        kind: 'hotplug',
        argv: ['/etc/xen/scripts/block', 'remove'],
        env: { XENBUS_PATH: 'backend/vbd/7/51712' },
        timeoutMs: 40_000,
        errorPath: '/test/hotplug-error',
        failure: 'warning',
      },
    ],
  }),
  step({
    id: 'qemu',
    needs: ['file', 'script'],
    action: {
      kind: 'spawn',
      argv: ['qemu'],
      env: {},
      log: '/var/log/xen/qemu.log',
      pidPath: '/test/pid',
      domid: '7',
      ready: { path: '/local/domain/0/device-model/7/state', value: 'running', timeoutMs: 60_000 },
    },
    undo: [
      { kind: 'kill', pid: { path: '/test/pid' }, signal: 'SIGTERM', graceMs: 1000, domid: '7' },
      {
        kind: 'store',
        transaction: true,
        ops: ['/test/pid', '/local/domain/0/device-model/7'].map((path) => ({ op: 'prune', path })),
      },
    ],
  }),
  step({
    id: 'ask',
    needs: ['qemu'],
    action: {
      kind: 'qmp',
      socket: '/run/qmp',
      commands: [{ execute: 'query-vnc', takes: { port: { field: 'service' } } }],
      timeoutMs: 1000,
    },
  }),
);

const plans: readonly (readonly [string, Plan])[] = [['every kind of step', everyKind]];

const makeHost: MakeHost = (fault) => memoryHost(fault === undefined ? {} : { fault });

describe.each(plans)('%s', (_, plan) => {
  test('leaves nothing behind, whichever call fails', async () => {
    expect(await everyFault(plan, makeHost)).toBeGreaterThan(10);
  });

  test('leaves nothing behind, whichever answer is lost', async () => {
    expect(await everyFault(plan, makeHost, 'after')).toBeGreaterThan(10);
  });

  test('leaves nothing behind, whenever it is broken off', async () => {
    expect(await everyAbort(plan, () => memoryHost())).toBeGreaterThan(plan.steps.length);
  });
});
