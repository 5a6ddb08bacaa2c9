import type { HostFacts } from '../base/facts.ts';
import { userdataFile, userdataLock } from '../device/files.ts';
import type { DeviceList, DeviceName, KeptChange } from '../libxl-json/change.ts';
import type { JsonObject } from '../libxl-json/json.ts';
import { deviceName, isDiskKind, type RunningDevice, type RunningDomain } from './running.ts';
import type { FileAction, Step } from './step.ts';

/** How long another toolstack may hold the lock of what is kept, which it needs for milliseconds. */
export const USERDATA_LOCK_MS = 10_000;

type Owner = Pick<RunningDomain, 'domid' | 'uuid'>;
type Dirs = Pick<HostFacts, 'dirs'>;

/** A change to what is kept of a domain's configuration, and its way back. */
interface Keeping extends Pick<Step, 'id' | 'title' | 'needs'> {
  readonly change: KeptChange;
  readonly undo: KeptChange | null;
}

/** The step that changes what is kept of a domain's configuration; none for a domain of which nothing can be kept. */
function keepSteps(owner: Owner, { dirs }: Dirs, { change, undo, ...words }: Keeping): Step[] {
  const { uuid } = owner;
  if (uuid === null) return [];
  const domid = String(owner.domid);
  const action = (one: KeptChange): FileAction => ({
    kind: 'file',
    op: 'change-kept',
    path: userdataFile(dirs, domid, uuid),
    lock: { path: userdataLock(dirs, domid, uuid), timeoutMs: USERDATA_LOCK_MS },
    change: one,
  });
  return [
    {
      ...words,
      why: '`list -l`, save and reboot read the kept configuration, in stock xl too',
      action: action(change),
      undo: undo === null ? [] : [action(undo)],
    },
  ];
}

/** Keeps a device that is attached, once its nodes are there: then no other can have its name. */
export function keepDevice(
  owner: Owner,
  dirs: Dirs,
  { name, list, device, needs }: { name: string; list: DeviceList; device: JsonObject; needs: readonly string[] },
): Step[] {
  const key = list === 'disks' ? device.vdev : device.devid;
  if (typeof key !== 'string' && typeof key !== 'number') return [];
  return keepSteps(owner, dirs, {
    id: `${name}-keep`,
    title: `keep ${name} in the configuration`,
    needs,
    change: { change: 'put', list, device },
    undo: { change: 'drop', list, name: key },
  });
}

/** Keeps what is in a CD drive: the path of an image, or null for nothing. */
export function keepDisc(
  owner: Owner,
  dirs: Dirs,
  { vdev, path, before, needs }: { vdev: string; path: string | null; before: string | null; needs: readonly string[] },
): Step[] {
  const put = (image: string | null): KeptChange => ({
    change: 'put',
    list: 'disks',
    device: { pdev_path: image ?? '', vdev, format: image === null ? 'empty' : 'raw', removable: 1, is_cdrom: 1 },
  });
  return keepSteps(owner, dirs, {
    id: 'disc-keep',
    title: `keep the disc of ${vdev} in the configuration`,
    needs,
    change: put(path),
    undo: put(before),
  });
}

/**
 * The steps that close a device, with what is kept of it forgotten before its nodes go: from them alone a second try knows
 * that there is something to forget. libxl leaves it, and warns at every later save: "Device present in JSON but not in
 * xenstore, ignored".
 */
export function forgetting(steps: readonly Step[], owner: Owner, dirs: Dirs, device: RunningDevice): Step[] {
  const which = keptAs(device);
  const removal = steps.at(-1);
  if (which === null || removal === undefined) return [...steps];
  const name = deviceName(device);
  const forget = keepSteps(owner, dirs, {
    id: `${name}-forget`,
    title: `take ${name} out of the kept configuration`,
    needs: removal.needs,
    change: { change: 'drop', ...which },
    undo: null,
  });
  return [...steps.slice(0, -1), ...forget, { ...removal, needs: [...removal.needs, ...forget.map(({ id }) => id)] }];
}

function keptAs({ kind, devid, keys }: RunningDevice): { list: DeviceList; name: DeviceName } | null {
  if (kind === 'vif') return { list: 'nics', name: devid };
  return isDiskKind(kind) && keys.dev !== undefined ? { list: 'disks', name: keys.dev } : null;
}

/** Keeps a domain's new name. */
export const keepName = (
  owner: Owner,
  dirs: Dirs,
  { before, name, needs }: { before: string | null; name: string; needs: readonly string[] },
): Step[] =>
  keepSteps(owner, dirs, {
    id: 'configuration',
    title: 'keep the new name',
    needs,
    change: { change: 'name', to: name },
    undo: before === null ? null : { change: 'name', to: before, from: name },
  });
