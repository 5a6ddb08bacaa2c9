import type { Diagnostic, Where } from '../base/error.ts';
import type { Disk } from '../disk/disk.ts';
import type { DomainType, KeyValues } from './keys.ts';
import type { Dialect } from './syntax.ts';
import type { Vif } from './vif.ts';

/** What a configuration says, every word of it understood. Choices that depend on the host are not made here. */
export interface DomainConfig {
  /** The file's name as the user gave it. */
  readonly source: string;
  readonly dialect: Dialect;
  readonly name: string;
  /** From `type`, else from `builder`, else `pv`, as xl on x86. */
  readonly type: DomainType;
  /** Every key that we act on, `null` where it is not said. */
  readonly keys: KeyValues;
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

/** One word of `vfb`; `null` is "not said". */
export interface Vfb {
  readonly vnc: boolean | null;
  readonly vncListen: string | null;
  readonly vncPassword: string | null;
  readonly vncDisplay: number | null;
  readonly vncUnused: boolean | null;
  readonly keymap: string | null;
  readonly sdl: boolean | null;
  readonly opengl: boolean | null;
  readonly display: string | null;
  readonly xauthority: string | null;
}

export interface ConfiguredVfb {
  readonly vfb: Vfb;
  readonly where: Where;
}

export interface Decoded {
  readonly config: DomainConfig;
  /** Warnings and notes; errors are thrown. */
  readonly diagnostics: readonly Diagnostic[];
}
