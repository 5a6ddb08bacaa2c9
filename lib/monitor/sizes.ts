import type { RunningDomain } from '../plan/running.ts';
import type { StoreView } from '../run/ports.ts';
import type { DomainAtEnd } from './current.ts';

/** Linux's most processors of a guest, and more than Xen's. */
const MOST_VCPUS = 4096;

/**
 * How much memory and how many vcpus a domain had at its end, by the nodes that the toolstack writes and the guest only
 * reads (libxl_mem.c:libxl_get_memory_target adds the video card's memory, which the target's node is without).
 */
export async function readSizes(
  { domid, type }: RunningDomain,
  store: StoreView,
): Promise<Pick<DomainAtEnd, 'memory' | 'vcpus'>> {
  const home = `/local/domain/${domid}`;
  const [target, most, video, cpus] = await Promise.all([
    readKiB(store, `${home}/memory/target`),
    readKiB(store, `${home}/memory/static-max`),
    readKiB(store, `${home}/memory/videoram`),
    store.directory(`${home}/cpu`),
  ]);
  const states = await Promise.all(
    (cpus ?? []).slice(0, MOST_VCPUS).map((cpu) => store.read(`${home}/cpu/${cpu}/availability`)),
  );
  const online = states.filter((state) => state === 'online').length;
  const vcpus = online === 0 ? null : online;
  if (target === null || most === null) return { memory: null, vcpus };
  const held = target + (video ?? 0);
  // With populate-on-demand the target's node is 1 MiB less (libxl__get_targetmem_fudge).
  const fudge = type === 'hvm' && held < most ? FUDGE_KIB : 0;
  return { memory: { targetKiB: held + fudge, maxKiB: most }, vcpus };
}

const FUDGE_KIB = 1024;

async function readKiB(store: StoreView, path: string): Promise<number | null> {
  const text = await store.read(path);
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}
