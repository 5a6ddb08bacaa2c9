import { XlError } from '../lib/base/error.ts';
import { mapLimited } from '../lib/host/facts/limit.ts';
import { listDomids, readRunningDomain } from '../lib/host/inventory.ts';
import type { RunningDomain } from '../lib/plan/running.ts';
import type { StoreView } from '../lib/run/ports.ts';

/** How many names are asked for together: their requests are pipelined on one connection. */
const TOGETHER = 1024;

/**
 * The number of the domain that a word means: digits as they are, whether or not there is such a domain, else the domain
 * of exactly that name (`libxl_domain_qualifier_to_domid`). Null where no domain has it. Unlike xl, an empty word means
 * no domain, not domain 0.
 */
export async function findDomid(store: StoreView, word: string): Promise<number | null> {
  if (/^\d+$/.test(word)) return Number(word);
  if (word === '') return null;
  const domids = await listDomids(store);
  const names = await mapLimited(domids, TOGETHER, (domid) => store.read(`/local/domain/${domid}/name`));
  return domids[names.indexOf(word)] ?? null;
}

/** The same, in xl's words where there is none (`find_domain`); exit status 1. */
export async function requireDomid(store: StoreView, word: string): Promise<number> {
  const domid = await findDomid(store, word);
  if (domid !== null) return domid;
  throw new XlError('domain-not-found', `${word} is an invalid domain identifier (rc=-6)`, {
    hint: '`xl list` shows the domains that there are',
  });
}

/** A domain that exists, with its devices. */
export async function requireDomain(store: StoreView, word: string): Promise<RunningDomain> {
  const domid = await requireDomid(store, word);
  const domain = await readRunningDomain(store, domid);
  if (domain !== null) return domain;
  throw new XlError('domain-not-found', `Domain ${domid} does not exist.`, {
    hint: '`xl list` shows the domains that there are',
  });
}
