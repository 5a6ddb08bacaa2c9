/** A domain that exists, as the toolstack's own nodes describe it (never what the guest itself wrote). */
export interface RunningDomain {
  readonly domid: number;
  readonly name: string | null;
  readonly uuid: string | null;
  readonly type: 'pv' | 'pvh' | 'hvm' | null;
  readonly devices: readonly RunningDevice[];
  /** Whether a device model's pid is noted. */
  readonly hasDeviceModel: boolean;
}

/** A device of a running domain, read from /libxl/D/device/KIND/I and from its backend. */
export interface RunningDevice {
  /** The frontend's kind: `vbd`, `vif`, `console` … */
  readonly kind: string;
  readonly devid: number;
  /** The backend's kind: `vbd`, `qdisk`, `vbd3`, `vif` … */
  readonly backendKind: string;
  readonly backendDomid: number;
  readonly frontend: string;
  readonly backend: string;
  readonly libxl: string;
  /** The /libxl copy's keys: what we wrote when the device was added. */
  readonly keys: Readonly<Record<string, string>>;
  /** The backend's `state`, or null where its directory is gone. */
  readonly backendState: string | null;
  readonly frontendState: string | null;
}

/** Backends that live in a QEMU, not in a kernel: they have no hotplug script and go when the QEMU goes. */
const QEMU_BACKENDS: ReadonlySet<string> = new Set(['qdisk', 'vfb', 'vkbd', '9pfs', 'qusb']);
export const isQemuBackend = (backendKind: string): boolean => QEMU_BACKENDS.has(backendKind);

/** Whether a kind of frontend is a disk. */
export const isDiskKind = (kind: string): boolean => kind === 'vbd' || kind === 'virtio_disk';

/** The name of a device in ids and sentences: a disk's vdev, else kind and devid (`vif0`). */
export function deviceName(device: Pick<RunningDevice, 'kind' | 'devid' | 'keys'>): string {
  if (isDiskKind(device.kind)) return device.keys.dev ?? `vbd${device.devid}`;
  return `${device.kind}${device.devid}`;
}
