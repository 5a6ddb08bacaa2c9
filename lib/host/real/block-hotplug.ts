import { XlError } from '../../base/error.ts';
import type { StoreView } from '../../run/ports.ts';
import { realBlockLook, type BlockLook, type BlockTarget } from './block-look.ts';
import { sharingMode, sharingRefusal } from './block-sharing.ts';
import { loopDevices, type LoopDevices } from './loop-devices.ts';

/** What a block script works on and with. */
export interface BlockHotplug {
  /** The backend's directory, `/local/domain/B/backend/KIND/D/I`. */
  readonly backend: string;
  readonly store: StoreView;
  readonly loops: LoopDevices;
  readonly look: BlockLook;
}

/** blkback's state while it waits for the script (XenbusStateInitWait). */
const INIT_WAIT = '2';

/**
 * The block script of Xen's hotplug protocol: `block add` or `block remove`, told by XENBUS_PATH which backend. Throws
 * XlError `hotplug-usage` for a call that is none, else those of addBlock and removeBlock. The caller holds the lock
 * `/var/run/xen-hotplug/block`, so that two scripts do not both find a file unused.
 */
export async function blockScript(
  words: readonly string[],
  env: Readonly<NodeJS.ProcessEnv>,
  store: StoreView,
): Promise<void> {
  const path = env.XENBUS_PATH ?? '';
  const match = /^(?:\/local\/domain\/(\d+)\/)?(backend\/\w+\/\d+\/\d+)$/.exec(path);
  const [command] = words;
  if (match === null || words.length !== 1 || (command !== 'add' && command !== 'remove')) {
    throw new XlError('hotplug-usage', `no hotplug event: ${words.join(' ') || 'no command'}, XENBUS_PATH=${path}`, {
      hint: 'the toolstack calls this script: XENBUS_PATH=backend/vbd/DOMID/DEVID block add|remove',
    });
  }
  const backend = `/local/domain/${match[1] ?? '0'}/${match[2]!}`;
  const hotplug = { backend, store, loops: loopDevices(), look: realBlockLook };
  await (command === 'add' ? addBlock(hotplug) : removeBlock(hotplug));
}

/**
 * Gives blkback a block device: the target itself, or a loop device for a file. Writes `node` (files only),
 * `physical-device`, `physical-device-path` and `hotplug-status`=`connected`, in this order. Throws XlError
 * `hotplug-busy` for what another has, `hotplug-error` for what cannot be; both stand in the backend before.
 */
export async function addBlock(hotplug: BlockHotplug): Promise<void> {
  const { backend, store } = hotplug;
  // The toolstack may call twice; the first call did it all.
  if ((await store.read(`${backend}/physical-device`)) !== null) return;
  try {
    await connect(hotplug);
  } catch (error) {
    // A backend that is gone meanwhile cannot be told; what went wrong first is what counts.
    await tellFailure(hotplug, error).catch(() => undefined);
    throw error;
  }
}

async function tellFailure({ backend, store }: BlockHotplug, error: unknown): Promise<void> {
  const isBusy = error instanceof XlError && error.code === 'hotplug-busy';
  await store.write(`${backend}/hotplug-error`, error instanceof Error ? error.message : String(error));
  await store.write(`${backend}/hotplug-status`, isBusy ? 'busy' : 'error');
}

async function connect(hotplug: BlockHotplug): Promise<void> {
  const { backend, store, look } = hotplug;
  const params = await store.read(`${backend}/params`);
  if (params === null) throw failed(`xenstore-read ${backend}/params failed.`);
  // An empty drive has no device; its backend only has to hear that this is so.
  if (params === '') return store.write(`${backend}/hotplug-status`, 'connected');
  const target = await look.target(params);
  if (target === null) throw failed(`${params} does not exist.`);
  if (target.kind === 'other') throw failed(`${target.path} is not a block device.`);
  const mode = sharingMode((await store.read(`${backend}/mode`)) ?? '');
  if (target.kind === 'file' && mode !== 'r' && !target.writable) {
    throw busy(`File ${target.path} is read-only, and so I will not\nmount it read-write in a guest domain.`);
  }
  const refusal = await sharingRefusal({ backend, mode, target }, hotplug);
  if (refusal !== null) throw busy(refusal);
  return target.kind === 'block' ? writeDevice(hotplug, target) : attachFile(hotplug, target.path, mode === 'r');
}

async function attachFile(hotplug: BlockHotplug, file: string, readOnly: boolean): Promise<void> {
  const { backend, store, loops, look } = hotplug;
  const state = await store.read(`${backend}/state`);
  if (state !== INIT_WAIT) {
    throw failed(`Path closed or removed during hotplug add: ${backend} state: ${state ?? 'unknown'}`);
  }
  const node = await loops.attach(file, { readOnly });
  try {
    const device = await look.target(node);
    if (device?.kind !== 'block') throw failed(`${node} is not a block device.`);
    await store.write(`${backend}/node`, node);
    await writeDevice(hotplug, device);
  } catch (error) {
    await store.rm(`${backend}/node`).catch(() => undefined);
    await loops.detach(node);
    throw error;
  }
}

async function writeDevice(
  { backend, store }: BlockHotplug,
  { device, path }: Extract<BlockTarget, { kind: 'block' }>,
): Promise<void> {
  await store.write(`${backend}/physical-device`, device);
  await store.write(`${backend}/physical-device-path`, path);
  await store.write(`${backend}/hotplug-status`, 'connected');
}

/** Gives back the loop device that `add` took; nothing for a target that is a block device itself. Throws what losetup says. */
export async function removeBlock({ backend, store, loops }: BlockHotplug): Promise<void> {
  const node = await store.read(`${backend}/node`);
  if (node === null || !/^\/dev\/loop\d+$/.test(node)) return;
  await loops.detach(node);
  // Once only: by the next call the device may be another's.
  await store.rm(`${backend}/node`);
}

const failed = (message: string): XlError => new XlError('hotplug-error', message);
const busy = (message: string): XlError =>
  new XlError('hotplug-busy', message, {
    hint: 'two guests that write one image destroy it; give each its own, or both mode=r',
  });
