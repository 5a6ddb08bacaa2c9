import type { StoreOp } from '../base/store-op.ts';
import { t, type Text } from '../base/text.ts';
import { XenbusState } from '../base/xenbus.ts';

export { XenbusState } from '../base/xenbus.ts';

/** One key below a device's directory, `state` = `1`; relative to the frontend or the backend. */
export type Key = readonly [name: string, value: Text];

/** The three places where a device lives in xenstore (libxl_device.c: frontend, backend, libxl's trusted copy). */
export interface DevicePaths {
  readonly frontend: Text;
  readonly backend: Text;
  readonly libxl: Text;
}

/** What a device of any kind writes when it is added. Keys are in the order of writing. */
export interface DeviceNodes {
  readonly paths: DevicePaths;
  /** The guest's domid and the backend's: they decide who may read and write what. */
  readonly domid: Text;
  readonly backendDomid: Text;
  /** Who owns the frontend directory: the guest, or the backend (console 0, which the guest may only read). */
  readonly frontendOwner: 'guest' | 'backend';
  readonly front: readonly Key[];
  /** Frontend keys that the guest may read but not write. */
  readonly readOnlyFront: readonly Key[];
  readonly back: readonly Key[];
}

/** Frontend, backend and /libxl paths of a device; `kind` and `backendKind` are libxl's words (`vbd`, `qdisk`, `vif`). */
export function devicePaths(device: {
  readonly kind: string;
  readonly backendKind: string;
  readonly domid: Text;
  readonly backendDomid: Text;
  readonly devid: number;
}): DevicePaths {
  const { kind, backendKind, domid, backendDomid, devid } = device;
  // The primary console is the one device whose frontend is not below device/ (xenstore-paths.pandoc).
  const primaryConsole = kind === 'console' && devid === 0;
  return {
    frontend: primaryConsole ? t`/local/domain/${domid}/console` : t`/local/domain/${domid}/device/${kind}/${devid}`,
    backend: t`/local/domain/${backendDomid}/backend/${backendKind}/${domid}/${devid}`,
    libxl: t`/libxl/${domid}/device/${kind}/${devid}`,
  };
}

/** The writes that add a device, in libxl's order (`libxl__device_generic_add`): to be sent in one transaction. */
export function addDevice(device: DeviceNodes): StoreOp[] {
  const { paths, domid, backendDomid } = device;
  const guestOwned = [t`n${domid}`, t`r${backendDomid}`];
  const backendOwned = [t`n${backendDomid}`, t`r${domid}`];
  const keys = (directory: Text, list: readonly Key[], perms?: readonly Text[]): StoreOp[] =>
    list.map(([name, value]) => ({ op: 'write', path: t`${directory}/${name}`, value, ...(perms ? { perms } : {}) }));
  return [
    { op: 'rm', path: paths.libxl },
    ...keys(paths.libxl, [
      ['frontend', paths.frontend],
      ['backend', paths.backend],
    ]),
    { op: 'rm', path: paths.frontend },
    { op: 'mkdir', path: paths.frontend, perms: device.frontendOwner === 'guest' ? guestOwned : backendOwned },
    ...keys(paths.frontend, [['backend', paths.backend]]),
    ...keys(paths.frontend, device.front, guestOwned),
    ...keys(paths.frontend, device.readOnlyFront, backendOwned),
    { op: 'rm', path: paths.backend },
    { op: 'mkdir', path: paths.backend, perms: backendOwned },
    ...keys(paths.backend, [['frontend', paths.frontend], ...device.back]),
    ...keys(paths.libxl, device.back),
  ];
}

/** Removes all that `addDevice` wrote, and the directories that are left empty by it (`libxl__device_destroy`). */
export function removeDevice(paths: DevicePaths): StoreOp[] {
  return [
    { op: 'prune', path: paths.frontend },
    { op: 'prune', path: paths.libxl },
    { op: 'prune', path: paths.backend },
  ];
}

/** Asks the backend to let go of the device (`libxl__initiate_device_generic_remove`, step 1). */
export function closeDevice(paths: DevicePaths): StoreOp[] {
  return [
    { op: 'write-if-present', path: t`${paths.backend}/online`, value: '0' },
    { op: 'write-if-present', path: t`${paths.backend}/state`, value: XenbusState.Closing },
  ];
}

/** A key only where it has a value: libxl skips keys whose value is NULL. */
export function optional(name: string, value: Text | null | undefined): Key[] {
  return value === null || value === undefined ? [] : [[name, value]];
}

/** Flags are `0` and `1` in xenstore. */
export const flag = (value: boolean): string => (value ? '1' : '0');
