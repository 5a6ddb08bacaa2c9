import type { RunningDevice, RunningDomain } from '../plan/running.ts';
import type { StoreView } from '../run/ports.ts';

/**
 * What xenstore knows of the domains that exist. Only nodes that the guest cannot write are trusted: /libxl, backends,
 * and names; a frontend's `state` is read for display and never followed.
 */

/** Guests can make many nodes, the toolstack few: a longer list than this is not one of ours. */
const MOST_DEVICES = 4096;

/** Domids that have a home in xenstore, in order, dom0 included. */
export async function listDomids(store: StoreView): Promise<number[]> {
  const names = (await store.directory('/local/domain')) ?? [];
  return names
    .filter((name) => /^\d{1,5}$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);
}

/** Whether each vcpu of a domain is to be online, by its number: what the toolstack last told the guest. */
export async function readAvailability(store: StoreView, domid: number): Promise<boolean[]> {
  const numbers = ((await store.directory(`/local/domain/${domid}/cpu`)) ?? []).filter((name) =>
    /^\d{1,4}$/.test(name),
  );
  const values = await Promise.all(
    numbers.map((number) => store.read(`/local/domain/${domid}/cpu/${number}/availability`)),
  );
  const byNumber = new Map(numbers.map((number, at) => [Number(number), values[at] === 'online']));
  return Array.from({ length: Math.max(-1, ...byNumber.keys()) + 1 }, (_, vcpu) => byNumber.get(vcpu) ?? false);
}

/** A domain by its number; null where xenstore has none. */
export async function readRunningDomain(store: StoreView, domid: number): Promise<RunningDomain | null> {
  const [identity, type, model, devices] = await Promise.all([
    readIdentity(store, domid),
    store.read(`/libxl/${domid}/type`),
    store.read(`/local/domain/${domid}/image/device-model-pid`),
    readDevices(store, domid),
  ]);
  if (identity === null && type === null) return null;
  return {
    domid,
    name: identity?.name ?? null,
    uuid: identity?.uuid ?? null,
    type: type === 'pv' || type === 'pvh' || type === 'hvm' ? type : null,
    devices,
    hasDeviceModel: model !== null,
  };
}

/** The most memory that a domain may have, in KiB, as its toolstack noted it; null where it did not. */
export async function readMaxMemory(store: StoreView, domid: number): Promise<number | null> {
  const noted = await store.read(`/local/domain/${domid}/memory/static-max`);
  return noted !== null && /^\d{1,12}$/.test(noted) ? Number(noted) : null;
}

/** What a domain is called; null where xenstore knows neither its name nor its uuid. */
export async function readIdentity(
  store: StoreView,
  domid: number,
): Promise<Pick<RunningDomain, 'name' | 'uuid'> | null> {
  const [name, vm] = await Promise.all([
    store.read(`/local/domain/${domid}/name`),
    store.read(`/local/domain/${domid}/vm`),
  ]);
  if (name === null && vm === null) return null;
  return { name, uuid: uuidOfVm(vm) };
}

/** A domain's uuid; null where xenstore does not know it. */
export const readUuid = async (store: StoreView, domid: number): Promise<string | null> =>
  uuidOfVm(await store.read(`/local/domain/${domid}/vm`));

/** `/vm/UUID` is where a domain's vm node lies. */
const uuidOfVm = (vm: string | null): string | null =>
  (vm === null ? null : /^\/vm\/([0-9a-f-]{36})$/.exec(vm)?.[1]) ?? null;

/** The numbers of a domain's devices of a kind, in order. */
export async function listDevids(store: StoreView, domid: number, kind: string): Promise<number[]> {
  const names = (await store.directory(`/libxl/${domid}/device/${kind}`)) ?? [];
  return names
    .filter((name) => /^\d{1,9}$/.test(name))
    .slice(0, MOST_DEVICES)
    .map(Number)
    .sort((a, b) => a - b);
}

/** All devices of a domain, by kind and number. */
export async function readDevices(store: StoreView, domid: number): Promise<RunningDevice[]> {
  const root = `/libxl/${domid}/device`;
  const kinds = (await store.directory(root)) ?? [];
  const lists = await Promise.all(
    kinds.map(async (kind) => {
      const ids = await listDevids(store, domid, kind);
      return Promise.all(ids.map((id) => readDevice(store, domid, kind, id)));
    }),
  );
  return lists.flat().filter((device) => device !== null);
}

async function readDevice(store: StoreView, domid: number, kind: string, devid: number): Promise<RunningDevice | null> {
  const libxl = `/libxl/${domid}/device/${kind}/${devid}`;
  const names = (await store.directory(libxl)) ?? [];
  const entries = await Promise.all(
    names.map(async (name) => [name, (await store.read(`${libxl}/${name}`)) ?? ''] as const),
  );
  const { frontend, backend, ...keys } = Object.fromEntries(entries);
  const place = backend === undefined ? null : backendPlace(backend);
  if (frontend === undefined || backend === undefined || place === null) return null;
  const [backendState, frontendState] = await Promise.all([
    store.read(`${backend}/state`),
    store.read(`${frontend}/state`),
  ]);
  return { kind, devid, frontend, backend, libxl, keys, backendState, frontendState, ...place };
}

/** `/local/domain/0/backend/qdisk/7/51712` says who serves the device, and as what. */
function backendPlace(path: string): { backendDomid: number; backendKind: string } | null {
  const match = /^\/local\/domain\/(\d+)\/backend\/([a-z0-9_]+)\/\d+\/\d+$/.exec(path);
  return match === null ? null : { backendDomid: Number(match[1]), backendKind: match[2]! };
}
