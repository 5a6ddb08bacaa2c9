import type { DomainFacts } from '../../base/facts.ts';
import type { StoreView } from '../../run/ports.ts';
import { listDomids, readUuid } from '../inventory.ts';
import { mapLimited } from './limit.ts';

/** What is to be known of the domains that there are, beside their names. */
export interface DomainQuestion {
  /** Paths whose users are told, or all images. */
  readonly images: readonly string[] | 'all';
  /** Whether uuids are; else each is null. */
  readonly uuids: boolean;
}

/** How many answers are waited for together: their requests are pipelined on one connection. */
const TOGETHER = 1024;

/** Kinds of backends that have an image. */
const DISK_KINDS = ['vbd', 'vbd3', 'qdisk', 'virtio_disk'] as const;

type Image = DomainFacts['images'][number];

/**
 * Every domain in the store with the images that domain 0 serves it. Each creation asks this of all domains that there
 * are, so of each it reads no more than is asked: a name, and for disks that could clash a list and the image of each.
 */
export async function domainFacts(
  store: StoreView,
  { images, uuids }: DomainQuestion = { images: 'all', uuids: true },
): Promise<DomainFacts[]> {
  const [domids, users] = await Promise.all([listDomids(store), imagesByDomid(store, images)]);
  const domains = await mapLimited(domids, TOGETHER, async (domid) => {
    const [name, uuid] = await Promise.all([
      store.read(`/local/domain/${domid}/name`),
      uuids ? readUuid(store, domid) : null,
    ]);
    const known = users.get(domid) ?? [];
    return name === null && uuid === null && known.length === 0 ? null : { domid, name, uuid, images: known };
  });
  return domains.filter((domain) => domain !== null);
}

/** Backends are asked, as only they are listed by kind: a domain without disks costs nothing. */
async function imagesByDomid(
  store: StoreView,
  wanted: DomainQuestion['images'],
): Promise<ReadonlyMap<number, readonly Image[]>> {
  if (wanted.length === 0) return new Map();
  const isWanted = wanted === 'all' ? () => true : (path: string) => wanted.includes(path);
  const list = async (path: string): Promise<string[]> =>
    ((await store.directory(path)) ?? []).filter((name) => /^\d{1,9}$/.test(name));
  const homes = await Promise.all(
    DISK_KINDS.map(async (kind) => {
      const root = `/local/domain/0/backend/${kind}`;
      return (await list(root)).map((domid) => ({ domid: Number(domid), home: `${root}/${domid}` }));
    }),
  );
  const users = await mapLimited(homes.flat(), TOGETHER, async ({ domid, home }) => {
    const disks = await Promise.all((await list(home)).map((devid) => imageOf(store, `${home}/${devid}`, isWanted)));
    return { domid, images: disks.filter((image) => image !== null) };
  });
  const byDomid = new Map<number, Image[]>();
  for (const { domid, images } of users) byDomid.set(domid, [...(byDomid.get(domid) ?? []), ...images]);
  return byDomid;
}

async function imageOf(store: StoreView, backend: string, isWanted: (path: string) => boolean): Promise<Image | null> {
  const path = pathOfParams(backend, (await store.read(`${backend}/params`)) ?? '');
  if (path === '' || !isWanted(path)) return null;
  const [vdev, mode] = await Promise.all([store.read(`${backend}/dev`), store.read(`${backend}/mode`)]);
  return { path, vdev: vdev ?? '', mode: mode === 'w' ? 'w' : 'r' };
}

/** qdisk and tap have `FORMAT:PATH` in `params`, blkback and the virtio daemon the path alone. */
const pathOfParams = (backend: string, params: string): string =>
  /\/backend\/(qdisk|vbd3)\//.test(backend) ? params.slice(params.indexOf(':') + 1) : params;
