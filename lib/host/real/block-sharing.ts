import type { StoreView } from '../../run/ports.ts';
import type { BlockLook, BlockTarget } from './block-look.ts';
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
  readonly loops: LoopDevices;
  readonly look: BlockLook;
}

/**
 * Why a device or file may not be given to a guest, in the stock script's words, or null where it may: for writing
 * nobody else may have it, for reading nobody may write it. The stock script misses files, because it looks for a hex
 * device number in losetup's decimal ones; here files are compared by device and inode.
 */
export async function sharingRefusal(question: SharingQuestion, world: World): Promise<string | null> {
  const { mode, target } = question;
  if (mode === '!') return null;
  const devices = await devicesOf(target, world);
  const mounted = (await world.look.mounts()).find(
    ({ device, readOnly }) => devices.has(device) && (mode === 'w' || !readOnly),
  );
  if (mounted !== undefined) return words(target, mode, 'privileged', devices.get(mounted.device)!);
  const used = await usedByGuest(question, devices, world);
  return used === null ? null : words(target, mode, 'guest', used);
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

/** The device through which (or the file itself, where QEMU has it) another guest has the target; null where none has. */
async function usedByGuest(
  { backend, mode, target }: SharingQuestion,
  devices: ReadonlyMap<string, string>,
  { store, look }: World,
): Promise<string | null> {
  const guest = backend.split('/').at(-2)!;
  for (const other of await otherBackends(backend, store)) {
    if (mode === 'r' && sharingMode((await store.read(`${other.path}/mode`)) ?? '') === 'r') continue;
    const through = await deviceOfBackend(other.path, target, devices, { store, look });
    if (through !== null && !(await isSameVm(guest, other.domid, store))) return through;
  }
  return null;
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
  const params = (await store.read(`${path}/params`)) ?? '';
  const opened = path.includes('/backend/qdisk/') ? await look.target(params.slice(params.indexOf(':') + 1)) : null;
  if (opened?.kind === 'file' && target.kind === 'file' && opened.identity === target.identity) return target.path;
  return opened?.kind === 'block' ? (devices.get(opened.device) ?? null) : null;
}

/** All disks that this domain serves but the one that is asked about. */
async function otherBackends(
  backend: string,
  store: StoreView,
): Promise<{ readonly path: string; readonly domid: string }[]> {
  const root = backend.split('/').slice(0, -3).join('/');
  const found: { path: string; domid: string }[] = [];
  for (const kind of ['vbd', 'vbd3', 'qdisk']) {
    for (const domid of (await store.directory(`${root}/${kind}`)) ?? []) {
      for (const devid of (await store.directory(`${root}/${kind}/${domid}`)) ?? []) {
        const path = `${root}/${kind}/${domid}/${devid}`;
        if (path !== backend) found.push({ path, domid });
      }
    }
  }
  return found;
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

function words(
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
