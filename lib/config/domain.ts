import type { Where } from '../base/error.ts';
import type { Disk } from '../disk/disk.ts';
import type { DomainType, KeyValues } from './keys.ts';
import type { Dialect } from './syntax.ts';
import type { Vfb } from './vfb.ts';
import type { Vif } from './vif.ts';

export { decodeDomain, type Decoded, type DecodeOptions } from './decode.ts';
export type { Vfb } from './vfb.ts';
export type { Vif } from './vif.ts';

/** What a configuration says, every word of it understood. Choices that depend on the host are not made here. */
export interface DomainConfig {
  /** The file's name as the user gave it. */
  readonly source: string;
  readonly dialect: Dialect;
  readonly name: string;
  /** From `type`, else from `builder`, else `pv`, as xl on x86. */
  readonly type: DomainType;
  /** Every key that says something about the guest, `null` where it is not said. */
  readonly keys: KeyValues;
  /** Names of the keys that were said as a single value, not as a list. */
  readonly singles: readonly string[];
  readonly disks: readonly ConfiguredDisk[];
  readonly vifs: readonly ConfiguredVif[];
  readonly vfbs: readonly ConfiguredVfb[];
  /** Where the value of each key stands, by the key's name; a missing one was not said. */
  readonly places: Readonly<Record<string, Where>>;
}

export interface ConfiguredDisk {
  readonly disk: Disk;
  /** The word as the user typed it. */
  readonly spec: string;
  readonly where: Where;
}

export interface ConfiguredVif {
  readonly vif: Vif;
  readonly where: Where;
}

export interface ConfiguredVfb {
  readonly vfb: Vfb;
  readonly where: Where;
}
