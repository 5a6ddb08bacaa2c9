import { XlError } from '../../base/error.ts';
import { parseDscowTarget } from '../../disk/dscow.ts';
import type { StoreView } from '../../run/ports.ts';
import { realBlockLook } from '../real/block-look.ts';
import { attachDevice, detachDevice } from './device.ts';
import { makeIfMissing } from './domain-overlays.ts';
import type { Registry } from './registry.ts';
import { serverNamed, stopServer } from './servers.ts';

/** What the block-dscow script works on and with. */
export interface DscowHotplug {
  /** The backend's directory, `/local/domain/B/backend/KIND/D/I`. */
  readonly backend: string;
  readonly store: StoreView;
  readonly registry: Registry;
  /** The command line that serves a file in a process of its own. */
  readonly serveCommand: (file: string, options: { name: string; socket: string; readOnly: boolean }) => string[];
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

/**
 * `block-dscow add`: makes the overlay where it is not there and its base is named, serves it, gives it a block device,
 * and tells blkback of that: `physical-device`, `physical-device-path` (which libxl reads for the emulated disk of an HVM
 * guest, too), `dscow-pid`, `dscow-socket`, and last `hotplug-status`. What fails stands in `hotplug-error` before it is thrown.
 */
export async function addDscow(hotplug: DscowHotplug): Promise<void> {
  const { backend, store } = hotplug;
  // The toolstack may call twice; the first call did it all.
  if ((await store.read(`${backend}/physical-device`)) !== null) return;
  try {
    await connect(hotplug);
  } catch (error) {
    await tellFailure(hotplug, error).catch(() => undefined);
    throw error;
  }
}

async function connect({ backend, store, registry, serveCommand, signal, log }: DscowHotplug): Promise<void> {
  const target = parseDscowTarget((await store.read(`${backend}/params`)) ?? '');
  const readOnly = !((await store.read(`${backend}/mode`)) ?? 'r').startsWith('w');
  if (await makeIfMissing(target)) log(`made ${target.cow} over ${target.base ?? ''}`);
  const name = nameOf(backend);
  const command = serveCommand(target.cow, { name, socket: registry.socketOf(name), readOnly });
  const server = await serverNamed({ registry, name, file: target.cow, command, signal });
  try {
    const { device } = await attachDevice(registry, server, { via: null, signal });
    const found = await realBlockLook.target(device);
    if (found?.kind !== 'block') throw new XlError('hotplug-error', `${device} is not a block device.`);
    await store.write(`${backend}/dscow-pid`, String(server.pid));
    await store.write(`${backend}/dscow-socket`, server.socket);
    await store.write(`${backend}/physical-device`, found.device);
    await store.write(`${backend}/physical-device-path`, device);
    await store.write(`${backend}/hotplug-status`, 'connected');
  } catch (error) {
    await detachDevice(registry, name).catch(() => undefined);
    await stopServer(server).catch(() => undefined);
    throw error;
  }
}

/** `block-dscow remove`: gives the device back and ends the server, flushed; nothing to do is fine. */
export async function removeDscow({ backend, registry }: DscowHotplug): Promise<void> {
  const name = nameOf(backend);
  await detachDevice(registry, name);
  const server = await registry.server(name);
  if (server !== null) await stopServer(server);
}

/** One server for each backend: `dom7-51712`. */
function nameOf(backend: string): string {
  const [domid = '', devid = ''] = backend.split('/').slice(-2);
  return `dom${domid}-${devid}`;
}

async function tellFailure({ backend, store }: DscowHotplug, error: unknown): Promise<void> {
  if ((await store.read(backend)) === null) return;
  const isBusy = error instanceof XlError && error.code === 'dscow-in-use';
  await store.write(`${backend}/hotplug-error`, error instanceof Error ? error.message : String(error));
  await store.write(`${backend}/hotplug-status`, isBusy ? 'busy' : 'error');
}
