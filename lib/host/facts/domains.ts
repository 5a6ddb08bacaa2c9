import type { DomainFacts } from '../../base/facts.ts';
import type { RunningDevice } from '../../plan/running.ts';
import type { StoreView } from '../../run/ports.ts';
import { listDomids, readRunningDomain } from '../inventory.ts';
import { mapLimited } from './limit.ts';

/** How many domains are read together: their requests are pipelined on one connection. */
const TOGETHER = 32;

/** Every domain in the store with the images that it has open. */
export async function domainFacts(store: StoreView): Promise<DomainFacts[]> {
  const domains = await mapLimited(await listDomids(store), TOGETHER, async (domid) => {
    const domain = await readRunningDomain(store, domid);
    return domain && { domid, name: domain.name, uuid: domain.uuid, images: domain.devices.flatMap(imageOf) };
  });
  return domains.filter((domain) => domain !== null);
}

function imageOf({ kind, backendKind, keys }: RunningDevice): DomainFacts['images'][number][] {
  if (kind !== 'vbd' && kind !== 'virtio_disk') return [];
  const path = pathOfParams(backendKind, keys.params ?? '');
  if (path === '') return [];
  return [{ path, vdev: keys.dev ?? '', mode: keys.mode === 'w' ? 'w' : 'r' }];
}

/** qdisk and tap have `FORMAT:PATH` in `params`, blkback and the virtio daemon the path alone. */
const pathOfParams = (backendKind: string, params: string): string =>
  backendKind === 'qdisk' || backendKind === 'vbd3' ? params.slice(params.indexOf(':') + 1) : params;
