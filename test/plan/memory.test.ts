import { describe, expect, test } from 'vitest';
import { readRunningDomain } from '../../lib/host/inventory.ts';
import { memoryHost, type MemoryHost } from '../../lib/host/memory/host.ts';
import { planMemMax, planMemSet, type DomainMemory } from '../../lib/plan/memory.ts';
import type { RunningDomain } from '../../lib/plan/running.ts';
import type { Plan } from '../../lib/plan/step.ts';
import { runPlan } from '../../lib/run/executor.ts';
import { createPlan, guests } from '../run/configs.ts';
import { everyAbort, everyFault, type MakeHost } from '../run/every-fault.ts';

const UUID = '6d1f0f3a-0000-4000-8000-000000000001';
const HOME = '/local/domain/1/memory';

const hostWith =
  (guest: string): MakeHost =>
  async (fault) => {
    const memory = memoryHost({ ...(fault && { fault }) });
    await runPlan(createPlan(guests[guest]!, { host: 'xen' }), memory.bare);
    await memory.settled();
    return memory;
  };

const domainOf = async (memory: MemoryHost): Promise<RunningDomain> => (await readRunningDomain(memory.bare.store, 1))!;

/** What Xen and the store of a memory host say of domain 1. */
function memoryOf({ store, hypervisor }: MemoryHost): DomainMemory {
  const read = (path: string) => store.read(path) ?? null;
  return {
    targetKiB: Number(read(`${HOME}/target`)),
    staticMaxKiB: Number(read(`${HOME}/static-max`)),
    videoKiB: Number(read(`${HOME}/videoram`)),
    limitKiB: hypervisor.domains.get(1)!.maxKiB,
    written: {
      target: read(`${HOME}/target`),
      staticMax: read(`${HOME}/static-max`),
      vmMemory: read(`/vm/${UUID}/memory`),
    },
  };
}

const calls = ({ steps }: Plan) => steps.flatMap(({ action }) => (action.kind === 'hypercall' ? [action.call] : []));

describe('setting the memory of a domain', () => {
  test('limits it, then tells its balloon driver', async () => {
    const memory = await hostWith('small')();
    const plan = planMemSet(await domainOf(memory), memoryOf(memory), 40 * 1024);
    expect(plan.steps.map(({ id, needs }) => [id, needs])).toEqual([
      ['limit', []],
      ['on-demand', ['limit']],
      ['target', ['limit', 'on-demand']],
    ]);
    expect(calls(plan)).toEqual([
      { op: 'max_mem', domid: '1', maxKiB: 41 * 1024 },
      { op: 'set_pod_target', domid: '1', targetKiB: 41 * 1024 },
    ]);
    await runPlan(plan, memory.ports);
    expect(memory.hypervisor.domains.get(1)!.maxKiB).toBe(41 * 1024);
    expect(memory.store.read(`${HOME}/target`)).toBe(String(40 * 1024));
    expect(memory.store.read(`${HOME}/static-max`)).toBe(String(64 * 1024));
    expect(memory.store.read(`/vm/${UUID}/memory`)).toBe('40');
  });

  test('counts video memory as had already, but for Xen', async () => {
    const memory = await hostWith('big')();
    const before = memoryOf(memory);
    expect(before.videoKiB).toBeGreaterThan(0);
    await runPlan(planMemSet(await domainOf(memory), before, 200 * 1024), memory.ports);
    expect(memory.hypervisor.domains.get(1)!.maxKiB).toBe(201 * 1024);
    expect(memory.store.read(`${HOME}/target`)).toBe(String(200 * 1024 - before.videoKiB));
  });

  test('leaves memory on demand alone where there can be none: PV guests and domain 0', async () => {
    const memory = await hostWith('classic')();
    expect(calls(planMemSet(await domainOf(memory), memoryOf(memory), 40 * 1024)).map(({ op }) => op)).toEqual([
      'max_mem',
    ]);
    const dom0 = { domid: 0, name: 'Domain-0', uuid: null, type: null };
    const large = { ...memoryOf(memory), staticMaxKiB: 2 ** 30 };
    const plan = planMemSet(dom0, large, 2 ** 20);
    expect(calls(plan).map(({ op }) => op)).toEqual(['max_mem']);
    expect(() => planMemSet(dom0, large, 100 * 1024)).toThrow(
      expect.objectContaining({ code: 'memory-below-least' }) as Error,
    );
  });

  test.each([
    ['big', 256 * 1024 + 64 * 1024, 'memory-above-max'],
    ['small', 64 * 1024 + 1, 'memory-above-max'],
    ['big', 1024, 'memory-below-least'],
  ])('of %s to %i KiB is refused as %s', async (guest, kib, code) => {
    const memory = await hostWith(guest)();
    const domain = await domainOf(memory);
    expect(() => planMemSet(domain, memoryOf(memory), kib)).toThrow(expect.objectContaining({ code }) as Error);
  });

  test('is whole or not at all, whichever call fails and whenever it is broken off', async () => {
    const withGuest = hostWith('small');
    const memory = await withGuest();
    const plan = planMemSet(await domainOf(memory), memoryOf(memory), 40 * 1024);
    expect(await everyFault(plan, withGuest)).toBeGreaterThan(4);
    expect(await everyFault(plan, withGuest, 'after')).toBeGreaterThan(4);
    expect(await everyAbort(plan, withGuest)).toBeGreaterThan(4);
  });

  test('takes nothing back that another has written meanwhile', async () => {
    const memory = await hostWith('small')();
    const plan = planMemSet(await domainOf(memory), memoryOf(memory), 40 * 1024);
    const fails = { id: 'fails', title: '', why: '', needs: ['target'], undo: [] };
    const steps = [
      ...plan.steps,
      {
        ...fails,
        action: {
          kind: 'store' as const,
          transaction: false,
          ops: [
            { op: 'write' as const, path: `${HOME}/target`, value: '12345' },
            { op: 'require-absent' as const, path: HOME, error: { code: 'no', message: 'no' } },
          ],
        },
      },
    ];
    await expect(runPlan({ ...plan, steps }, memory.ports)).rejects.toMatchObject({ code: 'no' });
    expect(memory.store.read(`${HOME}/target`)).toBe('12345');
  });
});

describe('setting the greatest memory of a domain', () => {
  test('limits it, and notes the maximum', async () => {
    const memory = await hostWith('small')();
    await runPlan(planMemMax(await domainOf(memory), memoryOf(memory), 100 * 1024), memory.ports);
    expect(memory.hypervisor.domains.get(1)!.maxKiB).toBe(101 * 1024);
    expect(memory.store.read(`${HOME}/static-max`)).toBe(String(100 * 1024));
    expect(memory.store.read(`${HOME}/target`)).toBe(String(64 * 1024));
  });

  test('refuses less than the target', async () => {
    const memory = await hostWith('small')();
    const domain = await domainOf(memory);
    expect(() => planMemMax(domain, memoryOf(memory), 64 * 1024 - 1)).toThrow(
      expect.objectContaining({ code: 'memory-below-target' }) as Error,
    );
    expect(() => planMemMax(domain, memoryOf(memory), 64 * 1024)).not.toThrow();
  });

  test('is whole or not at all', async () => {
    const withGuest = hostWith('small');
    const memory = await withGuest();
    const plan = planMemMax(await domainOf(memory), memoryOf(memory), 100 * 1024);
    expect(await everyFault(plan, withGuest)).toBeGreaterThan(2);
    expect(await everyFault(plan, withGuest, 'after')).toBeGreaterThan(2);
    expect(await everyAbort(plan, withGuest)).toBeGreaterThan(2);
  });
});
