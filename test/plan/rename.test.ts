import { describe, expect, test } from 'vitest';
import { readRunningDomain } from '../../lib/host/inventory.ts';
import { memoryHost, type MemoryHost } from '../../lib/host/memory/host.ts';
import { parseKept } from '../../lib/libxl-json/change.ts';
import { planRename } from '../../lib/plan/rename.ts';
import type { RunningDomain } from '../../lib/plan/running.ts';
import type { Plan } from '../../lib/plan/step.ts';
import { runPlan } from '../../lib/run/executor.ts';
import { createPlan, guests, UUID } from '../run/configs.ts';
import { everyAbort, everyFault, type MakeHost } from '../run/every-fault.ts';
import { factsOf } from '../support/facts.ts';

const KEPT = `/var/lib/xen/userdata-d.1.${UUID}.libxl-json`;
const facts = factsOf();

const withGuest: MakeHost = async (fault) => {
  const memory = memoryHost({ ...(fault && { fault }) });
  await runPlan(createPlan(guests.small!, { host: 'xen' }), memory.bare);
  await memory.settled();
  return memory;
};

async function renaming(memory: MemoryHost, name: string): Promise<Plan> {
  const domain = await readRunningDomain(memory.bare.store, 1);
  return planRename(domain!, name, facts);
}

describe('renaming a domain', () => {
  test('writes both names in one transaction, and the name that is kept', async () => {
    const memory = await withGuest();
    const before = memory.store.dump();
    await runPlan(await renaming(memory, 'large'), memory.ports);
    expect(memory.store.read('/local/domain/1/name')).toBe('large');
    expect(memory.store.read(`/vm/${UUID}/name`)).toBe('large');
    expect(memory.store.dump().filter((line) => !before.includes(line))).toHaveLength(2);
    expect(memory.calls.filter(({ method }) => method === 'store.transaction')).toHaveLength(1);
    expect(parseKept((await memory.bare.files.read(KEPT))!)).toMatchObject({ c_info: { name: 'large', uuid: UUID } });
  });

  test('refuses a name that another domain has, in xl’s words, and changes nothing', async () => {
    const memory = await withGuest();
    const before = memory.snapshot();
    await expect(runPlan(await renaming(memory, 'Domain-0'), memory.ports)).rejects.toMatchObject({
      code: 'domain-name-taken',
      message: 'Domain with name "Domain-0" already exists.',
    });
    expect(memory.snapshot()).toEqual(before);
  });

  test('takes the name that the domain has already', async () => {
    const memory = await withGuest();
    const before = memory.store.dump();
    await runPlan(await renaming(memory, 'small'), memory.ports);
    expect(memory.store.dump()).toEqual(before);
  });

  test('is whole or not at all, whichever call fails and whenever it is broken off', async () => {
    const plan = await renaming(await withGuest(), 'large');
    expect(await everyFault(plan, withGuest)).toBeGreaterThan(8);
    expect(await everyFault(plan, withGuest, 'after')).toBeGreaterThan(8);
    expect(await everyAbort(plan, withGuest)).toBeGreaterThan(2);
  });

  test('does without a uuid, as domain 0 has none', () => {
    const dom0 = { domid: 0, name: 'Domain-0', uuid: null } as RunningDomain;
    const { steps } = planRename(dom0, 'dom0', facts);
    expect(steps.map(({ id }) => id)).toEqual(['names']);
  });
});
