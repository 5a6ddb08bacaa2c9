/** A disk that a server shows. Ranges lie within its size and are not empty; the connection has looked. */
export interface NbdExport {
  readonly name: string;
  /** A sentence for `nbdinfo`. */
  readonly description: string;
  /** Bytes. */
  readonly size: number;
  readonly readOnly: boolean;
  /** Bytes for which reading and writing is cheapest. */
  readonly preferredBlockSize: number;
  /** What block status can be asked for. */
  readonly contexts: readonly MetaContext[];
  read(target: Uint8Array, offset: number): Promise<void>;
  /** Writes the pieces one behind the other. */
  write(pieces: readonly Uint8Array[], offset: number): Promise<void>;
  writeZeroes(offset: number, length: number): Promise<void>;
  /** Makes durable what was written before. */
  flush(): Promise<void>;
}

/** One kind of block status, `base:allocation` for instance. */
export interface MetaContext {
  readonly name: string;
  /** Stretches from an offset on, each with its flags, that cover the length or a beginning of it. */
  status(offset: number, length: number): Promise<readonly Extent[]>;
}

export interface Extent {
  readonly length: number;
  readonly flags: number;
}

/** Flags of `base:allocation`. */
export const Allocation = { Hole: 1, Zero: 2 } as const;
