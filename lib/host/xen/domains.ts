import type { StoreView } from '../../run/ports.ts';
import { mapLimited } from '../facts/limit.ts';
import { listDomains, type DomainInfo } from './hypercalls.ts';
import type { Xen } from './version.ts';

/** A domain as the hypervisor sees it, with the name that the toolstack gave it; null where it has none. */
export interface XenDomain extends DomainInfo {
  readonly name: string | null;
}

/** How many names are asked for together: their requests are pipelined on one connection. */
const TOGETHER = 32;

/** Every domain, by number. */
export const listXenDomains = (xen: Xen, store: StoreView): Promise<XenDomain[]> =>
  mapLimited(listDomains(xen), TOGETHER, async (domain) => ({
    ...domain,
    name: await store.read(`/local/domain/${domain.domid}/name`),
  }));
