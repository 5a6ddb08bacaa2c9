import { expect, test } from 'vitest';
import { readRunningDomain } from '../../lib/host/inventory.ts';
import { memoryHost, type MemoryHost } from '../../lib/host/memory/host.ts';
import { parseKept } from '../../lib/libxl-json/change.ts';
import { diskJson } from '../../lib/libxl-json/devices.ts';
import { planAttach } from '../../lib/plan/attach.ts';
import { planChangeDisc } from '../../lib/plan/cdrom.ts';
import { planDetach } from '../../lib/plan/detach.ts';
import { planRename } from '../../lib/plan/rename.ts';
import { parseDiskSpecs } from '../../lib/disk/parse.ts';
import { runPlan } from '../../lib/run/executor.ts';
import { createPlan, guests, resolved, UUID } from '../run/configs.ts';
import { factsOf } from '../support/facts.ts';

const facts = factsOf();
const KEPT = `/var/lib/xen/userdata-d.1.${UUID}.libxl-json`;
const LOCK = `/var/lib/xen/userdata-l.1.${UUID}.domain-userdata-lock`;
const SPEC = '/images/more.img,raw,xvdf,w';

async function withGuest(): Promise<MemoryHost> {
  const memory = memoryHost({ backends: 'wait' });
  await runPlan(createPlan(guests.small!, { host: 'xen' }), memory.bare);
  await memory.settled();
  return memory;
}

const kept = async (memory: MemoryHost) => parseKept((await memory.bare.files.read(KEPT))!);

const attaching = () => {
  const { vbd } = resolved(guests.small!.replace('disk = [', `disk = [ "${SPEC}",`), 'xen').disks[0]!;
  const disk = { vbd, kept: diskJson(parseDiskSpecs([SPEC])) };
  return { ...planAttach({ domid: 1, name: 'small', uuid: UUID, devices: [] }, disk, facts), bindings: { domid: '1' } };
};

test('what is kept of a domain ends in a NUL, as libxl writes it, and is its own to read', async () => {
  const memory = await withGuest();
  const file = memory.files.files.get(KEPT)!;
  expect(file.content.endsWith('}\n\0')).toBe(true);
  expect(file.mode).toBe(0o600);
  expect(memory.files.locks.size).toBe(0);
});

test('a disk that is attached is kept, and forgotten when it is detached', async () => {
  const memory = await withGuest();
  const before = memory.files.files.get(KEPT)!.content;
  await runPlan(attaching(), memory.ports);
  await memory.settled();
  const { disks } = await kept(memory);
  expect((disks as readonly unknown[]).at(-1)).toEqual({
    pdev_path: '/images/more.img',
    vdev: 'xvdf',
    format: 'raw',
    readwrite: 1,
  });
  const domain = (await readRunningDomain(memory.bare.store, 1))!;
  const device = domain.devices.find(({ keys }) => keys.dev === 'xvdf')!;
  await runPlan(planDetach(domain, device, facts, { force: false }), memory.ports);
  expect(memory.files.files.get(KEPT)!.content).toBe(before);
});

test.each([
  ['a disk', attaching],
  [
    'a name',
    () => planRename({ domid: 1, name: 'small', uuid: UUID } as Parameters<typeof planRename>[0], 'new', facts),
  ],
])('%s is not kept past another’s lock: that is waited for so long, and then all is as before', async (_, plan) => {
  const memory = await withGuest();
  memory.files.locks.add(LOCK);
  const before = memory.snapshot();
  const began = memory.clock.monotonic();
  await expect(runPlan(plan(), memory.ports)).rejects.toMatchObject({ code: 'lock-timeout' });
  await memory.settled();
  expect(memory.clock.monotonic() - began).toBeGreaterThanOrEqual(10_000);
  // What takes the keeping back needs the lock too; nothing had been kept.
  expect(memory.snapshot()).toEqual(before);
});

test('the disc in a drive is kept, and that there is none', async () => {
  const memory = memoryHost();
  const config = 'type = "hvm"\nname = "pc"\nmemory = 64\ndisk = [ "/images/one.iso,raw,hdc,cdrom" ]\n';
  await runPlan(createPlan(config, { host: 'xen' }), memory.bare);
  await memory.settled();
  const domain = (await readRunningDomain(memory.bare.store, 1))!;
  const drive = domain.devices.find(({ keys }) => keys.dev === 'hdc')!;
  const { hdc, cd } = { hdc: { vdev: 'hdc' }, cd: { removable: 1, is_cdrom: 1 } };
  await runPlan(planChangeDisc(domain, drive, { path: '/images/two.iso' }, facts), memory.ports);
  expect((await kept(memory)).disks).toEqual([{ pdev_path: '/images/two.iso', ...hdc, format: 'raw', ...cd }]);
  await runPlan(planChangeDisc(domain, drive, null, facts), memory.ports);
  expect((await kept(memory)).disks).toEqual([{ pdev_path: '', ...hdc, format: 'empty', ...cd }]);
});

test('nothing is kept of a domain of which nothing is', async () => {
  const memory = await withGuest();
  memory.files.files.delete(KEPT);
  await runPlan(planRename((await readRunningDomain(memory.bare.store, 1))!, 'new', facts), memory.ports);
  expect(memory.files.files.has(KEPT)).toBe(false);
});
