import { describe, expect, test } from 'vitest';
import { parseKept } from '../../lib/libxl-json/change.ts';
import { readRunningDomain } from '../../lib/host/inventory.ts';
import { memoryHost, type MemoryHost } from '../../lib/host/memory/host.ts';
import { planAttach } from '../../lib/plan/attach.ts';
import { planDestroy } from '../../lib/plan/destroy.ts';
import { resolveLateDeviceModel } from '../../lib/resolve/late-device-model.ts';
import { runPlan } from '../../lib/run/executor.ts';
import { createPlan, guests, resolved, UUID } from '../run/configs.ts';
import { everyFault } from '../run/every-fault.ts';
import { factsOf } from '../support/facts.ts';

const facts = factsOf();
const SPEC = '"/images/more.qcow2,qcow2,xvdf,w",';
const { vbd } = resolved(guests.classic!.replace('disk = [', `disk = [ ${SPEC}`), 'xen').disks[0]!;
const receiver = { name: 'classic', type: 'pv', hasDeviceModel: false, maxKiB: 65_536 } as const;

const makeHost = async (fault?: Parameters<Parameters<typeof everyFault>[1]>[0]): Promise<MemoryHost> => {
  const memory = memoryHost(fault === undefined ? {} : { fault });
  await runPlan(createPlan(guests.classic!, { paused: false, host: 'xen' }), memory.bare);
  await memory.settled();
  return memory;
};
const domainOf = async (memory: MemoryHost) => (await readRunningDomain(memory.bare.store, 1))!;
const attaching = () => {
  const { value: deviceModel } = resolveLateDeviceModel(receiver, vbd, facts);
  const domain = { domid: 1, name: 'classic', uuid: UUID, devices: [] };
  return planAttach(domain, { vbd, kept: { vdev: 'xvdf' }, deviceModel }, facts);
};

describe('a disk that only a QEMU can serve, for a guest without one', () => {
  test('starts it, and the guest has one from then on', async () => {
    const memory = await makeHost();
    expect((await domainOf(memory)).hasDeviceModel).toBe(false);
    await runPlan(attaching(), memory.ports);
    await memory.settled();
    const domain = await domainOf(memory);
    expect(domain.hasDeviceModel).toBe(true);
    expect(domain.devices.find(({ keys }) => keys.dev === 'xvdf')?.backendKind).toBe('qdisk');
    expect((await parseKeptOf(memory)).disks).toContainEqual({ vdev: 'xvdf' });
  });

  test('begins after the disk’s nodes, which QEMU reads when it starts', () => {
    const { steps } = attaching();
    expect(steps.map(({ id, needs }) => [id, needs])).toEqual([
      ['device-model-nodes', []],
      ['device-model', ['device-model-nodes', 'xvdf-nodes']],
      ['xvdf-nodes', ['device-model-nodes']],
      ['xvdf-backend', ['xvdf-nodes', 'device-model-nodes', 'device-model']],
      ['xvdf-keep', ['xvdf-nodes']],
    ]);
  });

  test('says what it is for, and is what libxl starts for a guest’s first disks', () => {
    const { value } = resolveLateDeviceModel(receiver, vbd, facts);
    const atCreation = resolved(guests.classic!.replace('disk = [', `disk = [ ${SPEC}`), 'xen').deviceModel!;
    const memory = (argv: readonly unknown[]) => argv.slice(argv.indexOf('-m'));
    expect(value!.why).toBe('QEMU serves xvdf, and the domain began without one');
    expect(memory(value!.argv)).toEqual(['-m', '64']);
    expect(value!.argv.slice(0, -2)).toEqual(atCreation.argv.slice(0, -2));
    expect(value!.env).toEqual(atCreation.env);
  });

  test('leaves nothing behind, whichever call fails', async () => {
    expect(await everyFault(attaching(), makeHost)).toBeGreaterThan(20);
    expect(await everyFault(attaching(), makeHost, 'after')).toBeGreaterThan(20);
  }, 60_000);

  test('is not started twice at once', async () => {
    const memory = await makeHost();
    memory.store.write('/local/domain/0/device-model/1/state', '');
    await expect(runPlan(attaching(), memory.ports)).rejects.toMatchObject({ code: 'device-model-started' });
    expect((await domainOf(memory)).devices.some(({ keys }) => keys.dev === 'xvdf')).toBe(false);
  });

  test('ends with the guest', async () => {
    const memory = await makeHost();
    await runPlan(attaching(), memory.ports);
    // As a QEMU leaves it that hears late of a disk's end.
    memory.store.write('/local/domain/0/backend/qdisk/1', '');
    await runPlan(planDestroy(await domainOf(memory), facts), memory.ports);
    await memory.settled();
    expect(memory.store.read('/local/domain/0/device-model/1/state')).toBeNull();
    expect(memory.store.read('/local/domain/0/backend/qdisk/1')).toBeNull();
    expect(await readRunningDomain(memory.bare.store, 1)).toBeNull();
  });
});

test.each([
  ['there is one', { ...receiver, hasDeviceModel: true }, vbd, facts],
  ['QEMU is its machine', { ...receiver, type: 'hvm' } as const, vbd, facts],
  ['blkback serves the disk', receiver, { ...vbd, backend: 'phy' } as const, facts],
  ['another domain serves it', receiver, { ...vbd, backendDomid: '3' }, facts],
  ['there is no Xen', receiver, vbd, factsOf({ host: 'embedded' })],
])('none is started where %s', (_, domain, disk, where) => {
  expect(resolveLateDeviceModel(domain, disk, where)).toEqual({ value: null, diagnostics: [] });
});

test('a QEMU that is not there is said before anything is done', () => {
  const without = factsOf({ qemu: { ...facts.qemu, version: null } });
  expect(resolveLateDeviceModel(receiver, vbd, without).diagnostics).toMatchObject([
    { severity: 'error', code: 'qemu-missing' },
  ]);
});

const parseKeptOf = async (memory: MemoryHost) =>
  parseKept((await memory.bare.files.read(`/var/lib/xen/userdata-d.1.${UUID}.libxl-json`))!);
