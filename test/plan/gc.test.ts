import { describe, expect, test } from 'vitest';
import { memoryHost, type MemoryHost } from '../../lib/host/memory/host.ts';
import { readRunningDomain } from '../../lib/host/inventory.ts';
import { givenText } from '../../lib/monitor/given.ts';
import { planCreate } from '../../lib/plan/create.ts';
import { findRemains, type Remains } from '../../lib/plan/gc.ts';
import { runPlan } from '../../lib/run/executor.ts';
import { guests, resolved } from '../run/configs.ts';
import { factsOf } from '../support/facts.ts';

const UUID = '6d1f0f3a-0000-4000-8000-000000000001';
const OTHER = '7d1f0f3a-0000-4000-8000-000000000002';
const xen = factsOf();
const given = (domid: number, uuid: string) => ({
  path: `/var/lib/xen/userdata-d.${domid}.${uuid}.xl-ts`,
  domid,
  uuid,
});
const nothing: Remains = {
  domains: [{ domid: 0, uuid: '00000000-0000-0000-0000-000000000000' }],
  described: [],
  userdata: [],
  deviceModels: [],
  monitors: [],
  litter: [],
  busy: false,
};

/** A host on which a guest of ours runs, with three kinds of disks and a QEMU. */
async function withGuest(): Promise<MemoryHost> {
  const memory = memoryHost();
  const source = { file: 'big.cfg', text: guests.big!, overrides: [], directory: '/' };
  await runPlan(planCreate(resolved(guests.big!, 'xen'), { given: givenText(source) }), memory.bare);
  await memory.settled();
  return memory;
}

/** What a look at the host would find. */
async function remainsOf(memory: MemoryHost): Promise<Remains> {
  const running = await readRunningDomain(memory.bare.store, 1);
  const userdata = [...memory.files.files.keys()].flatMap((path) => {
    const match = /userdata-d\.(\d+)\.([0-9a-f-]{36})/.exec(path);
    return match === null ? [] : [{ path, domid: Number(match[1]), uuid: match[2]! }];
  });
  return {
    ...nothing,
    domains: [...memory.hypervisor.domains.values()],
    described: running === null ? [] : [running],
    userdata,
    deviceModels: [...memory.processes.running.values()].map(({ pid, domid }) => ({ pid, domid })),
  };
}

describe('what dead domains have left', () => {
  test('is nothing where every domain lives', async () => {
    expect(findRemains(await remainsOf(await withGuest()), xen)).toEqual([]);
  });

  test('goes, all of it: nodes, devices, processes and files', async () => {
    const memory = await withGuest();
    memory.hypervisor.domains.clear();
    const [finding, ...others] = findRemains(await remainsOf(memory), xen);
    expect(others).toEqual([]);
    expect(finding).toMatchObject({
      what: `domain 1 (big), ${UUID}`,
      ours: `/var/lib/xen/userdata-d.1.${UUID}.xl-ts is ours`,
      dead: 'Xen has no domain 1',
    });
    await runPlan(finding!.plan, memory.bare);
    await memory.settled();
    expect({ ...memory.snapshot(), introduced: [] }).toEqual(memoryHost().snapshot());
  });

  test('is destroyed where the domain is there, and nobody can use it', async () => {
    const memory = await withGuest();
    for (const path of ['/local/domain/1', '/libxl/1', `/vm/${UUID}`]) memory.store.rm(path);
    const remains = await remainsOf(memory);
    // A domain that is being made looks so, too.
    expect(findRemains({ ...remains, busy: true }, xen)).toEqual([]);
    const [finding] = findRemains(remains, xen);
    expect(finding!.dead).toContain('it has no name in xenstore');
    await runPlan(finding!.plan, memory.bare);
    expect(memory.hypervisor.domains.size).toBe(0);
    expect([...memory.files.files.keys()].filter((path) => path.includes('userdata'))).toEqual([]);
  });

  test('is not what stock xl has made', async () => {
    const memory = await withGuest();
    memory.hypervisor.domains.clear();
    await memory.bare.files.remove(`/var/lib/xen/userdata-d.1.${UUID}.xl-ts`);
    const remains = { ...(await remainsOf(memory)), deviceModels: [] };
    expect(remains.userdata).toHaveLength(1);
    expect(findRemains(remains, xen)).toEqual([]);
    // The embedded host is ours alone.
    expect(findRemains(remains, factsOf({ host: 'embedded' }))).toHaveLength(1);
  });

  test('is only what goes by its uuid where another domain has the number', async () => {
    const memory = await withGuest();
    memory.hypervisor.domains.get(1)!.uuid = OTHER;
    const before = memory.store.dump();
    const [finding] = findRemains(await remainsOf(memory), xen);
    await runPlan(finding!.plan, memory.bare);
    expect(memory.store.dump()).toEqual(before);
    expect(memory.hypervisor.domains.size).toBe(1);
    expect([...memory.files.files.keys()].filter((path) => path.includes(UUID))).toEqual([]);
  });

  test('are notes of monitors, processes and drafts', () => {
    const dead = { path: '/run/monitor-a.json', uuid: UUID, pid: 7, alive: false };
    const remains: Remains = {
      ...nothing,
      deviceModels: [
        { pid: 100, domid: 0 },
        { pid: 101, domid: 9 },
      ],
      monitors: [dead, { ...dead, alive: true }],
      litter: [{ path: '/var/lib/xen/x.new-1-1', pid: 1 }],
    };
    const titles = findRemains(remains, xen).flatMap(({ plan }) => plan.steps.map(({ title }) => title));
    expect(titles).toEqual(['end process 101', 'remove /run/monitor-a.json', 'remove /var/lib/xen/x.new-1-1']);
    // One whose domain lives is missed, not litter.
    const lives = { ...remains, domains: [{ domid: 3, uuid: UUID }] };
    expect(findRemains(lives, xen).some(({ what }) => what.includes('monitor'))).toBe(false);
    expect(findRemains({ ...nothing, userdata: [given(4, OTHER)] }, xen)).toHaveLength(1);
  });
});
