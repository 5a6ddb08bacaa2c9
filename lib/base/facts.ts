/**
 * What the world looked like when a plan was made: read once, plain JSON, so that a user's report can be replayed
 * (`xl host facts --json` writes it, `--facts FILE` reads it). Everything left of `run` sees the world only through it.
 */
export interface HostFacts {
  readonly schema: 1;
  readonly host: 'xen' | 'embedded';
  /** The hypervisor's version, `4.17.7`; on the embedded host the version whose behaviour it follows. */
  readonly xenVersion: string;
  readonly qemu: QemuFacts;
  readonly dirs: HostDirs;
  /** Every domain that exists, dom0 included. */
  readonly domains: readonly DomainFacts[];
  /** What Xen has left for new domains; missing where nobody has asked it. */
  readonly freeMemoryKiB?: number;
  /** Where relative paths count from, absolute; missing where nobody knows, as in the facts of another host. */
  readonly directory?: string;
  /** What each path that the configuration names is, by the path as the user typed it. */
  readonly paths: Readonly<Record<string, PathFacts>>;
  readonly tools: ToolFacts;
  /** Facts that were not read but assumed, as `what: value`, for the user to see. */
  readonly assumed: readonly string[];
}

export interface QemuFacts {
  /** The device model's binary. */
  readonly path: string;
  /** `null` where no QEMU answered there. */
  readonly version: string | null;
  /** What makes guests run: Xen itself, or on the embedded host KVM or emulation. */
  readonly accel: 'xen' | 'kvm' | 'tcg';
  /** Why that accelerator, in words. */
  readonly accelReason: string;
}

/** Directories of the host, absolute and without a final slash (libxl: XEN_LIB_DIR, XEN_RUN_DIR, XEN_LOG_DIR, scripts). */
export interface HostDirs {
  readonly lib: string;
  readonly run: string;
  readonly log: string;
  readonly scripts: string;
  readonly firmware: string;
  /** Consoles' sockets and other files of the embedded host; the run dir on Xen. */
  readonly state: string;
}

export interface DomainFacts {
  readonly domid: number;
  readonly name: string | null;
  readonly uuid: string | null;
  /** Images that the domain has open: each path with the mode, from its backends' nodes. */
  readonly images: readonly { readonly path: string; readonly vdev: string; readonly mode: 'r' | 'w' }[];
}

export type PathKind = 'file' | 'block' | 'char' | 'directory' | 'fifo' | 'socket';
export type PathFacts =
  | { readonly kind: 'missing'; /** Node's errno name: ENOENT, ENOTDIR, EACCES … */ readonly errno: string }
  | {
      readonly kind: PathKind;
      readonly readable: boolean;
      readonly writable: boolean;
      /** Bytes; for a block device its size where it could be read, else 0. */
      readonly size: number;
      /** Device and inode, `dev:ino` in decimal: the same file under two names has the same identity. */
      readonly identity: string;
      /** `major:minor` in hex, of a block or character device. */
      readonly device?: string;
      /** What the first bytes say, for files and block devices that could be read. */
      readonly image?: ImageFacts;
    };

/** Whether the path gave no answer in time, as on a dead file server: nobody knows then whether anything is there. */
export const didNotAnswer = (path: PathFacts): boolean => path.kind === 'missing' && path.errno === 'ETIMEDOUT';

export interface ToolFacts {
  /** Where `tap-ctl` is, or null. */
  readonly tapCtl: string | null;
  /** Whether the tapback daemon runs. */
  readonly tapback: boolean;
  /** Names of the block scripts in `dirs.scripts` (`block`, `block-iscsi`, …). */
  readonly blockScripts: readonly string[];
}

/** Formats that a header can name. `raw` is what no known magic claims. */
export type ImageFormat = 'raw' | 'qcow' | 'qcow2' | 'vhd' | 'vhdx' | 'qed' | 'vmdk' | 'vdi' | 'luks' | 'iso';

/** What the header of an image says, and what its backing chain looks like. Plain JSON: part of HostFacts. */
export interface ImageFacts {
  readonly format: ImageFormat;
  /** Bytes the guest would see, where the header says so; null for raw (then the file's size counts). */
  readonly virtualSize: number | null;
  /** The file below this one, as the header spells it, and what is there; null where there is none. */
  readonly backing: BackingFacts | null;
  /** What is wrong with the header, in words; empty for a sound one. */
  readonly problems: readonly string[];
}

export interface BackingFacts {
  /** As the header spells it. */
  readonly name: string;
  /** Resolved against the directory of the image that names it; null for something that is no file (`nbd://…`, `json:`). */
  readonly path: string | null;
  /** The format that the header declares for it, if any. */
  readonly declaredFormat: string | null;
  readonly state: 'ok' | 'missing' | 'unreadable' | 'directory' | 'cycle' | 'too-deep' | 'not-a-file';
  readonly image: ImageFacts | null;
}
