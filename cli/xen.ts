import { ownIdentity } from '../lib/host/real/identity.ts';
import { connectXen } from '../lib/host/xen/connect.ts';
import { openXenConsole } from '../lib/host/xen/console.ts';
import { listXenDomains, type XenDomain } from '../lib/host/xen/domains.ts';
import { xenPorts } from '../lib/host/xen/ports.ts';
import type { CommandContext } from './command.ts';
import type { Host } from './host.ts';
import type { ListedDomain } from './print/lists.ts';

/** This machine's Xen. */
export async function openXenHost({ signal }: CommandContext): Promise<Host> {
  const [connection, identity] = await Promise.all([connectXen(process.env, { signal }), ownIdentity()]);
  const ports = xenPorts(connection, process.env);
  const { description, xen } = connection;
  return {
    kind: 'xen',
    ports,
    description,
    xen,
    storeFeatures: () => connection.store.supportedFeatures({ signal }),
    journal: { directory: description.dirs.state, identity },
    domains: async () => (await listXenDomains(xen, ports.store)).map(listedDomain),
    console: (domid, choice, consoleSignal) =>
      openXenConsole(domid, choice, { store: ports.store, signal: consoleSignal }),
    close: () => connection.close(),
  };
}

/** As stock xl shows a domain, `(null)` for one without a name included; memory that is claimed counts as had. */
function listedDomain({ domid, name, uuid, pages, outstandingPages, onlineVcpus, ...domain }: XenDomain): ListedDomain {
  const { running, blocked, paused, dying } = domain.flags;
  return {
    domid,
    name: name ?? '(null)',
    uuid,
    memoryMiB: Math.floor((pages + outstandingPages) / PAGES_PER_MIB),
    vcpus: onlineVcpus,
    state: { running, blocked, paused, dying, shutdownReason: domain.shutdownReason },
    cpuSeconds: Number(domain.cpuTimeNs) / 1e9,
  };
}

const PAGES_PER_MIB = 256;
