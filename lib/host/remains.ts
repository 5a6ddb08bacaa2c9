import { readFile } from 'node:fs/promises';
import type { HostDirs } from '../base/facts.ts';
import { monitorNoteFile } from '../device/files.ts';
import type { Remains } from '../plan/gc.ts';
import type { RunningDomain } from '../plan/running.ts';
import { journalOwner } from '../run/journal.ts';
import type { Ports } from '../run/ports.ts';
import { readDevices, readRunningDomain } from './inventory.ts';
import { listMonitors } from './monitors.ts';
import { isAlive, startTimeOf } from './real/identity.ts';
import { markedDeviceModels } from './real/processes.ts';

/** Looks for everything that a domain could have left on a host. Changes nothing. */
export async function gatherRemains(
  domains: Remains['domains'],
  { store, files }: Pick<Ports, 'store' | 'files'>,
  dirs: Pick<HostDirs, 'lib' | 'state'>,
): Promise<Remains> {
  const [described, userdata, deviceModels, monitors, litter, busy] = await Promise.all([
    describedDomains(store),
    listUserdata(files, dirs.lib),
    markedDeviceModels(),
    listMonitors(dirs),
    findLitter(files, dirs),
    isBusy(files, dirs.state),
  ]);
  return {
    domains,
    described,
    userdata,
    deviceModels,
    monitors: monitors.map((note) => ({ ...note, path: monitorNoteFile(dirs, note.uuid) })),
    litter,
    busy,
  };
}

/** Every number below which there are nodes, whether or not it has a home. */
async function describedDomains(store: Ports['store']): Promise<RunningDomain[]> {
  const [homes, libxl, models] = await Promise.all(
    ['/local/domain', '/libxl', '/local/domain/0/device-model'].map((path) => store.directory(path)),
  );
  const names = new Set([...(homes ?? []), ...(libxl ?? []), ...(models ?? [])]);
  const domids = [...names].filter((name) => /^\d{1,5}$/.test(name) && name !== '0').map(Number);
  return Promise.all(
    domids.map(async (domid) => {
      const running = await readRunningDomain(store, domid);
      if (running !== null) return running;
      // Who it was has gone already; what it had may still be there.
      const devices = await readDevices(store, domid);
      return { domid, name: null, uuid: null, type: null, devices, hasDeviceModel: true };
    }),
  );
}

/** libxl's userdata files: `userdata-KIND.DOMID.UUID.WHAT` (libxl_dom.c:userdata_path). */
async function listUserdata(files: Ports['files'], lib: string): Promise<Remains['userdata']> {
  const pattern = /^userdata-[a-z]\.(\d{1,5})\.([0-9a-f-]{36})\.[\w-]+$/;
  return (await files.list(lib)).flatMap((name) => {
    const match = pattern.exec(name);
    return match === null ? [] : [{ path: `${lib}/${name}`, domid: Number(match[1]), uuid: match[2]! }];
  });
}

/** Drafts of files (`NAME.new-PID-N`), drafts of locks (`NAME.PID-START-N`), and locks whose holder is dead. */
async function findLitter(
  files: Ports['files'],
  { lib, state }: Pick<HostDirs, 'lib' | 'state'>,
): Promise<Remains['litter']> {
  const directories = [...new Set([lib, state])];
  const lists = await Promise.all(
    directories.map(async (directory) =>
      (await files.list(directory)).map((name) => ({ name, path: `${directory}/${name}` })),
    ),
  );
  const owned = await Promise.all(
    lists.flat().map(async ({ name, path }) => ({ path, owner: await ownerOf(name, path) })),
  );
  const found = await Promise.all(
    owned.map(async ({ path, owner }) => {
      if (owner === null) return [];
      const { pid, startTime } = owner;
      const lives = startTime === null ? (await startTimeOf(pid)) !== null : await isAlive({ pid, startTime });
      return lives ? [] : [{ path, pid }];
    }),
  );
  return found.flat();
}

async function ownerOf(name: string, path: string): Promise<{ pid: number; startTime: string | null } | null> {
  const draft = /^(?:userdata-|monitor-|next-domid|domid-|qemu-version).*\.new-(\d{1,7})-\d+$/.exec(name);
  if (draft !== null) return { pid: Number(draft[1]), startTime: null };
  const lockDraft = /[.-]lock(?:\.takeover)?\.(\d{1,7})-(\d{1,20})-\d+$/.exec(name);
  if (lockDraft !== null) return { pid: Number(lockDraft[1]), startTime: lockDraft[2]! };
  return /^(?:monitor-.*|recover)\.lock$/.test(name) ? lockHolder(path) : null;
}

async function lockHolder(path: string): Promise<{ pid: number; startTime: string } | null> {
  try {
    const { pid, startTime } = JSON.parse(await readFile(path, 'utf8')) as { pid?: unknown; startTime?: unknown };
    return typeof pid === 'number' && typeof startTime === 'string' ? { pid, startTime } : null;
  } catch {
    return null;
  }
}

/** Whether a command of ours is at work on a plan. */
async function isBusy(files: Ports['files'], state: string): Promise<boolean> {
  const owners = (await files.list(state)).map(journalOwner).filter((owner) => owner !== null);
  return (await Promise.all(owners.map(isAlive))).some(Boolean);
}
