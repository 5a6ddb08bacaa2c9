import { unreachable } from '../base/error.ts';
import type { HostFacts } from '../base/facts.ts';
import { show } from '../base/text.ts';
import type { DomainConfig } from '../config/domain.ts';
import { nextConfigFile, givenFile, userdataFile } from '../device/files.ts';
import { planCreate } from '../plan/create.ts';
import { planDestroy } from '../plan/destroy.ts';
import { planPreserve } from '../plan/preserve.ts';
import type { RunningDomain } from '../plan/running.ts';
import type { Plan } from '../plan/step.ts';
import { pathsOf } from '../resolve/paths.ts';
import { resolve } from '../resolve/resolve.ts';
import type { Choices } from '../resolve/resolved.ts';
import type { RunResult } from '../run/executor.ts';
import type { Ports } from '../run/ports.ts';
import { OVER } from '../run/bounds.ts';
import { currentConfig } from './current.ts';
import { hearEjects } from './eject.ts';
import { decodeGiven, givenText, readGiven, type Given } from './given.ts';
import { responseTo } from './reaction.ts';
import { readSizes } from './sizes.ts';
import { watchEnd, type End, type Watched } from './watch-end.ts';

/** The host that a monitor works on. */
export interface MonitorWorld {
  readonly ports: Ports;
  readonly host: Pick<HostFacts, 'host' | 'dirs'>;
  /** A domain as xenstore has it; null where it has none. */
  readonly running: (domid: number) => Promise<RunningDomain | null>;
  /** Works from this directory from now on, and looks at these paths. */
  readonly factsAt: (directory: string, paths: readonly string[]) => Promise<HostFacts>;
  readonly choices: () => Choices;
  readonly run: (plan: Plan) => Promise<RunResult>;
  /** A line of the log. */
  readonly log: (line: string) => void;
  readonly pid: number;
  /** Seconds since 1970 as `20260131T2359Z`, for the name of a domain that is put aside. */
  readonly stamp: (now: number) => string;
}

/** A guest that reboots at once would be made again without end: so long must lie between two starts, in milliseconds. */
const SHORTEST_LIFE_MS = 2_000;

/**
 * Looks after a domain: waits for its end, does what its configuration says, and where that is a restart goes on with
 * the domain that follows. Resolves when there is nothing to look after any more; throws where a restart fails, when
 * the old domain is gone, and the signal's reason.
 */
export async function watchOver(first: Watched, world: MonitorWorld, signal: AbortSignal): Promise<void> {
  let domain: Watched | null = first;
  while (domain !== null) {
    const bornAt = world.ports.clock.monotonic();
    const { name } = (await world.running(domain.domid)) ?? { name: null };
    const called = name ?? domain.uuid;
    world.log(`Waiting for domain ${called} (domid ${domain.domid}) to die [pid ${world.pid}]`);
    const end = await accompany(domain, world, signal);
    if (end === null) {
      world.log('xenstored has gone. Exiting now');
      return;
    }
    domain = await respond(domain, end, bornAt, world, signal);
  }
}

/** Is there for a domain until its end. */
async function accompany(domain: Watched, world: MonitorWorld, signal: AbortSignal): Promise<End | null> {
  const { ports, log } = world;
  const over = new AbortController();
  const ejects = hearEjects(domain.domid, world, AbortSignal.any([signal, over.signal])).catch((error: unknown) =>
    log(`The guest's drives are not heard: ${String(error)}`),
  );
  const suspended = (): void => {
    log('Domain has suspended.');
    log(`Continue waiting for domain ${domain.domid}`);
  };
  try {
    return await watchEnd(domain, ports, { signal, suspended });
  } finally {
    over.abort(OVER);
    await ejects;
  }
}

/** Does what is to be done at the end of a domain; the domain that follows it, or null. */
async function respond(
  domain: Watched,
  end: End,
  bornAt: number,
  world: MonitorWorld,
  signal: AbortSignal,
): Promise<Watched | null> {
  const { domid } = domain;
  if (end.kind === 'destroyed') {
    world.log(`Domain ${domid} has been destroyed.`);
    return null;
  }
  const { reason } = end;
  world.log(`Domain ${domid} has shut down, reason code ${reason} 0x${reason.toString(16)}`);
  const [kept, running] = await Promise.all([readGivenOf(domain, world), world.running(domid)]);
  const { action, reaction, remark } = responseTo(reason, decodeGiven(kept).config.keys);
  world.log(`Action for shutdown reason code ${reason} is ${action}`);
  if (remark !== undefined) world.log(remark);
  // Somebody has begun to destroy it.
  if (running === null) return null;
  const restarts = reaction === 'restart' || reaction === 'rename-restart';
  const next = restarts ? await successor(running, kept, world) : null;
  switch (reaction) {
    case 'preserve':
      break;
    case 'rename-restart':
      await putAside(running, kept, world);
      break;
    case 'destroy':
    case 'restart':
      world.log(`Domain ${domid} needs to be cleaned up: destroying the domain`);
      await world.run(planDestroy(running, world.host));
      break;
    default:
      unreachable(reaction);
  }
  if (next === null) {
    world.log('Done. Exiting now');
    return null;
  }
  await rest(bornAt, world, signal);
  world.log('Done. Rebooting now');
  return { domid: await makeAgain(next, domain.uuid, world), uuid: domain.uuid };
}

/** What the next domain is made of. */
interface Successor {
  readonly config: DomainConfig;
  readonly given: Given;
}

/** The configuration for the next life; one that `xl config-update` of stock xl has left goes before all else. */
async function successor(running: RunningDomain, kept: Given, { ports, host, log }: MonitorWorld): Promise<Successor> {
  const { domid, uuid } = running;
  const id = String(domid);
  const updated = uuid === null ? null : await ports.files.read(show(nextConfigFile(host.dirs, id, uuid)));
  if (updated !== null && updated !== '') {
    log('"xl" configuration found, using it');
    const given: Given = { ...kept, file: '<updated>', text: Buffer.from(updated).toString('latin1'), overrides: [] };
    const { config } = decodeGiven(given);
    return { given, config: { ...config, keys: { ...config.keys, uuid } } };
  }
  const json = uuid === null ? null : await ports.files.read(show(userdataFile(host.dirs, id, uuid)));
  const sizes = await readSizes(running, ports.store);
  return { given: kept, config: currentConfig(decodeGiven(kept).config, { running, json, ...sizes }) };
}

async function makeAgain({ config, given }: Successor, uuid: string, world: MonitorWorld): Promise<number> {
  const facts = await world.factsAt(given.directory, pathsOf(config));
  const domain = resolve(config, facts, { ...world.choices(), uuid });
  for (const { message } of domain.diagnostics) world.log(message);
  const { bindings } = await world.run(planCreate(domain, { given: givenText(given) }));
  return Number(bindings.domid);
}

/** `rename-restart`: the domain stays for whoever wants to look at it, under another name and uuid. */
async function putAside(running: RunningDomain, kept: Given, world: MonitorWorld): Promise<void> {
  const { ports, host } = world;
  const { uuid: newUuid } = world.choices();
  const { domid, uuid } = running;
  const json = uuid === null ? null : await ports.files.read(show(userdataFile(host.dirs, String(domid), uuid)));
  const name = `${running.name ?? kept.file}-${world.stamp(ports.clock.now())}`;
  world.log(`Domain ${domid} is kept as ${name}`);
  await world.run(planPreserve(running, { name, uuid: newUuid, json }, host));
}

async function rest(bornAt: number, { ports: { clock }, log }: MonitorWorld, signal: AbortSignal): Promise<void> {
  const left = SHORTEST_LIFE_MS - (clock.monotonic() - bornAt);
  if (left <= 0) return;
  log(`It had lived less than ${SHORTEST_LIFE_MS / 1000} s: waiting`);
  await clock.sleep(left, signal);
}

async function readGivenOf({ domid, uuid }: Watched, { ports, host }: MonitorWorld): Promise<Given> {
  return readGiven((await ports.files.read(show(givenFile(host.dirs, String(domid), uuid)))) ?? '');
}
