import type { StoreView } from '../../run/ports.ts';
import { mapLimited } from '../facts/limit.ts';
import type { BlockLook, BlockTarget, Mount } from './block-look.ts';
import type { LoopDevices } from './loop-devices.ts';

/** `r`: others may read too; `w`: nobody else may have it; `!`: the user knows better (`mode` in the backend). */
export type SharingMode = 'r' | 'w' | '!';

/** Reads `r`, `w`, `ro`, `rw`, `w!` … as the stock scripts do (block-common.sh: canonicalise_mode). */
export function sharingMode(mode: string): SharingMode {
  if (!mode.includes('w')) return 'r';
  return mode.includes('!') ? '!' : 'w';
}

export interface SharingQuestion {
  /** The backend's directory, `/local/domain/B/backend/KIND/D/I`. */
  readonly backend: string;
  readonly mode: SharingMode;
  readonly target: Extract<BlockTarget, { kind: 'file' | 'block' }>;
}

interface World {
  readonly store: StoreView;
  readonly loops: Pick<LoopDevices, 'list'>;
  readonly look: BlockLook;
}

/** Who has what a guest is to get, in two ways to say it. */
export interface SharingRefusal {
  /** For `hotplug-error`, in the stock script's words, which tools look for. */
  readonly stock: string;
  /** For people: whose it is, and as what. */
  readonly message: string;
}

/** How many nodes are asked for together: their requests are pipelined on one connection. */
const TOGETHER = 64;

/**
 * Why a device or file may not be given to a guest, or null where it may: for writing nobody else may have it, for reading
 * nobody may write it. The stock script misses files, because it looks for a hex device number in losetup's decimal ones;
 * here files are compared by device and inode.
 */
export async function sharingRefusal(question: SharingQuestion, world: World): Promise<SharingRefusal | null> {
  const { mode, target } = question;
  if (mode === '!') return null;
  const devices = await devicesOf(target, world);
  const mounted = await mountOf(devices, mode, world.look);
  if (mounted !== undefined) {
    const message = `${target.path} is mounted on ${mounted.point} in this domain`;
    return { stock: stockWords(target, mode, 'privileged', devices.get(mounted.device)!), message };
  }
  const user = await guestThatHas(question, devices, world);
  if (user === null) return null;
  return { stock: stockWords(target, mode, 'guest', user.through), message: await whoHas(user, target, world.store) };
}

/** Numbers of the block devices that show the target's data, each with its path. */
async function devicesOf(
  target: SharingQuestion['target'],
  { loops, look }: World,
): Promise<ReadonlyMap<string, string>> {
  if (target.kind === 'block') return new Map([[target.device, target.path]]);
  const behind = (await loops.list()).filter(({ backing }) => backing === target.identity);
  const found = await Promise.all(behind.map(({ path }) => look.target(path)));
  return new Map(found.flatMap((device) => (device?.kind === 'block' ? [[device.device, device.path] as const] : [])));
}

async function mountOf(
  devices: ReadonlyMap<string, string>,
  mode: 'r' | 'w',
  look: BlockLook,
): Promise<Mount | undefined> {
  if (devices.size === 0) return undefined;
  const mounts = await look.mounts();
  return mounts.find(({ device, readOnly }) => devices.has(device) && (mode === 'w' || !readOnly));
}

interface OtherBackend {
  readonly path: string;
  readonly domid: string;
}

interface SharingUser extends OtherBackend {
  /** The device through which it has the target; the file itself where QEMU has it. */
  readonly through: string;
}

/** Another guest that has the target in a way that does not go together with `mode`; null where none has. */
async function guestThatHas(
  { backend, mode, target }: SharingQuestion,
  devices: ReadonlyMap<string, string>,
  { store, look }: World,
): Promise<SharingUser | null> {
  const guest = backend.split('/').at(-2)!;
  const conflicts = async (other: OtherBackend): Promise<SharingUser | null> => {
    const through = await deviceOfBackend(other.path, target, devices, { store, look });
    if (through === null) return null;
    if (mode === 'r' && sharingMode((await store.read(`${other.path}/mode`)) ?? '') === 'r') return null;
    // The stock script lets one guest have an image twice: two writers all the same.
    const isOneMachine = other.domid !== guest && (await isSameVm(guest, other.domid, store));
    return isOneMachine ? null : { ...other, through };
  };
  // A file that is behind no loop device can only be in a QEMU.
  const kinds = devices.size === 0 ? ['qdisk'] : ['vbd', 'vbd3', 'qdisk'];
  const others = await otherBackends(backend, kinds, store);
  return (await mapLimited(others, TOGETHER, conflicts)).find((user) => user !== null) ?? null;
}

async function deviceOfBackend(
  path: string,
  target: SharingQuestion['target'],
  devices: ReadonlyMap<string, string>,
  { store, look }: Pick<World, 'store' | 'look'>,
): Promise<string | null> {
  const device = await store.read(`${path}/physical-device`);
  if (device !== null) return devices.get(device) ?? null;
  // A qdisk has no block device: its QEMU opens what `params` names, FORMAT:PATH.
  const params = path.includes('/backend/qdisk/') ? ((await store.read(`${path}/params`)) ?? '') : '';
  const name = params.slice(params.indexOf(':') + 1);
  const opened = name.startsWith('/') ? await look.target(name) : null;
  if (opened?.kind === 'file' && target.kind === 'file' && opened.identity === target.identity) return target.path;
  return opened?.kind === 'block' ? (devices.get(opened.device) ?? null) : null;
}

/** All disks of these kinds that this domain serves but the one that is asked about. */
async function otherBackends(backend: string, kinds: readonly string[], store: StoreView): Promise<OtherBackend[]> {
  const root = backend.split('/').slice(0, -3).join('/');
  const homes = await Promise.all(
    kinds.map(async (kind) =>
      ((await store.directory(`${root}/${kind}`)) ?? []).map((domid) => ({ domid, home: `${root}/${kind}/${domid}` })),
    ),
  );
  const disks = await mapLimited(homes.flat(), TOGETHER, async ({ domid, home }) =>
    ((await store.directory(home)) ?? []).map((devid) => ({ path: `${home}/${devid}`, domid })),
  );
  return disks.flat().filter(({ path }) => path !== backend);
}

/** Whether another disk of this domain's is behind this loop device. */
export async function isAnothersLoop(backend: string, node: string, store: StoreView): Promise<boolean> {
  const others = await otherBackends(backend, ['vbd'], store);
  const nodes = await mapLimited(others, TOGETHER, ({ path }) => store.read(`${path}/node`));
  return nodes.includes(node);
}

/**
 * Whether two domains are one machine: the same domain during a local migration, or a stub domain and its guest
 * (block-common.sh: same_vm). A domain whose home is gone is dying; what it had may be taken.
 */
async function isSameVm(guest: string, other: string, store: StoreView): Promise<boolean> {
  const vmOf = (domid: string): Promise<string | null> => store.read(`/local/domain/${domid}/vm`);
  const targetVm = async (domid: string): Promise<string | null> => {
    const target = await store.read(`/local/domain/${domid}/target`);
    return target === null ? null : vmOf(target);
  };
  const otherVm = await vmOf(other);
  if (otherVm === null) return true;
  const ours = [await vmOf(guest), await targetVm(guest)];
  const theirs = [otherVm, await targetVm(other)];
  return ours.some((vm) => vm !== null && theirs.includes(vm));
}

/** `/a.img is in use: web (domain 3) has it as xvda, read-write`. */
async function whoHas(
  { path, domid }: SharingUser,
  target: SharingQuestion['target'],
  store: StoreView,
): Promise<string> {
  const [name, vdev, mode] = await Promise.all(
    [`/local/domain/${domid}/name`, `${path}/dev`, `${path}/mode`].map((node) => store.read(node)),
  );
  const owner = name === null ? `domain ${domid}` : `${name} (domain ${domid})`;
  const as = vdev ?? `device ${path.split('/').at(-1)!}`;
  return `${target.path} is in use: ${owner} has it as ${as}, ${sharingMode(mode ?? '') === 'r' ? 'read-only' : 'read-write'}`;
}

function stockWords(
  target: SharingQuestion['target'],
  mode: 'r' | 'w',
  by: 'guest' | 'privileged',
  through: string,
): string {
  const looped = `File ${target.path} is loopback-mounted through ${through},\nwhich is mounted `;
  const what =
    through === target.path ? `${target.kind === 'file' ? 'File' : 'Device'} ${through} is mounted ` : looped;
  const where = by === 'guest' ? 'in a guest domain' : 'in the privileged domain';
  const when = by === 'guest' ? 'now' : 'by a guest';
  return mode === 'w'
    ? `${what}${where},\nand so cannot be mounted ${when}.`
    : `${what}read-write ${where},\nand so cannot be mounted read-only ${when}.`;
}
