import { XlError } from '../lib/base/error.ts';
import type { CommandContext } from './command.ts';
import type { Host } from './host.ts';

/** The exit status of what Ctrl-C has ended, as shells count it. */
const EXIT_INTERRUPTED = 130;

/** What has become of a domain. Reasons are Xen's: `poweroff` is 0, `reboot` 1, `suspend` 2, `crash` 3 … (sched.h). */
export type DomainEnd = { readonly state: 'shutdown'; readonly reason: number } | { readonly state: 'destroyed' };

/**
 * Waits until every domain has shut down, or is gone altogether, without a bound, as xl does; each end is told in xl's words
 * (xl_vmcontrol.c: wait_for_domain_deaths). Throws XlError `aborted` when the user breaks it off: the domains go on ending.
 */
export async function untilEnded(
  domids: readonly number[],
  wanted: DomainEnd['state'],
  { ports, domains }: Host,
  { terminal, global, signal }: CommandContext,
): Promise<ReadonlyMap<number, DomainEnd>> {
  const tell = (line: string): void => {
    if (!global.json) terminal.err(`${line}\n`);
  };
  tell(`Waiting for ${domids.length} domains`);
  const ends = new Map<number, DomainEnd>();
  const waitsFor = (domid: number): boolean => {
    const state = ends.get(domid)?.state;
    return state === undefined || (state === 'shutdown' && wanted === 'destroyed');
  };
  const look = async (): Promise<void> => {
    const reasons = new Map((await domains()).map(({ domid, state }) => [domid, state.shutdownReason] as const));
    for (const domid of domids.filter(waitsFor)) {
      const reason = reasons.get(domid);
      if (reason === undefined) {
        ends.set(domid, { state: 'destroyed' });
        tell(`Domain ${domid} has been destroyed`);
      } else if (reason !== null && !ends.has(domid)) {
        ends.set(domid, { state: 'shutdown', reason });
        tell(`Domain ${domid} has been shut down, reason code ${reason}`);
      }
    }
  };

  // The first event comes at once. Xenstored tells of every shutdown and every death, but not whose it was.
  const changes = ports.store.watch('@releaseDomain', { signal })[Symbol.asyncIterator]();
  while ((await changes.next()).done !== true) {
    await look();
    if (!domids.some(waitsFor)) return ends;
  }
  throw new XlError('aborted', 'waiting for the end of domains: broken off', {
    exitCode: EXIT_INTERRUPTED,
    hint: 'what the guests were asked to do they still do',
  });
}
