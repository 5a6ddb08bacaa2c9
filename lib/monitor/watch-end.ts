import type { Ports } from '../run/ports.ts';
import { SUSPENDED } from './reaction.ts';

/** How a domain ended: its guest did, for a reason (SHUTDOWN_* of sched.h), or somebody has destroyed it. */
export type End = { readonly kind: 'shutdown'; readonly reason: number } | { readonly kind: 'destroyed' };

export interface Watched {
  readonly domid: number;
  readonly uuid: string;
}

/**
 * Waits for the end of a domain, on xenstored's word that some domain has ended. One that suspends goes on. Throws the
 * signal's reason; XlError `xenstore-gone` where xenstored goes.
 */
export async function watchEnd(
  { domid, uuid }: Watched,
  ports: Pick<Ports, 'hypervisor' | 'store'>,
  { signal, suspended }: { readonly signal: AbortSignal; readonly suspended: () => void },
): Promise<End | null> {
  let sleeps = false;
  const ends = ports.store.watch('@releaseDomain', { signal })[Symbol.asyncIterator]();
  try {
    while ((await ends.next()).done !== true) {
      const info = await ports.hypervisor.call({ op: 'getdomaininfo', domid: String(domid) }, signal);
      if (info.uuid !== uuid) return { kind: 'destroyed' };
      // Somebody destroys it: its end is said once more when it is over.
      if (info.dying === '1' || info.shutdown === '' || info.shutdown === undefined) {
        sleeps = false;
        continue;
      }
      const reason = Number(info.shutdown);
      if (reason !== SUSPENDED) return { kind: 'shutdown', reason };
      if (!sleeps) suspended();
      sleeps = true;
    }
    return null;
  } finally {
    // A guest that reboots often has as many of these in one monitor.
    await ends.return?.();
  }
}
