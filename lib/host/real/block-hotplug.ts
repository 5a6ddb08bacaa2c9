import { XlError } from '../../base/error.ts';
import type { StoreView } from '../../run/ports.ts';
import { realBlockLook, type BlockLook, type BlockTarget } from './block-look.ts';
import { isAnothersLoop, sharingMode, sharingRefusal } from './block-sharing.ts';
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
  const { command, backend } = hotplugEvent(words, env);
  const hotplug = { backend, store, loops: await loopDevices(), look: realBlockLook };
  await (command === 'add' ? addBlock(hotplug) : removeBlock(hotplug));
}

/** What a script is called for: its word, and the backend that XENBUS_PATH names. Throws XlError `hotplug-usage`. */
export function hotplugEvent(
  words: readonly string[],
  env: Readonly<NodeJS.ProcessEnv>,
): { readonly command: 'add' | 'remove'; readonly backend: string } {
  const path = env.XENBUS_PATH ?? '';
  const match = /^(?:\/local\/domain\/(\d+)\/)?(backend\/\w+\/\d+\/\d+)$/.exec(path);
  const [command] = words;
  if (match === null || words.length !== 1 || (command !== 'add' && command !== 'remove')) {
    throw new XlError('hotplug-usage', `no hotplug event: ${words.join(' ') || 'no command'}, XENBUS_PATH=${path}`, {
      hint: 'the toolstack calls this script: XENBUS_PATH=backend/vbd/DOMID/DEVID block add|remove',
    });
  }
  return { command, backend: `/local/domain/${match[1] ?? '0'}/${match[2]!}` };
}

/**
 * Gives blkback a block device: the target itself, or a loop device for a file. Writes `node` (files only),
 * `physical-device`, `physical-device-path` and `hotplug-status`=`connected`, in this order. Throws XlError
 * `hotplug-busy` for what another has, `hotplug-error` for what cannot be; why stands in the backend before.
 */
export async function addBlock(hotplug: BlockHotplug): Promise<void> {
  const { backend, store } = hotplug;
  const [device, params, mode] = await Promise.all(
    ['physical-device', 'params', 'mode'].map((key) => store.read(`${backend}/${key}`)),
  );
  // The toolstack may call twice; the first call did it all.
  if (device !== null && device !== undefined) return;
  try {
    await connect(hotplug, params ?? null, mode ?? '');
  } catch (error) {
    // A backend that is gone meanwhile cannot be told; what went wrong first is what counts.
    await tellFailure(hotplug, error).catch(() => undefined);
    throw error;
  }
}

async function tellFailure({ backend, store }: BlockHotplug, error: unknown): Promise<void> {
  if ((await store.read(backend)) === null) return;
  const isBusy = error instanceof XlError && error.code === 'hotplug-busy';
  const words = error instanceof XlError ? error.messages[0] : undefined;
  await store.write(`${backend}/hotplug-error`, words ?? (error instanceof Error ? error.message : String(error)));
  await store.write(`${backend}/hotplug-status`, isBusy ? 'busy' : 'error');
}

async function connect(hotplug: BlockHotplug, params: string | null, typedMode: string): Promise<void> {
  const { backend, store, look } = hotplug;
  if (params === null) throw failed(`xenstore-read ${backend}/params failed.`);
  // An empty drive has no device; its backend only has to hear that this is so.
  if (params === '') return store.write(`${backend}/hotplug-status`, 'connected');
  const target = await look.target(params);
  if (target === null) throw failed(`${params} does not exist.`);
  if (target.kind === 'other') throw failed(`${target.path} is not a block device.`);
  const mode = sharingMode(typedMode);
  if (target.kind === 'file' && mode !== 'r' && !target.writable) {
    const stock = `File ${target.path} is read-only, and so I will not\nmount it read-write in a guest domain.`;
    throw busy({ stock, message: stock }, 'make the file writable, or give it read-only (`ro`)');
  }
  const refusal = await sharingRefusal({ backend, mode, target }, hotplug);
  if (refusal !== null)
    throw busy(refusal, 'two guests that write one image destroy it; give each its own, or both ro');
  return target.kind === 'block' ? writeDevice(hotplug, target) : attachFile(hotplug, target.path, mode === 'r');
}

async function attachFile(hotplug: BlockHotplug, file: string, readOnly: boolean): Promise<void> {
  const { backend, store, loops, look } = hotplug;
  const state = await store.read(`${backend}/state`);
  if (state !== INIT_WAIT) {
    throw failed(`Path closed or removed during hotplug add: ${backend} state: ${state ?? 'unknown'}`);
  }
  await loops.attach(file, { readOnly }, async (node) => {
    try {
      const device = await look.target(node);
      if (device?.kind !== 'block') throw failed(`${node} is not a block device.`);
      await store.write(`${backend}/node`, node);
      await writeDevice(hotplug, device);
    } catch (error) {
      await store.rm(`${backend}/node`).catch(() => undefined);
      throw error;
    }
  });
}

/** Sent without waiting for each other's answers: they are done in this order all the same. */
async function writeDevice(
  { backend, store }: BlockHotplug,
  { device, path }: Extract<BlockTarget, { kind: 'block' }>,
): Promise<void> {
  await Promise.all([
    store.write(`${backend}/physical-device`, device),
    store.write(`${backend}/physical-device-path`, path),
    store.write(`${backend}/hotplug-status`, 'connected'),
  ]);
}

/**
 * Gives back the loop device that `add` took, ours or the stock script's; nothing for a target that is a block device itself.
 * A device that has got another file meanwhile is left to whose it is. Throws what the loop devices say.
 */
export async function removeBlock({ backend, store, loops, look }: BlockHotplug): Promise<void> {
  const [node, params] = await Promise.all([store.read(`${backend}/node`), store.read(`${backend}/params`)]);
  if (node === null || !/^\/dev\/loop\d+$/.test(node)) return;
  const [target, devices] = await Promise.all([look.target(params ?? ''), loops.list()]);
  const device = devices.find(({ path }) => path === node);
  // The name may lead to another file by now, so that alone does not make it another's.
  const same = target?.kind === 'file' && device?.backing === target.identity;
  if (device !== undefined && (same || !(await isAnothersLoop(backend, node, store)))) await loops.detach(node);
  // Once only: by the next call the device may be another's.
  await store.rm(`${backend}/node`);
}

const failed = (message: string): XlError => new XlError('hotplug-error', message);
const busy = ({ stock, message }: { readonly stock: string; readonly message: string }, hint: string): XlError =>
  new XlError('hotplug-busy', message.replaceAll('\n', ' '), { hint, messages: [stock] });
