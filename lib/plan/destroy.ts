import type { HostDirs, HostFacts } from '../base/facts.ts';
import { show, type Text } from '../base/text.ts';
import { removeDomain } from '../device/domain.ts';
import { removeDevice } from '../device/nodes.ts';
import { closeSteps } from './close.ts';
import { givenFile, libxenstatSocket, nextConfigFile, qmpSocket, userdataFile, userdataLock } from '../device/files.ts';
import { deviceName, type RunningDevice, type RunningDomain } from './running.ts';
import { USERDATA_LOCK_MS } from './keep.ts';
import type { ActionLock, Plan, Step } from './step.ts';

/** Ends a domain at once, in libxl's order: stop it, its device model, its devices, its nodes, the domain itself. */
export function planDestroy(domain: RunningDomain, facts: Pick<HostFacts, 'host' | 'dirs'>): Plan {
  const pause = pauseDomain(domain);
  const model = domain.hasDeviceModel ? [killDeviceModel(domain)] : [];
  const stopped = [pause, ...model].map((step) => step.id);
  return {
    title: `destroy ${domain.name ?? `domain ${domain.domid}`}`,
    bindings: {},
    steps: [
      pause,
      ...model,
      ...clearingSteps(domain, facts, stopped),
      destroyDomain(domain),
      ...removeGiven(domain, facts),
    ],
  };
}

/** The steps that take away a domain's devices, files and nodes, once it runs no more; the last is `nodes`. */
export function clearingSteps(
  domain: RunningDomain,
  facts: Pick<HostFacts, 'host' | 'dirs'>,
  stopped: readonly string[],
): Step[] {
  const devices = domain.devices.map((device) =>
    device.kind === 'console'
      ? [removeConsole(device, stopped)]
      : closeSteps(device, { domid: domain.domid, host: facts.host, dirs: facts.dirs, mode: 'force', after: stopped }),
  );
  const gone = [...stopped, ...devices.map((steps) => steps.at(-1)!.id)];
  const files = removeFiles(domain, facts, gone);
  return [...devices.flat(), ...files, removeNodes(domain, [...gone, ...files.map(({ id }) => id)])];
}

function pauseDomain({ domid }: RunningDomain): Step {
  return {
    id: 'pause',
    title: 'pause the domain',
    why: 'it must not run while its devices go',
    needs: [],
    action: { kind: 'hypercall', call: { op: 'pausedomain', domid: String(domid) } },
    undo: [],
  };
}

function killDeviceModel({ domid }: RunningDomain): Step {
  return {
    id: 'device-model',
    title: 'end the device model',
    why: 'SIGHUP lets QEMU close its images; it gets SIGKILL if it does not go',
    needs: ['pause'],
    action: {
      kind: 'kill',
      pid: { path: `/local/domain/${domid}/image/device-model-pid` },
      signal: 'SIGHUP',
      graceMs: 5_000,
      domid: String(domid),
    },
    undo: [],
  };
}

/** xenconsoled never answers a Closing: its console just goes. */
function removeConsole(device: RunningDevice, after: readonly string[]): Step {
  return {
    id: `${deviceName(device)}-remove`,
    title: `remove the nodes of ${deviceName(device)}`,
    why: 'a console has no handshake',
    needs: after,
    action: { kind: 'store', transaction: true, ops: removeDevice(device) },
    undo: [],
  };
}

/** What a device model leaves, a directory for each domain. */
const modelPaths = ['/local/domain/0/device-model', '/local/domain/0/backend/qdisk'];

function removeNodes({ domid, uuid, hasDeviceModel }: RunningDomain, after: readonly string[]): Step {
  return {
    id: 'nodes',
    title: 'remove the domain from xenstore',
    why: 'its name and its paths are free again',
    needs: after,
    action: {
      kind: 'store',
      transaction: true,
      ops: [
        // A QEMU that hears late of a disk's end makes its directory anew and leaves it empty.
        ...(hasDeviceModel ? modelPaths.map((path) => ({ op: 'prune', path: `${path}/${domid}` }) as const) : []),
        ...removeDomain({ domid: String(domid), uuid }),
      ],
    },
    undo: [],
  };
}

/** Before the nodes go: from them alone a second try knows which files there are. */
function removeFiles(
  { domid, uuid }: RunningDomain,
  { dirs }: Pick<HostFacts, 'dirs'>,
  after: readonly string[],
): Step[] {
  const own = String(domid);
  const files = [
    ...(uuid === null ? [] : keptFiles(dirs, own, uuid)),
    { path: qmpSocket(dirs, own) },
    { path: libxenstatSocket(dirs, own) },
  ];
  return files.map(({ path, ...lock }, index) => ({
    id: `file-${index + 1}`,
    title: `remove ${show(path)}`,
    why: 'it belongs to the domain',
    needs: after,
    action: { kind: 'file', op: 'remove', path, ...lock },
    undo: [],
  }));
}

/** What is kept of the domain goes under its lock: nobody writes a file anew that has just gone. */
function keptFiles(dirs: HostDirs, domid: string, uuid: string): { path: Text; lock: ActionLock }[] {
  const lock = { path: userdataLock(dirs, domid, uuid), timeoutMs: USERDATA_LOCK_MS };
  return [userdataFile(dirs, domid, uuid), nextConfigFile(dirs, domid, uuid)].map((path) => ({ path, lock }));
}

/** Last: until then it says whose the rest is, should nobody come this far. */
function removeGiven({ domid, uuid }: RunningDomain, { dirs }: Pick<HostFacts, 'dirs'>): Step[] {
  if (uuid === null) return [];
  const path = givenFile(dirs, String(domid), uuid);
  return [
    {
      id: 'given',
      title: `remove ${show(path)}`,
      why: 'nobody makes the domain again',
      needs: ['destroy'],
      action: { kind: 'file', op: 'remove', path },
      undo: [],
    },
  ];
}

function destroyDomain({ domid }: RunningDomain): Step {
  return {
    id: 'destroy',
    title: 'destroy the domain',
    why: 'Xen takes back its memory; last, so that nothing else can take its number before its nodes are gone',
    needs: ['nodes'],
    action: { kind: 'hypercall', call: { op: 'destroydomain', domid: String(domid) } },
    undo: [],
  };
}
