import { describe, expect, test } from 'vitest';
import { readAvailability } from '../../lib/host/inventory.ts';
import { memoryHost, type MemoryHost, type MemoryHostOptions } from '../../lib/host/memory/host.ts';
import { planPin, planVcpuSet } from '../../lib/plan/vcpus.ts';
import type { CpuSlot } from '../../lib/qemu/cpu-slots.ts';
import { runPlan } from '../../lib/run/executor.ts';
import { createPlan, guests } from '../run/configs.ts';
import { everyAbort, everyFault, type MakeHost } from '../run/every-fault.ts';
import { factsOf } from '../support/facts.ts';

const facts = factsOf();
const guest = { domid: 1, name: 'small' };
const CONFIG = `${guests.small!}\nvcpus = 2\nmaxvcpus = 4\n`;

const withGuest =
  (options: MemoryHostOptions = {}): MakeHost =>
  async (fault) => {
    const memory = memoryHost({ ...options, ...(fault && { fault }) });
    await runPlan(createPlan(CONFIG, { host: 'xen' }), memory.bare);
    await memory.settled();
    return memory;
  };
const onlineOf = (memory: MemoryHost): Promise<boolean[]> => readAvailability(memory.bare.store, 1);

const slot = (index: number, plugged: boolean): CpuSlot => ({
  index,
  plugged,
  driver: 'qemu32-i386-cpu',
  properties: { 'socket-id': index },
});

describe('the vcpus of a guest', () => {
  test.each([
    [1, [true, false, false, false]],
    [2, [true, true, false, false]],
    [4, [true, true, true, true]],
  ])('are set to %i', async (count, expected) => {
    const memory = await withGuest()();
    expect(await onlineOf(memory)).toEqual([true, true, false, false]);
    await runPlan(planVcpuSet(guest, { online: await onlineOf(memory), slots: null }, count, facts), memory.ports);
    expect(await onlineOf(memory)).toEqual(expected);
  });

  test('are as before where a call fails or the user breaks off', async () => {
    const plan = planVcpuSet(guest, { online: [true, true, false, false], slots: null }, 4, facts);
    expect(await everyFault(plan, withGuest())).toBeGreaterThan(3);
    expect(await everyAbort(plan, withGuest())).toBeGreaterThan(1);
  });

  test('are no more than its configuration allows', () => {
    expect(() => planVcpuSet(guest, { online: [true, true], slots: null }, 3, facts)).toThrow(
      'Requested 3 VCPUs, however maxcpus is 2!',
    );
  });

  test('are plugged into an emulated PC, those that are missing', async () => {
    const heard: unknown[] = [];
    const memory = await withGuest({ monitor: (command) => (heard.push(command), {}) })();
    const slots = [slot(0, true), slot(1, false), slot(2, false)];
    heard.length = 0;
    await runPlan(planVcpuSet(guest, { online: [true, false, false], slots }, 2, facts), memory.ports);
    expect(heard).toEqual([
      { execute: 'device_add', arguments: { id: 'cpu-1', driver: 'qemu32-i386-cpu', 'socket-id': 1 } },
    ]);
  });

  test('are not taken from an emulated PC, and that is said', () => {
    const slots = [slot(0, true), slot(1, true)];
    expect(() => planVcpuSet(guest, { online: [true, true], slots }, 1, facts)).toThrow(
      expect.objectContaining({ code: 'vcpus-not-removable' }) as Error,
    );
  });

  test('are read from nodes with gaps, and from none', async () => {
    const { store, ports } = memoryHost();
    expect(await readAvailability(ports.store, 7)).toEqual([]);
    store.write('/local/domain/7/cpu/2/availability', 'online');
    store.write('/local/domain/7/cpu/x/availability', 'online');
    store.write('/local/domain/7/cpu/99999999/availability', 'online');
    expect(await readAvailability(ports.store, 7)).toEqual([false, false, true]);
  });
});

describe('a vcpu', () => {
  const vcpus = [0, 1].map((vcpu) => ({ vcpu, before: { hard: [0, 1], soft: [0, 1] } }));

  test('is pinned, and a mask that is not named is left alone', async () => {
    const memory = await withGuest()();
    await runPlan(planPin(guest, vcpus, { hard: [1], soft: null }, { force: false }), memory.ports);
    expect([...memory.hypervisor.domains.get(1)!.affinity]).toEqual([
      [0, { hard: [1], soft: null }],
      [1, { hard: [1], soft: null }],
    ]);
  });

  test('gets its masks back where another cannot be pinned', async () => {
    const memory = await withGuest()({
      when: 'before',
      failAt: ({ method, args }) => method === 'hypervisor.call' && (args[0] as { vcpu?: number }).vcpu === 1,
    });
    const plan = planPin(guest, vcpus, { hard: [1], soft: null }, { force: false });
    await expect(runPlan(plan, memory.ports)).rejects.toMatchObject({ code: 'injected-fault' });
    expect(memory.hypervisor.domains.get(1)!.affinity.get(0)).toEqual({ hard: [0, 1], soft: null });
  });
});
