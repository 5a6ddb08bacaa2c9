import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { XlError } from '../../lib/base/error.ts';
import { BackendDriver } from '../../lib/host/embedded/backend.ts';
import type { DiskMachine } from '../../lib/host/embedded/backend-disk.ts';
import { XenstoreClient } from '../../lib/xenstore/client.ts';
import { storePort } from '../../lib/xenstore/port.ts';
import { StoreServer } from '../../lib/xenstore/server.ts';
import { StoreServerCore } from '../../lib/xenstore/store/core.ts';
import { until } from './support/host.ts';

const VBD = '/local/domain/0/backend/vbd/3/51712';
const FRONTEND = '/local/domain/3/device/vbd/51712';

/** A machine that does what it is told, when the test says so. */
class PretendMachine implements DiskMachine {
  readonly cwd = '/home/user';
  readonly did: string[] = [];
  emulated = false;
  refusal: XlError | null = null;
  letGo: () => void = () => undefined;

  emulates(): boolean {
    return this.emulated;
  }

  plug({ vdev, path }: Parameters<DiskMachine['plug']>[0]): Promise<number> {
    this.did.push(`plug ${vdev} ${path}`);
    return this.refusal === null ? Promise.resolve(4096) : Promise.reject(this.refusal);
  }

  unplug(devid: number): Promise<void> {
    this.did.push(`unplug ${devid}`);
    return new Promise((resolve) => (this.letGo = resolve));
  }

  cut(devid: number): Promise<void> {
    this.did.push(`cut ${devid}`);
    return Promise.resolve();
  }
}

let directory: string;
let server: StoreServer;
let store: XenstoreClient;
let driver: BackendDriver;
let machine: PretendMachine | null;
const missing = new Set<string>();
const stop = { controller: new AbortController(), ended: Promise.resolve() };

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'xl-ts-backend-'));
  server = await StoreServer.listen(new StoreServerCore(), join(directory, 's'));
  store = await XenstoreClient.connect({ path: server.path });
  machine = null;
  missing.clear();
  driver = new BackendDriver({
    store: storePort(store),
    machineOf: () => machine,
    look: (path) =>
      missing.has(path) ? Promise.reject(new XlError('disk-target-bad', `no ${path}`)) : Promise.resolve('file'),
    overlays: {
      open: (name) => Promise.resolve(`/run/${name}.sock`),
      close: () => Promise.resolve(),
      closeAll: () => Promise.resolve(),
    },
    consolePath: (domid) => `/console-${domid}`,
    log: () => undefined,
  });
  stop.controller = new AbortController();
  stop.ended = driver.run(stop.controller.signal).catch(() => undefined);
});

afterEach(async () => {
  stop.controller.abort();
  await stop.ended;
  store.close();
  await server.close();
  await rm(directory, { recursive: true });
});

const read = (path: string): Promise<string | null> => storePort(store).read(path);
const reaches = (state: string): Promise<void> =>
  until(`the backend is in state ${state}`, async () => (await read(`${VBD}/state`)) === state, 5_000);

/** The nodes of a disk as a plan writes them, in one transaction. */
async function addDisk(params = '/images/a.img'): Promise<void> {
  const back = { frontend: FRONTEND, params, type: 'phy', dev: 'xvda', mode: 'w', online: '1', state: '1' };
  await store.transaction(async (view) => {
    await view.write(`${FRONTEND}/state`, '1');
    for (const [name, value] of Object.entries(back)) await view.write(`${VBD}/${name}`, value);
  });
}

async function askToClose(): Promise<void> {
  await store.transaction(async (view) => {
    await view.write(`${VBD}/online`, '0');
    await view.write(`${VBD}/state`, '5');
  });
}

async function machineComes(): Promise<PretendMachine> {
  machine = new PretendMachine();
  await driver.machineChanged(3);
  return machine;
}

async function connected(): Promise<PretendMachine> {
  await addDisk();
  const its = await machineComes();
  await reaches('4');
  return its;
}

describe('a disk’s backend', () => {
  test('waits in InitWait for a machine, and then both ends are Connected', async () => {
    await addDisk();
    await reaches('2');
    const its = await machineComes();
    await reaches('4');
    expect(its.did).toEqual(['plug xvda /images/a.img']);
    expect(await read(`${FRONTEND}/state`)).toBe('4');
    expect(await read(`${VBD}/sectors`)).toBe('8');
    expect(await read(`${VBD}/hotplug-status`)).toBe('connected');
  });

  test('closes when the guest has let go', async () => {
    const its = await connected();
    await askToClose();
    await until('the guest was asked', () => Promise.resolve(its.did.includes('unplug 51712')));
    expect(await read(`${VBD}/state`)).toBe('5');
    its.letGo();
    await reaches('6');
    expect(await read(`${FRONTEND}/state`)).toBe('6');
    expect(its.did).not.toContain('cut 51712');
  });

  test('cuts the guest off where the frontend has gone', async () => {
    const its = await connected();
    await store.rm(FRONTEND);
    await askToClose();
    await reaches('6');
    expect(its.did.slice(1).sort()).toEqual(['cut 51712', 'unplug 51712']);
  });

  test('cuts the guest off where its own nodes have gone, and makes none of them anew', async () => {
    const its = await connected();
    await store.rm('/local/domain/0/backend/vbd');
    await until('the image was closed', () => Promise.resolve(its.did.includes('cut 51712')));
    expect(await read(VBD)).toBeNull();
  });

  test('says so when the guest lets go after the request was taken back', async () => {
    const its = await connected();
    await askToClose();
    await until('the guest was asked', () => Promise.resolve(its.did.includes('unplug 51712')));
    await store.write(`${VBD}/state`, '4');
    its.letGo();
    await reaches('6');
    expect(await read(`${VBD}/hotplug-error`)).toMatch(/later than it was asked/);
  });

  test('closes at once when the machine is gone', async () => {
    await connected();
    machine = null;
    await driver.machineChanged(3);
    await askToClose();
    await reaches('6');
  });

  test('gives up with a reason where the image cannot be opened', async () => {
    missing.add('/images/a.img');
    await addDisk();
    await reaches('6');
    expect(await read(`${VBD}/hotplug-error`)).toBe('no /images/a.img');
    expect(await read(`${VBD}/hotplug-status`)).toBe('error');
  });

  test('gives up with a reason where QEMU refuses the image', async () => {
    await addDisk();
    await reaches('2');
    machine = new PretendMachine();
    machine.refusal = new XlError('qmp-generic-error', 'Failed to get "write" lock');
    await driver.machineChanged(3);
    await reaches('6');
    expect(await read(`${VBD}/hotplug-error`)).toBe('Failed to get "write" lock');
  });

  test('reads a relative path from where the machine was started', async () => {
    await addDisk('a.img');
    const its = await machineComes();
    await reaches('4');
    expect(its.did).toEqual(['plug xvda /home/user/a.img']);
  });

  test('plugs nothing that the machine emulates, and does not let go of it while it runs', async () => {
    await addDisk();
    await reaches('2');
    machine = new PretendMachine();
    machine.emulated = true;
    await driver.machineChanged(3);
    await reaches('4');
    expect(machine.did).toEqual([]);
    await askToClose();
    await until('it said no', async () => (await read(`${VBD}/state`)) === '4');
    expect(await read(`${VBD}/hotplug-error`)).toContain('part of the emulated machine');
    expect(await read(`${VBD}/online`)).toBe('1');
  });

  test('has nothing to plug for an empty drive', async () => {
    await addDisk('');
    const its = await machineComes();
    await reaches('4');
    expect(its.did).toEqual([]);
  });
});

describe('other backends', () => {
  test('a console learns where it is served, once', async () => {
    await store.write('/local/domain/3/console/tty', '');
    await store.write('/local/domain/0/backend/console/3/0/state', '1');
    await machineComes();
    await until('tty is there', async () => (await read('/local/domain/3/console/tty')) === '/console-3');
    expect(await read('/local/domain/0/backend/console/3/0/state')).toBe('1');
  });

  test('an interface is answered', async () => {
    const vif = '/local/domain/0/backend/vif/3/0';
    await store.transaction(async (view) => {
      await view.write(`${vif}/hotplug-status`, '');
      await view.write(`${vif}/state`, '1');
    });
    await until('it is connected', async () => (await read(`${vif}/state`)) === '4');
    expect(await read(`${vif}/hotplug-status`)).toBe('connected');
    await store.write(`${vif}/state`, '5');
    await until('it is closed', async () => (await read(`${vif}/state`)) === '6');
  });

  test('nodes that no toolstack writes disturb nobody', async () => {
    for (const path of ['vbd/x/1', 'vbd/3/y', 'VBD', 'vbd/3', 'vbd/99999999/1', 'tape/3/1/state']) {
      await store.write(`/local/domain/0/backend/${path}`, '1');
    }
    await addDisk();
    await reaches('2');
  });
});
