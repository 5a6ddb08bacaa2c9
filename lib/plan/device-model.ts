import type { HostFacts } from '../base/facts.ts';
import { hole, t } from '../base/text.ts';
import { domainPath } from '../device/domain.ts';
import { deviceModelLog, libxenstatSocket, qmpSocket } from '../device/files.ts';
import type { ResolvedDeviceModel } from '../resolve/resolved.ts';
import type { Action, Step, StoreOp } from './step.ts';

const D = hole('domid');
/** Where a device model and its toolstack meet (libxl_dm.c). */
export const MODEL = t`/local/domain/0/device-model/${D}`;
/** Where its pid is noted. */
const PID = t`${domainPath(D)}/image/device-model-pid`;
/** libxl's bound (LIBXL_DEVICE_MODEL_START_TIMEOUT). */
const START_TIMEOUT_MS = 60_000;

/** What a QEMU's log and sockets are named by. */
interface Served {
  readonly name: string;
  readonly facts: Pick<HostFacts, 'dirs'>;
}

/** Starts a QEMU and waits until it says that it is ready. */
export function spawnDeviceModel(
  { name, facts }: Served,
  { argv, env, why }: ResolvedDeviceModel,
  after: readonly string[],
): Step {
  return {
    id: 'device-model',
    title: 'start the device model',
    why,
    needs: ['device-model-nodes', ...after],
    action: {
      kind: 'spawn',
      argv,
      env,
      log: deviceModelLog(facts.dirs, name),
      pidPath: PID,
      domid: D,
      ready: { path: t`${MODEL}/state`, value: 'running', timeoutMs: START_TIMEOUT_MS },
    },
    binds: { 'device-model-pid': 'pid' },
    undo: [{ kind: 'kill', pid: { path: PID }, signal: 'SIGHUP', graceMs: 5_000, domid: D }],
  };
}

/** Takes the sockets of its monitors away. */
export const removeMonitors = ({ facts }: Served): Action[] =>
  [qmpSocket(facts.dirs, D), libxenstatSocket(facts.dirs, D)].map((path) => ({ kind: 'file', op: 'remove', path }));

/**
 * Starts the QEMU of a PV or PVH guest that runs without one, for a device whose nodes the step `nodes` writes. Stock xl
 * and we find it by the same nodes as one of the guest's creation, and end it with the guest.
 */
export function lateDeviceModelSteps(domain: Served, model: ResolvedDeviceModel, nodes: string): Step[] {
  const refuse: StoreOp = {
    op: 'require-absent',
    path: MODEL,
    error: {
      code: 'device-model-started',
      message: 'another command has just started the QEMU that the disk needs',
      hint: 'try again: it will serve this disk as well',
    },
  };
  return [
    {
      id: 'device-model-nodes',
      title: 'prepare the device model’s nodes',
      why: 'QEMU reports here; and no two commands start one',
      needs: [],
      action: { kind: 'store', transaction: true, ops: [refuse, { op: 'mkdir', path: MODEL }] },
      undo: [
        {
          kind: 'store',
          transaction: false,
          ops: [
            { op: 'prune', path: PID },
            { op: 'prune', path: MODEL },
          ],
        },
        ...removeMonitors(domain),
      ],
    },
    spawnDeviceModel(domain, model, [nodes]),
  ];
}
