/**
 * A disk as the user asked for it: libxl's `libxl_device_disk` (libxl_types.idl) in camelCase, before any default of
 * libxl's is applied. Flags that libxl keeps as C integers stay 0 or 1; `null` is "not said".
 */
export interface Disk {
  readonly backendDomname: string | null;
  /** The target: a path, or whatever the backend understands. */
  readonly pdevPath: string | null;
  /** The virtual device's name as typed: `xvda`, `hdc`, `51712`. */
  readonly vdev: string | null;
  readonly backend: DiskBackend | 'unknown';
  readonly format: DiskFormat;
  readonly script: string | null;
  readonly removable: 0 | 1;
  readonly readwrite: 0 | 1;
  readonly isCdrom: 0 | 1;
  readonly directIoSafe: boolean;
  readonly discardEnable: boolean | null;
  readonly specification: 'unknown' | 'xen' | 'virtio';
  readonly transport: 'unknown' | 'mmio';
  readonly grantUsage: boolean | null;
  readonly trusted: boolean | null;
  readonly coloEnable: boolean | null;
  readonly coloRestoreEnable: boolean | null;
  readonly coloHost: string | null;
  readonly coloPort: number;
  readonly coloExport: string | null;
  readonly activeDisk: string | null;
  readonly hiddenDisk: string | null;
  /** The xend-era prefix that the user wrote (`tap2:`, `phy:`, `dmu:` …), kept because it chose the device class then. */
  readonly legacyPrefix?: string;
}

/** libxl's backends by libxl's names: `phy` is blkback, `tap` blktap, `standalone` a virtio daemon. */
export type DiskBackend = 'phy' | 'tap' | 'qdisk' | 'standalone';
export type DiskFormat = 'raw' | 'qcow' | 'qcow2' | 'vhd' | 'qed' | 'empty';
