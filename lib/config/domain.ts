import type { Where } from '../base/error.ts';
import type { Disk } from '../disk/disk.ts';
import type { DomainType, KeyValues } from './keys.ts';
import type { CpuList } from './cpus.ts';
import type { P9, Pvcalls, Vtpm } from './devices/backend-only.ts';
import type { Channel } from './devices/channel.ts';
import type { Pci } from './devices/pci.ts';
import type { UsbController, UsbDevice } from './devices/usb.ts';
import type { Vdispl } from './devices/vdispl.ts';
import type { Virtio } from './devices/virtio.ts';
import type { Vkb } from './devices/vkb.ts';
import type { Vsnd } from './devices/vsnd.ts';
import type { IoMemory, IoPorts } from './ranges.ts';
import type { Rdm } from './rdm.ts';
import type { Dialect } from './syntax.ts';
import type { Viridian } from './viridian.ts';
import type { Vnode } from './vnuma.ts';
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
  readonly devices: ConfiguredDevices;
  readonly machine: ConfiguredMachine;
  /** Where the value of each key stands, by the key's name; a missing one was not said. */
  readonly places: Readonly<Record<string, Where>>;
}

/** What a word of a list says, and where it stands. */
export interface Placed<T> {
  readonly value: T;
  readonly where: Where;
}

/** Devices beyond disks, interfaces and framebuffers; a device's number is its place. */
export interface ConfiguredDevices {
  readonly channels: readonly Placed<Channel>[];
  readonly p9s: readonly Placed<P9>[];
  readonly pcis: readonly Placed<Pci>[];
  readonly pvcallsifs: readonly Placed<Pvcalls>[];
  readonly usbControllers: readonly Placed<UsbController>[];
  readonly usbDevices: readonly Placed<UsbDevice>[];
  readonly vdispls: readonly Placed<Vdispl>[];
  readonly virtios: readonly Placed<Virtio>[];
  readonly vkbs: readonly Placed<Vkb>[];
  readonly vsnds: readonly Placed<Vsnd>[];
  readonly vtpms: readonly Placed<Vtpm>[];
}

/** Keys of the machine that have a language of their own, read; `null` and empty are "not said". */
export interface ConfiguredMachine {
  /** `cpus`: one list for every vcpu, or one for each in turn. */
  readonly hardAffinity: Affinity | null;
  /** `cpus_soft`. */
  readonly softAffinity: Affinity | null;
  readonly vnuma: readonly Placed<Vnode>[];
  readonly ioports: readonly Placed<IoPorts>[];
  readonly irqs: readonly Placed<number>[];
  readonly iomem: readonly Placed<IoMemory>[];
  readonly rdm: Rdm | null;
  /** `false` for a plain no. */
  readonly viridian: Viridian | false | null;
}

/** Host CPUs of all vcpus alike (the key was a string), or of each. */
export type Affinity =
  | { readonly kind: 'every-vcpu'; readonly cpus: CpuList }
  | { readonly kind: 'each-vcpu'; readonly cpus: readonly CpuList[] };

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
