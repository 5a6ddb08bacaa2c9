import type { DomainFacts } from '../../base/facts.ts';
import type { StoreView } from '../../run/ports.ts';
import { listDevids, listDomids, readIdentity } from '../inventory.ts';
import { mapLimited } from './limit.ts';

/** How many domains are read together: their requests are pipelined on one connection. */
const TOGETHER = 128;

/** Kinds of devices that have an image. */
const DISK_KINDS = ['vbd', 'virtio_disk'] as const;

/**
 * Every domain in the store with the images that it has open. Each creation asks this of all domains that there are, so
 * it reads no more of them than it tells.
 */
export async function domainFacts(store: StoreView): Promise<DomainFacts[]> {
  const domains = await mapLimited(await listDomids(store), TOGETHER, async (domid) => {
    const [identity, images] = await Promise.all([readIdentity(store, domid), imagesOf(store, domid)]);
    return identity && { domid, ...identity, images };
  });
  return domains.filter((domain) => domain !== null);
}

async function imagesOf(store: StoreView, domid: number): Promise<DomainFacts['images']> {
  const disks = await Promise.all(
    DISK_KINDS.map(async (kind) =>
      (await listDevids(store, domid, kind)).map((devid) => `/libxl/${domid}/device/${kind}/${devid}`),
    ),
  );
  const images = await Promise.all(disks.flat().map((disk) => imageOf(store, disk)));
  return images.filter(({ path }) => path !== '');
}

async function imageOf(store: StoreView, disk: string): Promise<DomainFacts['images'][number]> {
  const [backend, params, vdev, mode] = await Promise.all(
    ['backend', 'params', 'dev', 'mode'].map(async (key) => (await store.read(`${disk}/${key}`)) ?? ''),
  );
  return { path: pathOfParams(backend!, params!), vdev: vdev!, mode: mode === 'w' ? 'w' : 'r' };
}

/** qdisk and tap have `FORMAT:PATH` in `params`, blkback and the virtio daemon the path alone. */
const pathOfParams = (backend: string, params: string): string =>
  /\/backend\/(qdisk|vbd3)\//.test(backend) ? params.slice(params.indexOf(':') + 1) : params;
