import { describe, expect, test } from 'vitest';
import { readRunningDomain } from '../../lib/host/inventory.ts';
import { memoryHost, type MemoryHost } from '../../lib/host/memory/host.ts';
import { planChangeDisc, requireDrive, type Disc } from '../../lib/plan/cdrom.ts';
import type { RunningDomain } from '../../lib/plan/running.ts';
import { runPlan } from '../../lib/run/executor.ts';
import { createPlan } from '../run/configs.ts';
import { everyFault } from '../run/every-fault.ts';
import { factsOf } from '../support/facts.ts';

const facts = factsOf();
const CONFIG = (disc: string): string => `
type = "hvm"
name = "pc"
memory = 64
disk = [ "/images/a.img,raw,hda,w", "${disc},raw,hdc,cdrom" ]
`;

/** A host with an HVM guest, and the commands that its monitor has heard since. */
async function withDrive(disc: string, monitor: (command: { execute: string }) => unknown = () => ({})) {
  const heard: { execute: string; arguments?: unknown }[] = [];
  let listening = false;
  const make = async (): Promise<MemoryHost> => {
    const memory = memoryHost({
      monitor: (command) => {
        if (!listening) return undefined;
        heard.push(command);
        return monitor(command);
      },
    });
    listening = false;
    await runPlan(createPlan(CONFIG(disc), { host: 'xen' }), memory.bare);
    await memory.settled();
    listening = true;
    return memory;
  };
  return { heard, make, memory: await make() };
}

const domainOf = async (memory: MemoryHost): Promise<RunningDomain> => (await readRunningDomain(memory.bare.store, 1))!;
const nodesOf = (memory: MemoryHost): (string | null)[] =>
  ['/local/domain/0/backend/qdisk/1/5632', '/libxl/1/device/vbd/5632'].flatMap((home) =>
    ['type', 'params'].map((key) => memory.store.read(`${home}/${key}`)),
  );

async function change(memory: MemoryHost, disc: Disc): Promise<void> {
  const domain = await domainOf(memory);
  await runPlan(planChangeDisc(domain, requireDrive(domain, 'hdc', 5632), disc, facts), memory.ports);
}

const inserted = (filename: string) => ({
  execute: 'blockdev-change-medium',
  arguments: { id: 'ide-5632', filename, format: 'raw', 'read-only-mode': 'read-only' },
});

describe('the disc of a CD drive', () => {
  test('is changed in one command, and noted in both places', async () => {
    const { memory, heard } = await withDrive('/images/cd1.iso');
    await change(memory, { path: '/images/cd2.iso' });
    expect(heard).toEqual([inserted('/images/cd2.iso')]);
    expect(nodesOf(memory)).toEqual(['qdisk', 'aio:/images/cd2.iso', 'qdisk', 'aio:/images/cd2.iso']);
  });

  test('is put into an empty drive without taking out what is not there', async () => {
    const { memory, heard } = await withDrive('');
    await change(memory, { path: '/images/cd2.iso' });
    expect(heard).toEqual([inserted('/images/cd2.iso')]);
  });

  test('is taken out', async () => {
    const { memory, heard } = await withDrive('/images/cd1.iso');
    await change(memory, null);
    expect(heard).toEqual([{ execute: 'eject', arguments: { id: 'ide-5632' } }]);
    expect(nodesOf(memory)).toEqual(['qdisk', '', 'qdisk', '']);
    heard.length = 0;
    await change(memory, null);
    expect(heard).toEqual([]);
  });

  test('stays where the guest has locked the tray', async () => {
    const { memory } = await withDrive('/images/cd1.iso', () => {
      throw new Error("Device 'ide-5632' is locked");
    });
    const before = memory.snapshot();
    await expect(change(memory, null)).rejects.toThrow('is locked');
    expect(memory.snapshot()).toEqual(before);
  });

  test('goes back where the nodes cannot be written', async () => {
    const { memory, make, heard } = await withDrive('/images/cd1.iso');
    const domain = await domainOf(memory);
    const plan = planChangeDisc(domain, requireDrive(domain, 'hdc', 5632), { path: '/images/cd2.iso' }, facts);
    heard.length = 0;
    const host = await make();
    const failing = {
      ...host.bare,
      store: { ...host.bare.store, transaction: () => Promise.reject(new Error('xenstored is gone')) },
    };
    await expect(runPlan(plan, failing)).rejects.toThrow('xenstored is gone');
    expect(heard).toEqual([inserted('/images/cd2.iso'), inserted('/images/cd1.iso')]);
    expect(await everyFault(plan, () => make())).toBeGreaterThan(3);
  });
});

describe('a CD drive', () => {
  test.each<['xen' | 'embedded', disc: string, isAwaited: boolean]>([
    ['xen', '', false],
    ['xen', '/images/cd1.iso', true],
    ['embedded', '', true],
  ])('on the %s host with the disc "%s" is waited for: %s', (host, disc, isAwaited) => {
    const ids = createPlan(CONFIG(disc), { host }).steps.map(({ id }) => id);
    expect(ids).toContain('hdc-nodes');
    expect(ids.includes('hdc-backend')).toBe(isAwaited);
  });

  test('is found by its name and by its number', async () => {
    const domain = await domainOf((await withDrive('')).memory);
    expect(requireDrive(domain, 'hdc', null).devid).toBe(5632);
    expect(requireDrive(domain, '5632', 5632).devid).toBe(5632);
  });

  test.each<[string, Partial<RunningDomain>, string, string]>([
    ['of a guest without an emulated PC', { type: 'pvh' }, 'hdc', 'cdrom-not-hvm'],
    ['that is a disk', {}, 'hda', 'cdrom-unknown'],
    ['that is not there', {}, 'hdd', 'cdrom-unknown'],
  ])('is none: %s', async (_, changes, word, code) => {
    const domain = await domainOf((await withDrive('')).memory);
    expect(() => requireDrive({ ...domain, ...changes }, word, null)).toThrow(
      expect.objectContaining({ code }) as Error,
    );
  });
});
