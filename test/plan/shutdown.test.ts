import { describe, expect, test } from 'vitest';
import { readRunningDomain } from '../../lib/host/inventory.ts';
import { memoryHost, type MemoryHost } from '../../lib/host/memory/host.ts';
import { planAcpiEvent, planShutdown, type Ending } from '../../lib/plan/shutdown.ts';
import { runPlan } from '../../lib/run/executor.ts';
import { createPlan, guests } from '../run/configs.ts';
import { everyAbort, everyFault, type MakeHost } from '../run/every-fault.ts';
import { factsOf } from '../support/facts.ts';

const NODE = '/local/domain/1/control/shutdown';
const ENDINGS: readonly Ending[] = ['poweroff', 'reboot'];
const guest = { domid: 1, name: 'small' };

/** A host on which a guest runs that answers after a moment, or never. */
const withGuest =
  (answers: boolean, heard: string[] = []): MakeHost =>
  async (fault) => {
    const memory = memoryHost({ ...(fault && { fault }) });
    await runPlan(createPlan(guests.small!, { host: 'xen' }), memory.bare);
    await memory.settled();
    memory.store.observe((path) => {
      const asked = memory.store.read(NODE);
      if (path !== NODE || asked === null || asked === '' || !answers) return;
      void memory.clock.sleep(5, new AbortController().signal).then(() => {
        if (memory.store.read(NODE) !== asked) return;
        heard.push(asked);
        memory.store.write(NODE, '');
      });
    });
    return memory;
  };

describe.each(ENDINGS)('a guest that is to %s', (ending) => {
  test('is asked, and the plan ends when it has taken note', async () => {
    const heard: string[] = [];
    const memory = await withGuest(true, heard)();
    await runPlan(planShutdown(guest, ending), memory.ports);
    expect(heard).toEqual([ending]);
    expect(memory.store.read(NODE)).toBe('');
  });

  test('and does not answer is waited for a minute; then the request is taken back', async () => {
    const memory = await withGuest(false)();
    const before = memory.snapshot();
    const began = memory.clock.monotonic();
    const evidence = expect.arrayContaining([{ title: 'xenstore', lines: [`${NODE} = "${ending}"`] }]) as unknown;
    await expect(runPlan(planShutdown(guest, ending), memory.ports)).rejects.toMatchObject({
      code: 'wait-timed-out',
      evidence,
    });
    expect(memory.clock.monotonic() - began).toBe(60_000);
    expect(memory.snapshot()).toEqual(before);
  });

  test('and goes while it is waited for has done what was asked', async () => {
    const memory = await withGuest(false)();
    memory.store.observe((path) => {
      if (path === NODE && memory.store.read(NODE) === ending) memory.store.rm('/local/domain/1');
    });
    await runPlan(planShutdown(guest, ending), memory.ports);
    expect(memory.store.read(NODE)).toBeNull();
  });

  test('and has gone before is not made anew', async () => {
    const memory = await withGuest(true)();
    memory.store.rm('/local/domain/1');
    await runPlan(planShutdown(guest, ending), memory.ports);
    expect(memory.store.paths().filter((path) => path.startsWith('/local/domain/1'))).toEqual([]);
  });

  test('leaves no request behind, whichever call fails and whenever it is broken off', async () => {
    const plan = planShutdown(guest, ending);
    expect(await everyFault(plan, withGuest(true))).toBeGreaterThan(5);
    expect(await everyAbort(plan, withGuest(true))).toBeGreaterThan(2);
  });

  test('finds a button, QEMU’s on the embedded host and Xen’s else', async () => {
    const pressed: string[] = [];
    const memory: MemoryHost = memoryHost({
      monitor: ({ execute }, socket) => {
        pressed.push(`${socket}: ${execute}`);
        return {};
      },
    });
    await runPlan(planAcpiEvent(guest, ending, factsOf({ host: 'embedded' })), memory.ports);
    const command = { poweroff: 'system_powerdown', reboot: 'system_reset' }[ending];
    expect(pressed).toEqual([`/var/run/xen/qmp-libxl-1: ${command}`]);
    const onXen = await withGuest(false)();
    const plan = planAcpiEvent(guest, ending, factsOf());
    await runPlan(plan, onXen.ports);
    expect(onXen.hypervisor.domains.get(1)!.pressed).toEqual(ending === 'poweroff' ? ['POWER'] : []);
    if (ending === 'reboot') expect(plan.steps[0]!.action).toMatchObject({ commands: [{ execute: 'system_reset' }] });
  });
});

test('what is asked of one guest is read from the node that its own creation has made', async () => {
  const memory = await withGuest(true)();
  expect(await readRunningDomain(memory.bare.store, 1)).toMatchObject({ domid: 1, name: 'small' });
  expect(await memory.bare.store.getPerms(NODE)).toEqual(['n1']);
});
