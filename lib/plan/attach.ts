import type { HostFacts } from '../base/facts.ts';
import { show, t, type Text } from '../base/text.ts';
import { deviceModelLog } from '../device/files.ts';
import { addDevice, removeDevice, XenbusState } from '../device/nodes.ts';
import { vbdNodes, vbdPaths, vbdXenbusPath, type Vbd } from '../device/vbd.ts';
import { DEVICE_CLASSES } from '../disk/decision.ts';
import { isDscowScript } from '../disk/dscow.ts';
import type { JsonObject } from '../libxl-json/json.ts';
import type { ResolvedDeviceModel } from '../resolve/resolved.ts';
import { HOTPLUG_TIMEOUT_MS } from './close.ts';
import { lateDeviceModelSteps } from './device-model.ts';
import { keepDevice } from './keep.ts';
import type { RunningDomain } from './running.ts';
import type { Plan, Step } from './step.ts';

/** libxl's bound for a backend to answer (LIBXL_INIT_TIMEOUT); an emulated machine gets longer. */
const CONNECT_TIMEOUT_MS = { xen: 10_000, embedded: 60_000 } as const;

/** Longer than a guest takes that runs; nothing is taken back after it. */
const GUEST_TIMEOUT_MS = 5_000;

export interface AttachSteps {
  readonly facts: Pick<HostFacts, 'host' | 'dirs'>;
  /** The name of the domain, and so of its QEMU's log. */
  readonly domain: string;
  /** Steps before the nodes are written. */
  readonly after: readonly string[];
  /** Steps before anybody can serve the disk: the device model, for the backends that live in it. */
  readonly served: readonly string[];
  /** The domain runs: it may have the devid already, and must be asked before the disk goes again. */
  readonly hotplug: boolean;
}

/** The steps that add one disk: its nodes, the wait for its backend, the hotplug script where the backend has one. */
export function attachSteps(vbd: Vbd, options: AttachSteps): Step[] {
  return [
    ...makeTarget(vbd, options),
    writeNodes(vbd, options),
    ...waitForOverlay(vbd, options),
    ...(isServed(vbd, options) ? [waitForBackend(vbd, options)] : []),
    ...addScript(vbd, options),
  ];
}

/** A disk for a domain that runs. */
export interface AttachedDisk {
  readonly vbd: Vbd;
  /** What is kept of it in the domain's configuration, in libxl's JSON. */
  readonly kept: JsonObject;
  /** The QEMU that has to be started for it. */
  readonly deviceModel?: ResolvedDeviceModel | null;
}

/** Attaches one disk to a running domain. */
export function planAttach(
  domain: Pick<RunningDomain, 'domid' | 'name' | 'uuid' | 'devices'>,
  { vbd, kept, deviceModel = null }: AttachedDisk,
  facts: Pick<HostFacts, 'host' | 'dirs'>,
): Plan {
  const owner = domain.name ?? `domain ${domain.domid}`;
  const name = domain.name ?? String(domain.domid);
  const model = deviceModel === null ? [] : lateDeviceModelSteps({ name, facts }, deviceModel, `${vbd.vdev}-nodes`);
  const steps = attachSteps(vbd, {
    facts,
    domain: name,
    after: model.slice(0, 1).map(({ id }) => id),
    served: model.map(({ id }) => id),
    hotplug: true,
  });
  return {
    title: `attach ${vbd.vdev} to ${owner}`,
    bindings: { domid: String(domain.domid) },
    steps: [
      ...model,
      ...steps,
      ...keepDevice(domain, facts, { name: vbd.vdev, list: 'disks', device: kept, needs: [`${vbd.vdev}-nodes`] }),
      ...(guestConnects(domain) && facts.host === 'xen' ? [waitForGuest(vbd, steps)] : []),
    ],
  };
}

/** Whether the guest has a driver that connects: of another of its devices it has. What it says decides on a short wait, no more. */
const guestConnects = ({ devices }: Pick<RunningDomain, 'devices'>): boolean =>
  devices.some(({ kind, frontendState }) => kind === 'vbd' && frontendState === XenbusState.Connected);

/** libxl is done when the script is, whatever the guest does then. A guest that is paused gets the disk later. */
function waitForGuest(vbd: Vbd, after: readonly Step[]): Step {
  const { backend, frontend } = vbdPaths(vbd);
  const { Connected, Closing, Closed } = XenbusState;
  return {
    id: `${vbd.vdev}-guest`,
    title: `wait until the guest has ${vbd.vdev}`,
    why: 'its driver connects within moments; one that does not is worth a word',
    needs: after.map(({ id }) => id),
    action: {
      kind: 'wait',
      path: t`${backend}/state`,
      until: { oneOf: [Connected] },
      failOn: [Closing, Closed],
      timeoutMs: GUEST_TIMEOUT_MS,
      subject: `the guest to connect ${vbd.vdev}`,
      ends: { backend, frontend },
      evidence: [t`${backend}/state`, t`${frontend}/state`, t`${backend}/hotplug-error`],
      timeout: 'warning',
    },
    undo: [],
  };
}

/** blkback has no empty drives: an empty file takes the medium's place. */
function makeTarget(vbd: Vbd, { after }: AttachSteps): Step[] {
  if (!vbd.makesTarget) return [];
  return [
    {
      id: `${vbd.vdev}-medium`,
      title: `make the empty file behind ${vbd.vdev}`,
      why: 'blkback has no empty drives: an empty file takes the medium’s place',
      needs: after,
      action: { kind: 'file', op: 'write', path: vbd.target, content: '', mode: 0o400 },
      undo: [{ kind: 'file', op: 'remove', path: vbd.target }],
    },
  ];
}

function writeNodes(vbd: Vbd, { after, hotplug }: AttachSteps): Step {
  const paths = vbdPaths(vbd);
  const refuse = {
    op: 'require-absent',
    path: paths.libxl,
    error: {
      code: 'device-exists',
      message: `the domain already has a disk ${vbd.vdev} (device already exists in xenstore)`,
      hint: 'choose another vdev, or take the present one away with `xl block-detach`',
    },
  } as const;
  return {
    id: `${vbd.vdev}-nodes`,
    title: `write the nodes of ${vbd.vdev}`,
    why: servedAs(vbd),
    needs: vbd.makesTarget ? [`${vbd.vdev}-medium`] : after,
    action: {
      kind: 'store',
      transaction: true,
      ops: [...(hotplug ? [refuse] : []), ...addDevice(vbdNodes(vbd))],
    },
    undo: [{ kind: 'store', transaction: true, ops: removeDevice(paths) }],
  };
}

/** On the embedded host a dscow disk's backend starts the server of the overlay, to which QEMU then connects. */
const hasOverlay = (vbd: Vbd, { host }: Pick<HostFacts, 'host'>): boolean =>
  host === 'embedded' && isDscowScript(vbd.script);

/** The step after which QEMU can open a disk, where there is one that it has to wait for. */
export const overlayStep = (vbd: Vbd, facts: Pick<HostFacts, 'host'>): string[] =>
  hasOverlay(vbd, facts) ? [`${vbd.vdev}-overlay`] : [];

function waitForOverlay(vbd: Vbd, { facts }: AttachSteps): Step[] {
  const { backend } = vbdPaths(vbd);
  const { InitWait, Initialised, Connected, Closing, Closed } = XenbusState;
  return overlayStep(vbd, facts).map((id) => ({
    id,
    title: `wait until the overlay of ${vbd.vdev} is served`,
    why: 'QEMU opens its disks when it starts, so the server has to be there before',
    needs: [`${vbd.vdev}-nodes`],
    action: {
      kind: 'wait',
      path: t`${backend}/state`,
      until: { oneOf: [InitWait, Initialised, Connected] },
      failOn: [Closing, Closed],
      timeoutMs: CONNECT_TIMEOUT_MS[facts.host],
      subject: `the overlay of ${vbd.vdev}`,
      evidence: [t`${backend}/state`, t`${backend}/hotplug-error`],
      timeout: 'error',
    },
    undo: [],
  }));
}

function servedAs({ backend, target, writable, cdrom, devid }: Vbd): string {
  const what = target === '' ? 'an empty drive' : show(target);
  return `${backend} serves ${what} as ${writable ? 'read-write' : 'read-only'} ${cdrom ? 'cdrom' : 'disk'} ${devid}`;
}

/** QEMU's PV backend has no empty drives ("Could not stat file ''"): an HVM guest sees only the emulated one. */
const isServed = ({ backend, target }: Vbd, { facts: { host } }: AttachSteps): boolean =>
  host === 'embedded' || backend !== 'qdisk' || target !== '';

/**
 * libxl does not wait for backends in QEMU at all, so a missing image shows up as a guest without a disk. We wait for
 * every one that comes.
 */
function waitForBackend(vbd: Vbd, { facts, domain, served, hotplug }: AttachSteps): Step {
  const inQemu = vbd.backend === 'qdisk' && vbd.backendDomid === '0';
  const { backend, frontend } = vbdPaths(vbd);
  const { InitWait, Initialised, Connected, Closing, Closed } = XenbusState;
  // The embedded host's driver plays the frontend too: there a disk is Connected or it is not there.
  const reached = facts.host === 'embedded' ? [Connected] : [InitWait, Initialised, Connected];
  return {
    id: `${vbd.vdev}-backend`,
    title: `wait for the backend of ${vbd.vdev}`,
    why: 'a backend that cannot open its image says so here, not in the guest',
    needs: [`${vbd.vdev}-nodes`, ...overlayStep(vbd, facts), ...served],
    action: {
      kind: 'wait',
      path: t`${backend}/state`,
      until: { oneOf: reached },
      failOn: [Closing, Closed],
      timeoutMs: CONNECT_TIMEOUT_MS[facts.host],
      subject: `the backend of ${vbd.vdev}`,
      ends: { backend, frontend },
      evidence: [t`${backend}/state`, t`${frontend}/state`, t`${backend}/hotplug-status`, t`${backend}/hotplug-error`],
      ...(inQemu ? { log: deviceModelLog(facts.dirs, domain) } : {}),
      timeout: 'error',
    },
    undo: hotplug && facts.host === 'embedded' ? letGo(backend) : [],
  };
}

/** Has the embedded host's driver unplug the disk before its nodes go. */
function letGo(backend: Text): Step['undo'] {
  return [
    {
      kind: 'store',
      transaction: true,
      ops: [
        { op: 'write-if-present', path: t`${backend}/online`, value: '0' },
        { op: 'write-if-present', path: t`${backend}/state`, value: XenbusState.Closing },
      ],
    },
    {
      kind: 'wait',
      path: t`${backend}/state`,
      until: { oneOf: [XenbusState.Closed], orGone: true },
      failOn: [],
      timeoutMs: 5_000,
      subject: 'the backend to close',
      evidence: [],
      timeout: 'warning',
    },
  ];
}

function connectBlock(vbd: Vbd, backend: Text): Step {
  const act = (op: 'connect' | 'release') =>
    ({
      kind: 'block',
      op,
      backend,
      target: vbd.target,
      timeoutMs: HOTPLUG_TIMEOUT_MS,
      failure: op === 'connect' ? 'error' : 'warning',
    }) as const;
  return {
    id: `${vbd.vdev}-block`,
    title: `tell blkback which device ${vbd.vdev} is`,
    why: 'it serves block devices, so a file gets a loop device; and what another guest writes is not given away',
    needs: [`${vbd.vdev}-backend`],
    action: act('connect'),
    undo: [act('release')],
  };
}

/** blkback waits in InitWait until the script has told it which device to open. The embedded host's driver opens it itself. */
function addScript(vbd: Vbd, { facts }: AttachSteps): Step[] {
  const { script } = vbd;
  if (facts.host === 'embedded' || script === null || vbd.backendDomid !== '0') return [];
  const { backend } = vbdPaths(vbd);
  if (vbd.backend === 'phy' && !vbd.scriptNamed) return [connectBlock(vbd, backend)];
  const run = (verb: 'add' | 'remove') =>
    ({
      kind: 'hotplug',
      argv: [script, verb],
      env: {
        script,
        XENBUS_TYPE: DEVICE_CLASSES[vbd.backend],
        XENBUS_PATH: vbdXenbusPath(vbd),
        XENBUS_BASE_PATH: 'backend',
      },
      timeoutMs: HOTPLUG_TIMEOUT_MS,
      errorPath: t`${backend}/hotplug-error`,
      failure: verb === 'add' ? 'error' : 'warning',
    }) as const;
  return [
    {
      id: `${vbd.vdev}-script`,
      title: `run ${script} add for ${vbd.vdev}`,
      why: 'the script finds or makes the block device behind the target and tells blkback its number',
      needs: [`${vbd.vdev}-backend`],
      action: run('add'),
      undo: [run('remove')],
    },
  ];
}
