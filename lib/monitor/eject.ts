import { requireDrive, planChangeDisc } from '../plan/cdrom.ts';
import { deviceName, type RunningDevice } from '../plan/running.ts';
import type { MonitorWorld } from './watch-over.ts';

/** What a guest writes into the `eject` node of its drive (libxl_disk.c:disk_eject_xswatch_callback). */
const EJECT = 'eject';

type World = Pick<MonitorWorld, 'ports' | 'host' | 'running' | 'run' | 'log'>;

/**
 * Empties the CD drives of an HVM guest when the guest asks for it, until the signal fires. The guest can write the node
 * as often as it likes: only that word in it is heeded, one request at a time, and a drive that is empty stays as it is.
 */
export async function hearEjects(domid: number, world: World, signal: AbortSignal): Promise<void> {
  const domain = await world.running(domid);
  if (domain?.type !== 'hvm') return;
  const drives = domain.devices.filter(({ keys }) => keys['device-type'] === 'cdrom');
  await Promise.all(drives.map((drive) => hearDrive(domid, drive, world, signal)));
}

async function hearDrive(domid: number, drive: RunningDevice, world: World, signal: AbortSignal): Promise<void> {
  const { store } = world.ports;
  const path = `/local/domain/${domid}/device/${drive.kind}/${drive.devid}/${EJECT}`;
  const changes = store.watch(path, { signal })[Symbol.asyncIterator]();
  try {
    while ((await changes.next()).done !== true) {
      if ((await store.read(path)) !== EJECT) continue;
      await store.write(path, '');
      await empty(domid, drive, world);
    }
  } catch (error) {
    if (!signal.aborted) world.log(`${path} is not heard any more: ${String(error)}`);
  }
}

async function empty(domid: number, drive: RunningDevice, { running, host, run, log }: World): Promise<void> {
  const domain = await running(domid);
  if (domain === null) return;
  const name = deviceName(drive);
  try {
    await run(planChangeDisc(domain, requireDrive(domain, name, drive.devid), null, host));
    log(`The guest has ejected the disc of ${name}.`);
  } catch (error) {
    log(`The guest asks for an empty ${name}, but ${error instanceof Error ? error.message : String(error)}`);
  }
}
