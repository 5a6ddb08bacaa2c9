import { XlError } from '../../base/error.ts';
import type { DomainMemory } from '../../plan/memory.ts';
import type { RunningDomain } from '../../plan/running.ts';
import type { StoreView } from '../../run/ports.ts';
import { getDomainInfo } from './hypercalls.ts';
import type { Xen } from './version.ts';

const KIB_PER_PAGE = 4;

/**
 * A domain's memory by its nodes and by Xen. Domain 0's nodes may be missing, as no toolstack has built it: then it is
 * what Xen says (libxl_mem.c:libxl__fill_dom0_memory_info). Errors: `domain-not-found`, `memory-unknown`.
 */
export async function readDomainMemory(
  xen: Xen,
  store: StoreView,
  { domid, uuid }: Pick<RunningDomain, 'domid' | 'uuid'>,
): Promise<DomainMemory> {
  const info = getDomainInfo(xen, domid);
  if (info === null) throw new XlError('domain-not-found', `Domain ${domid} does not exist.`);
  const home = `/local/domain/${domid}/memory`;
  const [target, staticMax, video, vmMemory] = await Promise.all([
    store.read(`${home}/target`),
    store.read(`${home}/static-max`),
    store.read(`${home}/videoram`),
    uuid === null ? null : store.read(`/vm/${uuid}/memory`),
  ]);
  const number = (text: string | null, path: string, ofDom0: number): number =>
    text === null && domid === 0 ? ofDom0 : kibOf(text, path);
  return {
    targetKiB: number(target, `${home}/target`, info.pages * KIB_PER_PAGE),
    staticMaxKiB: number(staticMax, `${home}/static-max`, info.maxPages * KIB_PER_PAGE),
    videoKiB: video === null ? 0 : kibOf(video, `${home}/videoram`),
    limitKiB: info.maxPages * KIB_PER_PAGE,
    written: { target, staticMax, vmMemory },
  };
}

function kibOf(text: string | null, path: string): number {
  if (text !== null && /^\d{1,15}$/.test(text)) return Number(text);
  throw new XlError('memory-unknown', `Cannot get target memory info from ${path}`, {
    hint: text === null ? 'no toolstack has written the node' : `it is "${text}", which is no number of KiB`,
  });
}
