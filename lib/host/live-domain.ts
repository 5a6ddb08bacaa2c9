import type { LiveDomain } from '../libxl-json/live.ts';
import type { StoreView } from '../run/ports.ts';

/** More vcpus than Xen knows are none of ours. */
const MOST_VCPUS = 8192;

/** What xenstore says of a domain now; nothing here can be written by the guest. */
export async function readLiveDomain(store: StoreView, domid: number): Promise<Omit<LiveDomain, 'scheduling'>> {
  const home = `/local/domain/${domid}`;
  const [name, target, max, vcpus, disks, nics] = await Promise.all([
    store.read(`${home}/name`),
    store.read(`${home}/memory/target`),
    store.read(`${home}/memory/static-max`),
    readOnlineVcpus(store, `${home}/cpu`),
    numbersIn(store, `/libxl/${domid}/device/vbd`),
    numbersIn(store, `/libxl/${domid}/device/vif`),
  ]);
  const [targetKiB, maxKiB] = [numberOf(target), numberOf(max)];
  return {
    name,
    memory: targetKiB === null || maxKiB === null ? null : { targetKiB, maxKiB },
    onlineVcpus: vcpus,
    disks,
    nics,
  };
}

async function readOnlineVcpus(store: StoreView, path: string): Promise<number[] | null> {
  const vcpus = (await numbersIn(store, path)).slice(0, MOST_VCPUS);
  if (vcpus.length === 0) return null;
  const states = await Promise.all(vcpus.map((vcpu) => store.read(`${path}/${vcpu}/availability`)));
  return vcpus.filter((_, index) => states[index] === 'online');
}

/** Children of a node that are numbers, in order. */
const numbersIn = async (store: StoreView, path: string): Promise<number[]> =>
  ((await store.directory(path)) ?? [])
    .filter((name) => /^\d{1,10}$/.test(name))
    .map(Number)
    .toSorted((one, other) => one - other);

const numberOf = (text: string | null): number | null =>
  text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
