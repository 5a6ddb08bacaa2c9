import { getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import { memoryHost, type MemoryHost, type MemoryHostOptions } from '../../lib/host/memory/host.ts';
import { readRunningDomain } from '../../lib/host/inventory.ts';
import { givenText } from '../../lib/monitor/given.ts';
import { watchOver, type MonitorWorld } from '../../lib/monitor/watch-over.ts';
import { planCreate } from '../../lib/plan/create.ts';
import { planDetach } from '../../lib/plan/detach.ts';
import { runPlan } from '../../lib/run/executor.ts';
import { guests, resolved } from '../run/configs.ts';
import { factsOf, imageFile } from '../support/facts.ts';

const UUID = '6d1f0f3a-0000-4000-8000-000000000001';
const signal = new AbortController().signal;

/** A host with a guest of ours, its monitor at work, and what the monitor says. */
async function monitored(endings = '', options: MemoryHostOptions = {}, guest = guests.small!) {
  const memory = memoryHost(options);
  const text = `${guest}\n${endings}`;
  const given = { file: 'small.cfg', text, overrides: [], directory: '/srv' };
  await runPlan(planCreate(resolved(text, 'xen'), { given: givenText(given) }), memory.bare);
  const log: string[] = [];
  const directories: string[] = [];
  let drawn = 0;
  const world: MonitorWorld = {
    ports: memory.bare,
    host: factsOf(),
    running: (domid) => readRunningDomain(memory.bare.store, domid),
    factsAt: (directory, paths) => {
      directories.push(directory);
      const images = paths.map((path) => [path, imageFile(path.endsWith('qcow2') ? 'qcow2' : 'raw')] as const);
      return Promise.resolve(factsOf({ paths: Object.fromEntries(images) }));
    },
    choices: () => {
      drawn += 1;
      return { uuid: `aaaaaaaa-0000-4000-8000-00000000000${drawn}`, mac: () => [9, 9, 9] };
    },
    run: (plan) => runPlan(plan, memory.bare),
    log: (line) => log.push(line),
    pid: 4242,
    stamp: () => '20260131T2359Z',
  };
  const over = watchOver({ domid: 1, uuid: UUID }, world, signal);
  return { memory, log, over, directories };
}

function end(memory: MemoryHost, domid: number, reason: number): void {
  memory.hypervisor.domains.get(domid)!.shutdown = reason;
  memory.store.guestEnded();
}

/** Whatever the machine's load: the test's own bound ends it. */
const eventually = <T>(look: () => T) => expect.poll(look, { timeout: 60_000, interval: 10 });

const identities = (memory: MemoryHost) =>
  [...memory.hypervisor.domains.values()].map(({ domid, uuid }) => [domid, uuid]);
const macOf = (memory: MemoryHost, domid: number) => memory.store.read(`/libxl/${domid}/device/vif/0/mac`);

describe('a monitor', { timeout: 60_000 }, () => {
  test('hears of one end at a time, however often its guest reboots', async () => {
    const { memory, log, over } = await monitored();
    const listeners = () => getEventListeners(signal, 'abort').length;
    const waits = (domid: number) => () => log.some((line) => line.includes(`(domid ${domid}) to die`));
    await eventually(waits(1)).toBe(true);
    await eventually(listeners).toBeGreaterThan(0);
    const atFirst = listeners();
    end(memory, 1, 1);
    await eventually(waits(2)).toBe(true);
    end(memory, 2, 1);
    await eventually(waits(3)).toBe(true);
    await eventually(listeners).toBe(atFirst);
    end(memory, 3, 0);
    await over;
    expect(listeners()).toBeLessThan(atFirst);
  });

  test('makes the domain again that reboots, with the same uuid and addresses', async () => {
    const { memory, log, over, directories } = await monitored();
    const mac = macOf(memory, 1);
    end(memory, 1, 1);
    await eventually(() => identities(memory)).toEqual([[2, UUID]]);
    await eventually(() => log.at(-1)).toBe('Waiting for domain small (domid 2) to die [pid 4242]');
    expect(log).toEqual([
      'Waiting for domain small (domid 1) to die [pid 4242]',
      'Domain 1 has shut down, reason code 1 0x1',
      'Action for shutdown reason code 1 is restart',
      'Domain 1 needs to be cleaned up: destroying the domain',
      'It had lived less than 2 s: waiting',
      'Done. Rebooting now',
      'Waiting for domain small (domid 2) to die [pid 4242]',
    ]);
    expect(directories).toEqual(['/srv']);
    expect(macOf(memory, 2)).toBe(mac);
    expect(memory.store.read('/local/domain/1/name')).toBeNull();
    expect([...memory.files.files.keys()].filter((path) => path.includes('userdata'))).toEqual([
      `/var/lib/xen/userdata-d.2.${UUID}.xl-ts`,
      `/var/lib/xen/userdata-d.2.${UUID}.libxl-json`,
    ]);
    end(memory, 2, 0);
    await over;
    await memory.settled();
    expect(memory.snapshot()).toEqual(memoryHost().snapshot());
  });

  test('clears away the domain that switches itself off, and ends', async () => {
    const { memory, log, over } = await monitored();
    end(memory, 1, 0);
    await over;
    await memory.settled();
    expect(log.at(-1)).toBe('Done. Exiting now');
    expect(memory.snapshot()).toEqual(memoryHost().snapshot());
  });

  test('ends with the domain that somebody destroys, and does nothing', async () => {
    const { memory, log, over } = await monitored();
    await memory.bare.hypervisor.call({ op: 'destroydomain', domid: '1' }, signal);
    await over;
    expect(log.at(-1)).toBe('Domain 1 has been destroyed.');
    expect(memory.store.read('/local/domain/1/name')).toBe('small');
  });

  test('leaves another domain alone that has the number by now', async () => {
    const { memory, over } = await monitored();
    memory.hypervisor.domains.get(1)!.uuid = 'another';
    end(memory, 1, 1);
    await over;
    expect(identities(memory)).toEqual([[1, 'another']]);
  });

  test('waits on while the guest is suspended', async () => {
    const { memory, log, over } = await monitored();
    end(memory, 1, 2);
    await eventually(() => log.slice(1)).toEqual(['Domain has suspended.', 'Continue waiting for domain 1']);
    end(memory, 1, 2);
    end(memory, 1, 0);
    await over;
    expect(log.filter((line) => line === 'Domain has suspended.')).toHaveLength(1);
    expect(identities(memory)).toEqual([]);
  });

  test('keeps a domain as it ended, with preserve', async () => {
    const { memory, over } = await monitored('on_crash = "preserve"');
    const before = memory.store.dump();
    end(memory, 1, 3);
    await over;
    expect(memory.store.dump()).toEqual(before);
    expect(identities(memory)).toEqual([[1, UUID]]);
  });

  test('puts it aside under another name and makes it again, with rename-restart', async () => {
    const { memory, log } = await monitored('on_crash = "rename-restart"');
    end(memory, 1, 3);
    await eventually(() => log.at(-1)).toBe('Waiting for domain small (domid 2) to die [pid 4242]');
    expect(identities(memory)).toEqual([
      [1, 'aaaaaaaa-0000-4000-8000-000000000001'],
      [2, UUID],
    ]);
    expect(memory.store.read('/local/domain/1/name')).toBe('small-20260131T2359Z');
    expect(memory.store.read('/local/domain/2/name')).toBe('small');
    const json = memory.files.files.get('/var/lib/xen/userdata-d.1.aaaaaaaa-0000-4000-8000-000000000001.libxl-json');
    expect(JSON.parse(json!.content.replace('\0', ''))).toMatchObject({
      c_info: { name: 'small-20260131T2359Z', uuid: 'aaaaaaaa-0000-4000-8000-000000000001' },
    });
    expect(memory.files.files.has(`/var/lib/xen/userdata-d.1.${UUID}.xl-ts`)).toBe(false);
  });

  test('takes what `xl config-update` has left, where it has', async () => {
    const { memory, log } = await monitored();
    const updated = guests.small!.replace('memory = 64', 'memory = 96');
    await memory.bare.files.write(`/var/lib/xen/userdata-d.1.${UUID}.xl`, updated, 0o600);
    end(memory, 1, 1);
    await eventually(() => log.at(-1)).toBe('Waiting for domain small (domid 2) to die [pid 4242]');
    expect(log).toContain('"xl" configuration found, using it');
    expect(memory.store.read('/local/domain/2/memory/target')).toBe(String(96 * 1024));
    expect(memory.files.files.has(`/var/lib/xen/userdata-d.1.${UUID}.xl`)).toBe(false);
  });

  test('empties a drive when the guest asks for it, and at no other word', async () => {
    const asked: unknown[] = [];
    const monitor = (command: object) => {
      asked.push(command);
      return undefined;
    };
    const guest = guests.big!.replace('disk = [', 'disk = [ "/images/one.iso,raw,hdc,cdrom",');
    const { memory, log, over } = await monitored('', { monitor }, guest);
    const path = '/local/domain/1/device/vbd/5632/eject';
    const before = asked.length;
    memory.store.write(path, 'x'.repeat(4000));
    await memory.settled();
    expect(asked.length).toBe(before);
    memory.store.write(path, 'eject');
    await eventually(() => log.at(-1)).toBe('The guest has ejected the disc of hdc.');
    expect(memory.store.read(path)).toBe('');
    expect(JSON.stringify(asked.slice(before))).toContain('ide-5632');
    expect(memory.store.read('/local/domain/0/backend/qdisk/1/5632/params')).toBe('');
    end(memory, 1, 0);
    await over;
    await memory.settled();
    expect(memory.snapshot().store).toEqual(memoryHost().snapshot().store);
  });

  test('leaves out a disk that was taken away', async () => {
    const { memory, log } = await monitored('', { backends: 'connect' });
    const domain = (await readRunningDomain(memory.bare.store, 1))!;
    const gone = domain.devices.find(({ keys }) => keys.dev === 'xvdb')!;
    await runPlan(planDetach(domain, gone, factsOf(), { force: true }), memory.bare);
    end(memory, 1, 1);
    await eventually(() => log.at(-1)).toBe('Waiting for domain small (domid 2) to die [pid 4242]');
    const devids = (await readRunningDomain(memory.bare.store, 2))!.devices.filter(({ kind }) => kind === 'vbd');
    expect(devids.map(({ keys }) => keys.dev)).toEqual(['xvda']);
  });

  test('destroys nothing where the configuration for the next life is broken', async () => {
    const { memory, over } = await monitored();
    await memory.bare.files.write(`/var/lib/xen/userdata-d.1.${UUID}.xl`, 'name = "small"\nmemory = ', 0o600);
    end(memory, 1, 1);
    await expect(over).rejects.toMatchObject({ where: { source: '<updated>' } });
    expect(identities(memory)).toEqual([[1, UUID]]);
    expect(memory.store.read('/local/domain/1/name')).toBe('small');
  });
});
