import { describe, expect, test } from 'vitest';
import { readRunningDomain } from '../../lib/host/inventory.ts';
import { memoryHost, type MemoryHost, type MemoryHostOptions } from '../../lib/host/memory/host.ts';
import { planAttachVif, planDetachVif, type AttachedVif } from '../../lib/plan/network.ts';
import type { Plan } from '../../lib/plan/step.ts';
import { resolveVif } from '../../lib/resolve/vifs.ts';
import { readVifWord } from '../../lib/config/vif.ts';
import type { VifDevice } from '../../lib/device/vif.ts';
import type { RunEvent } from '../../lib/run/events.ts';
import { runPlan } from '../../lib/run/executor.ts';
import { createPlan, guests, UUID } from '../run/configs.ts';
import { everyAbort, everyFault, everyFaultThenAgain, type MakeHost } from '../run/every-fault.ts';
import { factsOf } from '../support/facts.ts';

const HOSTS = ['xen', 'embedded'] as const;
type HostKind = (typeof HOSTS)[number];
const guest = { domid: 1, name: 'small', uuid: UUID };
const BACKEND = '/local/domain/0/backend/vif/1';

const withGuest =
  (host: HostKind, behaviour: MemoryHostOptions = {}): MakeHost =>
  async (fault) => {
    const memory = memoryHost({
      backends: host === 'xen' ? 'wait' : 'connect',
      ...behaviour,
      ...(fault && { fault }),
    });
    await runPlan(createPlan(guests.small!, { host }), memory.bare);
    await memory.settled();
    return memory;
  };

function vif(word: string, type: 'pv' | 'pvh' | 'hvm' = 'pvh'): VifDevice {
  const { vif: read } = readVifWord(word, 1, { dialect: 'extended', source: 'test' });
  const owner = { domid: '1', type, hotplug: true };
  return resolveVif({ vif: read, where: { source: 'test' } }, owner, factsOf(), [1, 2, 3]).value;
}

const attached = (device: VifDevice): AttachedVif => ({
  vif: device,
  kept: { devid: device.devid, mac: device.mac, nictype: device.type },
});

const devids = async (memory: MemoryHost): Promise<number[]> =>
  (await readRunningDomain(memory.bare.store, 1))!.devices
    .filter(({ kind }) => kind === 'vif')
    .map(({ devid }) => devid);

async function detaching(memory: MemoryHost, host: HostKind): Promise<Plan | null> {
  const domain = await readRunningDomain(memory.bare.store, 1);
  const device = domain!.devices.find(({ kind }) => kind === 'vif');
  return device === undefined ? null : planDetachVif(domain!, device, factsOf({ host }));
}

describe.each(HOSTS)('an interface on the host %s', (host) => {
  const attach = planAttachVif(guest, attached(vif('bridge=br7')), factsOf({ host }));

  test('is attached beside those that are there', async () => {
    const memory = await withGuest(host)();
    await runPlan(attach, memory.ports);
    await memory.settled();
    expect(await devids(memory)).toEqual([0, 1]);
    expect(memory.store.read(`${BACKEND}/1/bridge`)).toBe('br7');
    expect(memory.store.read(`${BACKEND}/1/mac`)).toBe('00:16:3e:01:02:03');
    expect(memory.processes.attached.size).toBe(host === 'xen' ? 3 : 0);
  });

  test('leaves nothing behind, whichever call of its attaching fails and whenever that is broken off', async () => {
    expect(await everyFault(attach, withGuest(host))).toBeGreaterThan(15);
    expect(await everyFault(attach, withGuest(host), 'after')).toBeGreaterThan(15);
    expect(await everyAbort(attach, withGuest(host))).toBeGreaterThan(attach.steps.length);
  });

  test('is not attached over another of its number', async () => {
    const memory = await withGuest(host)();
    const before = memory.snapshot();
    const again = planAttachVif(guest, attached({ ...vif('bridge=br7'), devid: 0 }), factsOf({ host }));
    await expect(runPlan(again, memory.ports)).rejects.toMatchObject({ code: 'device-exists' });
    expect(memory.snapshot()).toEqual(before);
  });

  test('is detached when the guest lets go, without a wait', async () => {
    const memory = await withGuest(host)();
    const began = memory.clock.monotonic();
    await runPlan((await detaching(memory, host))!, memory.ports);
    expect(await devids(memory)).toEqual([]);
    expect(memory.store.paths().filter((path) => path.includes('/vif'))).toEqual([]);
    expect(memory.clock.monotonic() - began).toBeLessThan(1000);
  });

  test('is detached by a second try, whichever call fails', async () => {
    const plan = await detaching(await withGuest(host)(), host);
    const again = (memory: MemoryHost): Promise<Plan | null> => detaching(memory, host);
    expect(await everyFaultThenAgain(plan!, withGuest(host), again)).toBeGreaterThan(15);
  });
});

/** A host where nobody answers, with a domain that has one interface. */
async function silentHost(): Promise<MemoryHost> {
  const memory = memoryHost({ backends: 'silent' });
  memory.store.write('/local/domain/1/name', 'small');
  const [nodes] = planAttachVif(guest, attached({ ...vif(''), devid: 0 }), factsOf()).steps;
  await runPlan({ title: 'make an interface', bindings: {}, steps: [nodes!] }, memory.bare);
  return memory;
}

async function warningsOfDetaching(memory: MemoryHost): Promise<string[]> {
  const warnings: string[] = [];
  const onEvent = (event: RunEvent): void => {
    if (event.kind === 'warning') warnings.push(event.warning.message);
  };
  await runPlan((await detaching(memory, 'xen'))!, memory.ports, { onEvent });
  return warnings;
}

const vifNodesOf = ({ store }: MemoryHost): string[] => store.paths().filter((path) => path.includes('/vif'));

test('an interface of a guest that does not answer is taken from it after ten seconds', async () => {
  const memory = await silentHost();
  const { store, clock } = memory;
  // As netback does when its frontend has gone.
  store.observe((path) => {
    const state = `${BACKEND}/0/state`;
    if (path === '/local/domain/1/device/vif/0' && store.read(state) === '5') store.write(state, '6');
  });
  const began = clock.monotonic();
  expect(await warningsOfDetaching(memory)).toEqual([
    expect.stringMatching(/^waited 10 s for the backend of vif0 to close \(its backend is .*\); going on without$/),
  ]);
  expect(clock.monotonic() - began).toBe(10_000);
  expect(vifNodesOf(memory)).toEqual([]);
});

test('a backend that never closes loses its nodes, with a warning for each wait', async () => {
  const memory = await silentHost();
  expect(await warningsOfDetaching(memory)).toHaveLength(2);
  expect(memory.clock.monotonic()).toBe(20_000);
  expect(vifNodesOf(memory)).toEqual([]);
});

describe('what is not said of an interface', () => {
  test.each([
    ['hvm', 'vif'],
    ['pvh', 'vif'],
    ['pv', 'vif'],
  ] as const)('makes it a PV interface in a %s guest that runs', (type, kind) => {
    expect(vif('', type).type).toBe(kind);
  });

  test('is libxl’s: bridge xenbr0, vif-bridge, an MTU of 1500, trusted', () => {
    expect(vif('')).toMatchObject({
      bridge: 'xenbr0',
      script: '/etc/xen/scripts/vif-bridge',
      mtu: 1500,
      trusted: true,
    });
  });
});
