import type { HostFacts } from '../base/facts.ts';
import { clearingSteps } from './destroy.ts';
import type { RunningDomain } from './running.ts';
import type { Plan, Step } from './step.ts';

/** What there is on a host that domains make and may leave behind. */
export interface Remains {
  /** Domains as the hypervisor has them. */
  readonly domains: readonly { readonly domid: number; readonly uuid: string }[];
  /** Domains that have nodes: at home, in /libxl, or as somebody's frontend. */
  readonly described: readonly RunningDomain[];
  /** Files of userdata, by whose they are. */
  readonly userdata: readonly { readonly path: string; readonly domid: number; readonly uuid: string }[];
  /** Device models that we have started, by the domain that they serve. */
  readonly deviceModels: readonly { readonly pid: number; readonly domid: number }[];
  readonly monitors: readonly {
    readonly path: string;
    readonly uuid: string;
    readonly pid: number;
    readonly alive: boolean;
  }[];
  /** Files that a process of ours was writing when it died, or locks that it held. */
  readonly litter: readonly { readonly path: string; readonly pid: number }[];
  /** Whether one of our commands is making or ending a domain at this moment. */
  readonly busy: boolean;
}

/** Something that is ours and dead: what it is, by what we know that, and what takes it away. */
export interface Finding {
  readonly what: string;
  readonly ours: string;
  readonly dead: string;
  readonly plan: Plan;
}

type Host = Pick<HostFacts, 'host' | 'dirs'>;

/** The end of our own file's name among a domain's userdata. */
const GIVEN = '.xl-ts';

/**
 * Finds what is left of domains that are no more. Ours is what our own userdata file, our mark on a process, or the
 * embedded host says; dead is what the hypervisor does not know, or knows without a home. All else is left alone.
 */
export function findRemains(remains: Remains, host: Host): Finding[] {
  return [...deadDomains(remains, host), ...deviceModels(remains), ...monitors(remains), ...litter(remains)];
}

/** A domain that once was ours. */
interface Candidate {
  readonly domid: number;
  readonly uuid: string | null;
  readonly ours: string;
}

function deadDomains(remains: Remains, host: Host): Finding[] {
  return candidates(remains, host).flatMap((candidate) => {
    const { domid, uuid } = candidate;
    const present = remains.domains.find((domain) => domain.domid === domid);
    const described = remains.described.find((domain) => domain.domid === domid);
    if (present === undefined) {
      return clearAway(candidate, {
        remains,
        host,
        inLimbo: false,
        dead: `${hypervisor(host)} has no domain ${domid}`,
      });
    }
    if (uuid === null) return [];
    if (present.uuid !== uuid) return removeUserdata(candidate, remains);
    const homeless = described?.name == null;
    // One that is being made has no home either, for a moment.
    if (!homeless || remains.busy) return [];
    const dead = `${hypervisor(host)} has domain ${domid}, but it has no name in xenstore: nobody can use it`;
    return clearAway(candidate, { remains, host, inLimbo: true, dead });
  });
}

function candidates({ userdata, described }: Remains, { host }: Host): Candidate[] {
  const given = userdata
    .filter(({ path }) => path.endsWith(GIVEN))
    .map(({ path, domid, uuid }) => ({ domid, uuid, ours: `${path} is ours` }));
  if (host === 'xen') return given;
  const ours = 'every domain of the embedded host is ours';
  const nodes = described
    .filter(({ domid }) => domid !== 0 && given.every((candidate) => candidate.domid !== domid))
    .map(({ domid, uuid }) => ({ domid, uuid, ours }));
  const files = userdata
    .filter(({ domid, uuid }) => ![...given, ...nodes].some((other) => other.domid === domid && other.uuid === uuid))
    .filter(
      (file, index, all) => all.findIndex(({ domid, uuid }) => domid === file.domid && uuid === file.uuid) === index,
    )
    .map(({ domid, uuid }) => ({ domid, uuid, ours }));
  return [...given, ...nodes, ...files];
}

const hypervisor = ({ host }: Host): string => (host === 'xen' ? 'Xen' : 'the embedded host');

interface Clearing {
  readonly remains: Remains;
  readonly host: Host;
  readonly inLimbo: boolean;
  readonly dead: string;
}

/** All that a domain can have left; device models first, the file that says whose it is last. */
function clearAway({ domid, uuid, ours }: Candidate, { remains, host, inLimbo, dead }: Clearing): Finding[] {
  const running = remains.described.find((domain) => domain.domid === domid) ?? nothingOf(domid);
  const models = remains.deviceModels.filter((model) => model.domid === domid).map(endDeviceModel);
  const clearing = clearingSteps(
    { ...running, uuid },
    host,
    models.map(({ id }) => id),
  );
  const destroy = inLimbo && uuid !== null ? [destroyLimbo(domid, uuid)] : [];
  const files = removeFiles(userdataOf(remains, { domid, uuid }), [...destroy.map(({ id }) => id), 'nodes']);
  const what = `domain ${domid}${running.name === null ? '' : ` (${running.name})`}${uuid === null ? '' : `, ${uuid}`}`;
  return [{ what, ours, dead, plan: planOf(what, [...models, ...clearing, ...destroy, ...files]) }];
}

const nothingOf = (domid: number): RunningDomain => ({
  domid,
  name: null,
  uuid: null,
  type: null,
  devices: [],
  hasDeviceModel: true,
});

/** The number is another domain's by now: only what goes by the uuid as well is dead. */
function removeUserdata({ domid, uuid, ours }: Candidate, remains: Remains): Finding[] {
  const what = `userdata of a former domain ${domid}, ${uuid}`;
  const dead = `domain ${domid} is another one now`;
  return [{ what, ours, dead, plan: planOf(what, removeFiles(userdataOf(remains, { domid, uuid }), [])) }];
}

/** Ours comes last: until then a second try knows whose the others are. */
const userdataOf = ({ userdata }: Remains, whose: { domid: number; uuid: string | null }): string[] =>
  userdata
    .filter(({ domid, uuid }) => domid === whose.domid && uuid === whose.uuid)
    .map(({ path }) => path)
    .sort((a, b) => Number(a.endsWith(GIVEN)) - Number(b.endsWith(GIVEN)));

function destroyLimbo(domid: number, uuid: string): Step {
  return {
    id: 'destroy',
    title: 'destroy the domain',
    why: 'it holds memory, and nobody can use it',
    needs: ['nodes'],
    action: { kind: 'hypercall', call: { op: 'destroydomain', domid: String(domid), uuid } },
    undo: [],
  };
}

function endDeviceModel({ pid, domid }: { readonly pid: number; readonly domid: number }): Step {
  return {
    id: `process-${pid}`,
    title: `end process ${pid}`,
    why: `it is the device model of domain ${domid}`,
    needs: [],
    action: { kind: 'kill', pid: { value: String(pid) }, signal: 'SIGHUP', graceMs: 5_000, domid: String(domid) },
    undo: [],
  };
}

const removeFiles = (paths: readonly string[], needs: readonly string[]): Step[] =>
  paths.map((path, index) => ({
    id: `left-${index + 1}`,
    title: `remove ${path}`,
    why: 'nobody reads it any more',
    needs: index === 0 ? needs : [`left-${index}`],
    action: { kind: 'file', op: 'remove', path },
    undo: [],
  }));

/** Device models whose domain left nothing else. */
function deviceModels({ deviceModels: models, domains, userdata }: Remains): Finding[] {
  return models
    .filter(({ domid }) => domains.every((domain) => domain.domid !== domid))
    .filter(({ domid }) => !userdata.some((file) => file.domid === domid && file.path.endsWith(GIVEN)))
    .map((model) => {
      const what = `process ${model.pid}, a device model`;
      const dead = `there is no domain ${model.domid}`;
      return {
        what,
        ours: 'its environment says that we started it',
        dead,
        plan: planOf(what, [endDeviceModel(model)]),
      };
    });
}

function monitors({ monitors: notes, domains }: Remains): Finding[] {
  return notes
    .filter(({ alive, uuid }) => !alive && domains.every((domain) => domain.uuid !== uuid))
    .map(({ path, uuid, pid }) => {
      const what = `the note of a monitor, ${path}`;
      const dead = `process ${pid} does not run, and no domain has the uuid ${uuid}`;
      return { what, ours: 'only our monitors are noted there', dead, plan: planOf(what, removeFiles([path], [])) };
    });
}

function litter({ litter: files }: Remains): Finding[] {
  return files.map(({ path, pid }) => {
    const what = `the file ${path}`;
    const dead = `process ${pid}, which was writing it or held it, does not run`;
    return { what, ours: 'its name is one of ours', dead, plan: planOf(what, removeFiles([path], [])) };
  });
}

const planOf = (what: string, steps: readonly Step[]): Plan => ({ title: `clear away ${what}`, bindings: {}, steps });
