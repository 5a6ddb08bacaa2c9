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
