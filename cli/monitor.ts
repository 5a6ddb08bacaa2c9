import { XlError } from '../lib/base/error.ts';
import { show } from '../lib/base/text.ts';
import { givenFile, monitorLog } from '../lib/device/files.ts';
import { readRunningDomain } from '../lib/host/inventory.ts';
import { appointMonitor, dismissMonitor, startDetached } from '../lib/host/monitors.ts';
import { ownIdentity } from '../lib/host/real/identity.ts';
import { watchOver, type MonitorWorld } from '../lib/monitor/watch-over.ts';
import { runPlan } from '../lib/run/executor.ts';
import { drawChoices } from './choices.ts';
import type { CommandContext } from './command.ts';
import { hostFacts } from './facts.ts';
import type { Host } from './host.ts';

/** A domain that has a monitor, or is to get one. */
export interface MonitoredDomain {
  readonly domid: number;
  readonly uuid: string;
  readonly name: string;
}

/** The exit status of what Ctrl-C has ended, as shells count it. */
const EXIT_INTERRUPTED = 130;

/** A process that mostly waits needs little room for what is new and soon old. */
const NODE_OPTIONS = ['--max-semi-space-size=1', '--v8-pool-size=1'];

/** Starts the monitor of a domain: a process that lives on without us, and writes a log. Throws XlError `monitor-runs`. */
export async function startMonitor(domain: MonitoredDomain, host: Host, { signal }: CommandContext): Promise<void> {
  const { domid, uuid, name } = domain;
  const { dirs } = host.description;
  await requireOurs(domain, host);
  const program = [process.execPath, ...NODE_OPTIONS, process.argv[1] ?? ''];
  const words = ['--host', host.kind, 'monitor', '--foreground', String(domid)];
  await appointMonitor(dirs, uuid, () => startDetached([...program, ...words], monitorLog(dirs, name)), signal);
}

/** Is the monitor of a domain, in this process. Gives the exit status. */
export async function monitorHere(domain: MonitoredDomain, host: Host, context: CommandContext): Promise<number> {
  const { signal } = context;
  const { dirs } = host.description;
  await requireOurs(domain, host);
  await appointMonitor(dirs, domain.uuid, ownIdentity, signal);
  try {
    await watchOver(domain, worldOf(host, context), signal);
  } catch (error) {
    // The domain goes on, and `xl list` says that nobody looks after it.
    if (signal.aborted) return EXIT_INTERRUPTED;
    await dismissMonitor(dirs, domain.uuid);
    throw error;
  }
  await dismissMonitor(dirs, domain.uuid);
  return 0;
}

/** What another toolstack has made, its own monitor looks after. */
async function requireOurs({ domid, uuid, name }: MonitoredDomain, { ports, description }: Host): Promise<void> {
  const kept = await ports.files.read(show(givenFile(description.dirs, String(domid), uuid)));
  if (kept !== null) return;
  throw new XlError('monitor-not-ours', `${name} was not made by xl-ts`, {
    hint: 'the toolstack that made a domain looks after it: two would both act at its end',
  });
}

function worldOf(host: Host, { terminal, signal }: CommandContext): MonitorWorld {
  const { ports, journal, description } = host;
  return {
    ports,
    host: description,
    running: (domid) => readRunningDomain(ports.store, domid),
    factsAt: (directory, paths) => {
      process.chdir(directory);
      return hostFacts(host, paths);
    },
    choices: drawChoices,
    run: (plan) => runPlan(plan, ports, { journal, signal }),
    log: (line) => terminal.err(`${line}\n`),
    pid: process.pid,
    stamp: (now) =>
      new Date(now * 1000)
        .toISOString()
        .replace(/[-:]/g, '')
        .replace(/\d\d\.\d+Z$/, 'Z'),
  };
}
