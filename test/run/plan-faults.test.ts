import { describe, expect, test } from 'vitest';
import { memoryHost, type MemoryHost, type MemoryHostOptions } from '../../lib/host/memory/host.ts';
import { readRunningDomain } from '../../lib/host/inventory.ts';
import { planAttach } from '../../lib/plan/attach.ts';
import { planDestroy } from '../../lib/plan/destroy.ts';
import { planDetach } from '../../lib/plan/detach.ts';
import type { RunningDomain } from '../../lib/plan/running.ts';
import type { Plan } from '../../lib/plan/step.ts';
import { runPlan } from '../../lib/run/executor.ts';
import { createPlan, guests, resolved, UUID } from './configs.ts';
import { factsOf } from '../support/facts.ts';
import { everyAbort, everyFault, everyFaultThenAgain, type MakeHost } from './every-fault.ts';

const hosts: Readonly<Record<'xen' | 'embedded', MemoryHostOptions>> = {
  xen: { backends: 'wait' },
  embedded: { backends: 'connect' },
};

const plans = Object.keys(guests).flatMap((guest) =>
  (['xen', 'embedded'] as const).map((host) => [guest, host] as const),
);

describe.each(plans)('creating %s on the host %s', (guest, host) => {
  const plan = createPlan(guests[guest]!, { paused: false, host });
  const makeHost: MakeHost = (fault) => memoryHost({ ...hosts[host], ...(fault && { fault }) });

  test('runs the steps that it prints, and leaves a running domain', async () => {
    const memory = await makeHost();
    const { timings } = await runPlan(plan, memory.ports);
    expect(timings.map(({ id }) => id).toSorted()).toEqual(plan.steps.map(({ id }) => id).toSorted());
    expect(memory.snapshot().domains).toMatchObject([{ domid: 1, built: true, paused: false }]);
    expect(memory.store.read('/local/domain/1/name')).toBe(guest);
  });

  test('leaves nothing behind, whichever call fails', async () => {
    expect(await everyFault(plan, makeHost)).toBeGreaterThan(100);
  }, 60_000);

  test('leaves nothing behind, whichever answer is lost', async () => {
    expect(await everyFault(plan, makeHost, 'after')).toBeGreaterThan(100);
  }, 60_000);

  test('leaves nothing behind, whenever it is broken off', async () => {
    expect(await everyAbort(plan, makeHost)).toBeGreaterThan(plan.steps.length);
  }, 60_000);

  test.each<[string, MemoryHostOptions, string]>([
    ['backends that cannot open their image', { backends: 'fail' }, 'wait-failed'],
    ['backends that never answer', { backends: 'silent' }, 'wait-timed-out'],
  ])('leaves nothing behind with %s', async (_, behaviour, code) => {
    const memory = memoryHost(behaviour);
    const before = memory.snapshot();
    await expect(runPlan(plan, memory.ports)).rejects.toMatchObject({ code });
    await memory.settled();
    expect(memory.snapshot()).toEqual(before);
  });
});

/** A host on which one of the guests runs. */
const withGuest =
  (guest: string, host: 'xen' | 'embedded'): MakeHost =>
  async (fault) => {
    const memory = memoryHost({ ...hosts[host], ...(fault && { fault }) });
    await runPlan(createPlan(guests[guest]!, { paused: false, host }), memory.bare);
    await memory.settled();
    return memory;
  };

const running = async (memory: MemoryHost): Promise<RunningDomain | null> => readRunningDomain(memory.bare.store, 1);

/** Each backend and each host once. */
const someGuests = [
  ['small', 'xen'],
  ['big', 'xen'],
  ['big', 'embedded'],
] as const;

describe.each(someGuests)('a disk of %s on the host %s', (guest, host) => {
  const facts = factsOf({ host });
  const makeHost = withGuest(guest, host);
  const more = guests[guest]!.replace('disk = [', 'disk = [ "/images/more.img,raw,xvdf,w",');
  const vbd = resolved(more, host).disks[0]!.vbd;
  const attach: Plan = {
    ...planAttach({ domid: 1, name: guest, uuid: UUID, devices: [] }, { vbd, kept: { vdev: 'xvdf' } }, facts),
    bindings: { domid: '1' },
  };

  test('that is attached leaves nothing behind, whichever call fails', async () => {
    expect(await everyFault(attach, makeHost)).toBeGreaterThan(20);
    expect(await everyFault(attach, makeHost, 'after')).toBeGreaterThan(20);
  }, 60_000);

  test('that is attached leaves nothing behind, whenever it is broken off', async () => {
    expect(await everyAbort(attach, makeHost)).toBeGreaterThan(attach.steps.length);
  }, 60_000);

  test.each([{ force: false }, { force: true }])(
    'is detached by a second try, whichever call fails (%o)',
    async (how) => {
      const detach = async (memory: MemoryHost): Promise<Plan | null> => {
        const domain = await running(memory);
        const device = domain?.devices.find(({ kind }) => kind === 'vbd');
        return domain && device ? planDetach(domain, device, facts, how) : null;
      };
      const plan = await detach(await makeHost());
      const disks = (memory: MemoryHost): Promise<number> =>
        running(memory).then((domain) => domain!.devices.filter(({ kind }) => kind === 'vbd').length);
      const before = await disks(await makeHost());
      expect(
        await everyFaultThenAgain(plan!, makeHost, async (memory) =>
          (await disks(memory)) === before ? detach(memory) : null,
        ),
      ).toBeGreaterThan(10);
    },
  );
});

describe('a disk that is attached to a guest whose driver connects', () => {
  const facts = factsOf();
  const more = guests.small!.replace('disk = [', 'disk = [ "/images/more.img,raw,xvdf,w",');
  const { vbd } = resolved(more, 'xen').disks[0]!;
  const root = '/local/domain/1/device/vbd/51712/state';
  const attachTo = async (answers: boolean) => {
    const memory = await withGuest('small', 'xen')();
    memory.store.write(root, '4');
    const backend = '/local/domain/0/backend/vbd/1/51792';
    memory.store.observe((path) => {
      if (answers && path === `${backend}/hotplug-status`) memory.store.write(`${backend}/state`, '4');
    });
    const warnings: string[] = [];
    const plan = planAttach((await running(memory))!, { vbd, kept: { vdev: 'xvdf' } }, facts);
    const { timings } = await runPlan({ ...plan, bindings: { domid: '1' } }, memory.ports, {
      onEvent: (event) => event.kind === 'warning' && warnings.push(event.warning.message),
    });
    return { ids: timings.map(({ id }) => id), warnings };
  };

  test('is waited for', async () => {
    const { ids, warnings } = await attachTo(true);
    expect(ids.at(-1)).toBe('xvdf-guest');
    expect(warnings).toEqual([]);
  });

  test('is there also where the guest does not answer, and that is said', async () => {
    const { warnings } = await attachTo(false);
    expect(warnings).toEqual([expect.stringContaining('the guest has not connected')]);
  });
});

describe.each(someGuests)('destroying %s on the host %s', (guest, host) => {
  const facts = factsOf({ host });
  const makeHost = withGuest(guest, host);
  const destroy = async (memory: MemoryHost): Promise<Plan | null> => {
    const domain = await running(memory);
    if (domain === null && !memory.hypervisor.domains.has(1)) return null;
    return planDestroy(domain ?? nameless, facts);
  };

  test('leaves the host as it was before the domain', async () => {
    const before = memoryHost().snapshot();
    const memory = await makeHost();
    await runPlan((await destroy(memory))!, memory.ports);
    await memory.settled();
    expect(memory.snapshot()).toEqual(before);
  });

  test('is completed by a second try, whichever call fails', async () => {
    const plan = await destroy(await makeHost());
    expect(await everyFaultThenAgain(plan!, makeHost, destroy)).toBeGreaterThan(20);
  }, 60_000);
});

/** A domain of which the hypervisor alone still knows. */
const nameless: RunningDomain = {
  domid: 1,
  name: null,
  uuid: null,
  type: null,
  devices: [],
  hasDeviceModel: false,
};
