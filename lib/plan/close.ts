import type { HostDirs } from '../base/facts.ts';
import { t } from '../base/text.ts';
import { closeDevice, removeDevice, XenbusState } from '../device/nodes.ts';
import { deviceName, isQemuBackend, type RunningDevice } from './running.ts';
import type { Step } from './step.ts';

/** libxl's bounds (libxl_internal.h: LIBXL_DESTROY_TIMEOUT, LIBXL_HOTPLUG_TIMEOUT). */
export const CLOSE_TIMEOUT_MS = 10_000;
export const HOTPLUG_TIMEOUT_MS = 40_000;

export interface CloseOptions {
  readonly domid: number;
  readonly host: 'xen' | 'embedded';
  readonly dirs: HostDirs;
  /**
   * `ask`: the guest must let go, else the device stays. `force`: the frontend goes first and a backend that does not
   * answer is only a warning. `ask-then-force`: the one, and after its time-out the other. (libxl's FORCE_OFF, ON, AUTO.)
   */
  readonly mode: 'ask' | 'force' | 'ask-then-force';
  /** Steps that must be done before. */
  readonly after: readonly string[];
}

/** The steps that take one device away: ask, wait, run the script's `remove`, remove the nodes. */
export function closeSteps(device: RunningDevice, options: CloseOptions): Step[] {
  const name = deviceName(device);
  const closed = [
    askToClose(device, name, options),
    waitForClosed(device, name, options),
    ...(options.mode === 'ask-then-force' ? insist(device, name) : []),
  ];
  const steps = [...closed, ...removeScript(device, name, closed.at(-1)!.id, options)];
  return [...steps, removeNodes(device, name, steps.at(-1)!.id)];
}

function askToClose(device: RunningDevice, name: string, { mode, after }: CloseOptions): Step {
  const forced = mode === 'force';
  return {
    id: `${name}-close`,
    title: `ask the backend of ${name} to close`,
    why: forced
      ? 'the frontend goes first: nobody waits for the guest'
      : 'Closing tells the guest to flush and let go before anything is taken away',
    needs: after,
    action: {
      kind: 'store',
      transaction: true,
      ops: [...(forced ? [{ op: 'prune', path: device.frontend } as const] : []), ...closeDevice(device)],
    },
    undo: forced ? [] : [takeBack(device)],
  };
}

/** A request that the backend has not answered yet is taken back; one that it has answered stands. */
function takeBack(device: RunningDevice): Step['undo'][number] {
  const before = device.backendState ?? XenbusState.Initialising;
  return {
    kind: 'store',
    transaction: true,
    ops: [
      { op: 'write-if-present', path: t`${device.backend}/online`, value: '1' },
      { op: 'replace', path: t`${device.backend}/state`, from: XenbusState.Closing, to: before },
    ],
  };
}

function waitForClosed(device: RunningDevice, name: string, { mode }: CloseOptions): Step {
  return {
    id: `${name}-closed`,
    title: `wait until the backend of ${name} has closed`,
    why: 'its image may be used elsewhere only when the backend has let go of it',
    needs: [`${name}-close`],
    action: {
      kind: 'wait',
      path: t`${device.backend}/state`,
      until: { oneOf: [XenbusState.Closed], orGone: true },
      // A backend that goes back to Connected has refused (the embedded host's, of a disk that is part of the machine).
      failOn: mode === 'ask' ? [XenbusState.Connected] : [],
      timeoutMs: CLOSE_TIMEOUT_MS,
      subject: `the backend of ${name} to close`,
      ends: { backend: device.backend, frontend: device.frontend },
      evidence: [t`${device.backend}/state`, t`${device.frontend}/state`, t`${device.backend}/hotplug-error`],
      timeout: mode === 'ask' ? 'error' : 'warning',
    },
    undo: [],
  };
}

/** Without its frontend a backend closes by itself, whatever the guest does; one that has closed stays so. */
function insist(device: RunningDevice, name: string): Step[] {
  return [
    {
      id: `${name}-insist`,
      title: `take the frontend of ${name} away`,
      why: 'a guest that has not answered by now is not asked any more',
      needs: [`${name}-closed`],
      action: { kind: 'store', transaction: true, ops: [{ op: 'prune', path: device.frontend }] },
      undo: [],
    },
    {
      id: `${name}-released`,
      title: `wait until the backend of ${name} has let go`,
      why: 'its script takes away what the backend must not use any more',
      needs: [`${name}-insist`],
      action: {
        kind: 'wait',
        path: t`${device.backend}/state`,
        until: { oneOf: [XenbusState.Closed], orGone: true },
        failOn: [],
        timeoutMs: CLOSE_TIMEOUT_MS,
        subject: `the backend of ${name} to let go`,
        evidence: [t`${device.backend}/state`],
        timeout: 'warning',
      },
      undo: [],
    },
  ];
}

/** Kernel backends have a script that undoes what `add` did (libxl_linux.c); the embedded host's daemon needs none. */
function removeScript(device: RunningDevice, name: string, after: string, options: CloseOptions): Step[] {
  const { domid, host, mode, dirs } = options;
  const script = device.keys.script;
  if (host === 'embedded' || script === undefined || isQemuBackend(device.backendKind)) return [];
  if (device.backendKind === 'vbd' && script === `${dirs.scripts}/block`)
    return [releaseBlock(device, name, after, mode)];
  const isVif = device.backendKind === 'vif';
  return [
    {
      id: `${name}-script`,
      title: `run ${isVif ? 'vif' : 'block'} script for ${name}: ${isVif ? 'offline' : 'remove'}`,
      why: isVif ? 'it takes the interface off its bridge' : 'it gives back the loop device or whatever `add` took',
      needs: [after],
      action: {
        kind: 'hotplug',
        argv: isVif ? [script, 'offline', 'type_if=vif'] : [script, 'remove'],
        env: {
          script,
          XENBUS_TYPE: device.backendKind,
          XENBUS_PATH: `backend/${device.backendKind}/${domid}/${device.devid}`,
          XENBUS_BASE_PATH: 'backend',
          ...(isVif
            ? { netdev: device.keys.gatewaydev ?? '', vif: device.keys.vifname ?? `vif${domid}.${device.devid}` }
            : {}),
        },
        timeoutMs: HOTPLUG_TIMEOUT_MS,
        errorPath: t`${device.backend}/hotplug-error`,
        failure: mode === 'ask' && !isVif ? 'error' : 'warning',
      },
      undo: [],
    },
  ];
}

/** What Xen's own `block` script would do, whoever gave the backend its device. */
function releaseBlock({ backend, keys }: RunningDevice, name: string, after: string, mode: CloseOptions['mode']): Step {
  return {
    id: `${name}-block`,
    title: `give back what is behind ${name}`,
    why: 'a file has a loop device, which nobody needs any more',
    needs: [after],
    action: {
      kind: 'block',
      op: 'release',
      backend,
      target: keys.params ?? '',
      timeoutMs: HOTPLUG_TIMEOUT_MS,
      failure: mode === 'ask' ? 'error' : 'warning',
    },
    undo: [],
  };
}

function removeNodes(device: RunningDevice, name: string, after: string): Step {
  return {
    id: `${name}-remove`,
    title: `remove the nodes of ${name}`,
    why: 'nothing of the device stays in xenstore',
    needs: [after],
    action: { kind: 'store', transaction: true, ops: removeDevice(device) },
    undo: [],
  };
}
