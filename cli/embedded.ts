import type { Diagnostic } from '../lib/base/error.ts';
import type { HostFacts } from '../lib/base/facts.ts';
import { openConsole } from '../lib/host/console-client.ts';
import { chooseAccel, readAccelFacts } from '../lib/host/embedded/accel.ts';
import { SHUTDOWN_REASONS, type DomainInfo } from '../lib/host/embedded/domains.ts';
import { embeddedPorts } from '../lib/host/embedded/ports.ts';
import { connectHost, connectRunning, listDomains, type HostConnection } from '../lib/host/embedded/start.ts';
import {
  consoleClientSocket,
  embeddedDirs,
  stateDir,
  stateDirPath,
  type StateDir,
} from '../lib/host/embedded/state-dir.ts';
import { gatherFacts, type HostDescription } from '../lib/host/facts.ts';
import { ownIdentity } from '../lib/host/real/identity.ts';
import { storePort } from '../lib/xenstore/port.ts';
import type { CommandContext } from './command.ts';
import type { Host } from './host.ts';
import { printDiagnostics } from './print/error.ts';
import type { ListedDomain } from './print/lists.ts';

/** The Xen whose behaviour the embedded host follows: Debian 12's. */
const EMBEDDED_FOLLOWS = '4.17';
const EMBEDDED_QEMU = 'qemu-system-x86_64';

/** The embedded host's state directory, by XL_STATE_DIR or the user's runtime directory. */
export const embeddedStateDir = (): StateDir => stateDir(stateDirPath(process.env, userId()));

/** The user's number; the embedded host's files are for that user alone. */
export const userId = (): number => process.getuid?.() ?? 0;

/** The embedded host as far as it is known without looking at domains and files. XL_QEMU names another QEMU. */
export async function describeEmbedded(dir: StateDir): Promise<HostDescription> {
  const { accel, reason } = chooseAccel(await readAccelFacts(process.env));
  return {
    host: 'embedded',
    xenVersion: EMBEDDED_FOLLOWS,
    dirs: embeddedDirs(dir),
    qemu: { path: process.env.XL_QEMU ?? EMBEDDED_QEMU, accel, accelReason: reason },
  };
}

/** The embedded host as it is, running or not. */
export async function embeddedFacts(paths: readonly string[], signal: AbortSignal): Promise<HostFacts> {
  const dir = embeddedStateDir();
  const [description, connection] = await Promise.all([describeEmbedded(dir), connectRunning(dir, signal)]);
  try {
    return await gatherFacts(description, { paths, store: connection === null ? null : storePort(connection.store) });
  } finally {
    connection?.close();
  }
}

/** The embedded host, its daemon started where it does not run. What was lost is said. */
export async function openEmbeddedHost({ terminal, signal }: CommandContext): Promise<Host> {
  const dir = embeddedStateDir();
  const [connection, description, identity] = await Promise.all([
    connectHost({ dir, uid: userId(), daemon: daemonCommand(), signal }),
    describeEmbedded(dir),
    ownIdentity(),
  ]);
  printDiagnostics(lostDomains(connection), terminal);
  return {
    kind: 'embedded',
    ports: embeddedPorts(connection),
    description,
    xen: null,
    storeFeatures: () => connection.store.supportedFeatures({ signal }),
    journal: { directory: dir.root, identity },
    domains: async () => (await listDomains(connection, signal)).map(listedDomain),
    console: (domid) => openConsole(consoleClientSocket(dir, domid), signal),
    close: () => connection.close(),
  };
}

/** The daemon is this very program. */
const daemonCommand = (): string[] => [process.execPath, process.argv[1] ?? '', 'host', 'daemon'];

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
      shutdownReason: shutdown === null ? null : SHUTDOWN_REASONS[shutdown],
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
