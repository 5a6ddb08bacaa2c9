import { XlError } from '../../lib/base/error.ts';
import { requireDomain } from '../find-domain.ts';
import { monitorHere, startMonitor } from '../monitor.ts';
import { withHost } from '../open-host.ts';
import type { RunOf } from './index.ts';

/** `xl monitor [-F] DOMAIN`: looks after a domain of ours whose monitor has died. */
export const run: RunOf<'monitor'> = (context, { options, words }) =>
  withHost(context, async (host) => {
    const { domid, uuid, name } = await requireDomain(host.ports.store, words[0]!);
    if (uuid === null) throw new XlError('domain-without-uuid', `domain ${domid} has no uuid in xenstore`);
    const domain = { domid, uuid, name: name ?? String(domid) };
    if (options.foreground) return monitorHere(domain, host, context);
    await startMonitor(domain, host, context);
    return 0;
  });
