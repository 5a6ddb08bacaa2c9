import { XlError, type Diagnostic } from '../lib/base/error.ts';
import { openConsole } from '../lib/host/console-client.ts';
import type { DomainInfo } from '../lib/host/embedded/domains.ts';
import { embeddedPorts } from '../lib/host/embedded/ports.ts';
import { connectHost, listDomains, type HostConnection } from '../lib/host/embedded/start.ts';
import { consoleClientSocket } from '../lib/host/embedded/state-dir.ts';
import { bootId, isAlive, ownIdentity } from '../lib/host/real/identity.ts';
import { recoverJournals, type RecoveredRun } from '../lib/run/recover.ts';
import type { CommandContext } from './command.ts';
import { describeEmbedded, embeddedStateDir, userId } from './embedded.ts';
import { chooseHost, type Host } from './host.ts';
import { printDiagnostics } from './print/error.ts';
import type { ListedDomain } from './print/lists.ts';

/** Opens the host, does something on it, and lets go of it again, whatever happens. */
export async function withHost<T>(context: CommandContext, body: (host: Host) => Promise<T>): Promise<T> {
  const host = await openHost(context);
  try {
    return await body(host);
  } finally {
    host.close();
  }
}

/**
 * The host to act on; the embedded one is started where it does not run. What earlier commands that were killed have
 * left half done is taken back first, and what was lost is said.
 */
async function openHost(context: CommandContext): Promise<Host> {
  if (chooseHost(context).kind === 'xen') throw xenNotYet();
  const dir = embeddedStateDir();
  const { signal } = context;
  const [connection, description, identity] = await Promise.all([
    connectHost({ dir, uid: userId(), daemon: daemonCommand(), signal }),
    describeEmbedded(dir),
    ownIdentity(),
  ]);
  const ports = embeddedPorts(connection);
  const host: Host = {
    kind: 'embedded',
    ports,
    description,
    journal: { directory: dir.root, identity },
    domains: async () => (await listDomains(connection, signal)).map(listedDomain),
    console: (domid) => openConsole(consoleClientSocket(dir, domid), signal),
    close: () => connection.close(),
  };
  printDiagnostics(lostDomains(connection), context.terminal);
  try {
    const recovered = await recoverJournals(dir.root, ports, { bootId: await bootId(), isAlive, signal });
    printDiagnostics(recovered.map(takenBack), context.terminal);
    return host;
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** The daemon is this very program. */
const daemonCommand = (): string[] => [process.execPath, process.argv[1] ?? '', 'host', 'daemon'];

const xenNotYet = (): XlError =>
  new XlError('xen-not-built', 'acting on a Xen host is not built yet; plans for one can be made and printed', {
    hint: '`xl --host xen create -n FILE` prints the plan; `--host embedded` runs it on a host of ours',
  });

function listedDomain({ domid, name, uuid, memoryKiB, vcpus, state, shutdown, cpuSeconds }: DomainInfo): ListedDomain {
  return {
    domid,
    name,
    uuid,
    memoryMiB: Math.floor(memoryKiB / 1024),
    vcpus,
    state: {
      running: state === 'running',
      blocked: false,
      paused: state === 'paused',
      dying: false,
      shutdownReason: shutdown === null ? null : { poweroff: 0, reboot: 1, crash: 3 }[shutdown],
    },
    cpuSeconds,
  };
}

function lostDomains({ status }: HostConnection): Diagnostic[] {
  return status.lost.map(({ domid, name, killed }) => ({
    severity: 'warning',
    code: 'domain-lost',
    message:
      `domain ${domid} (${name}) was lost: the embedded host's daemon had been killed` +
      (killed ? ', and nobody could look after its QEMU, which was ended' : ''),
  }));
}

function takenBack({ title, undone, problems }: RecoveredRun): Diagnostic {
  const steps = undone.length === 0 ? 'nothing of it was left' : `taken back: ${undone.join(', ')}`;
  return {
    severity: 'warning',
    code: 'run-recovered',
    message: `"${title}" had been killed half way; ${steps}`,
    ...(problems.length === 0 ? {} : { hint: `not wholly: ${problems.join('; ')}` }),
  };
}
