import { XlError } from '../../base/error.ts';
import type { GuestMemory } from './physical-map.ts';
import type { Platform } from './platform.ts';
import type { Channel } from './special-pages.ts';

/** What HVM and PVH guests are both made of. */
export interface GuestConfig {
  readonly memory: GuestMemory;
  readonly vcpus: GuestVcpus;
  /** The rings of xenstore and the console. */
  readonly store: Channel;
  readonly console: Channel;
  readonly platform: Platform;
}

/** The vcpus that a guest may have, and how many of them, from 0 on, are there at first. */
export interface GuestVcpus {
  readonly max: number;
  readonly online: number;
}

/** HVM_MAX_VCPUS (public/hvm/hvm_info_table.h): APIC ids are twice the vcpus' numbers, and have a byte. */
export const HVM_MAX_VCPUS = 128;

/** Error: `too-many-vcpus`. */
export function assertVcpus({ max }: GuestVcpus): void {
  if (max < 1 || max > HVM_MAX_VCPUS) {
    throw new XlError('too-many-vcpus', `a guest of type hvm or pvh has 1 to ${HVM_MAX_VCPUS} vcpus, not ${max}`);
  }
}
