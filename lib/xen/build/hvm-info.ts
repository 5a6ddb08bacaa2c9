import { encode } from '../abi/codec.ts';
import { bitmapOf } from '../abi/common.ts';
import { bytes, sizeOf, struct } from '../abi/layout.ts';
import { framesOf, type WriteStep } from './build-plan.ts';
import { HVM_MAX_VCPUS, type GuestVcpus } from './guest.ts';
import { FOUR_GIB, type PhysicalMap } from './physical-map.ts';
import { checksum, text } from './pack.ts';
import { FIRST_IOREQ_SERVER } from './special-pages.ts';

/** What hvmloader reads about its machine, at a fixed place below 640 KiB (public/hvm/hvm_info_table.h). */
const hvmInfoTable = struct('struct hvm_info_table', {
  signature: bytes(8),
  length: 'u32',
  checksum: 'u8',
  apic_mode: 'u8',
  nr_vcpus: 'u32',
  low_mem_pgend: 'u32',
  reserved_mem_pgstart: 'u32',
  high_mem_pgend: 'u32',
  vcpu_online: bytes(HVM_MAX_VCPUS / 8),
});
const HVM_INFO_GFN = 0x9f;
const HVM_INFO_OFFSET = 0x800;

export interface HvmInfo {
  readonly map: PhysicalMap;
  readonly vcpus: GuestVcpus;
  /** `apic=`: hvmloader writes tables of interrupt controllers. */
  readonly apic: boolean;
}

/** Writes the table. */
export function hvmInfoStep({ map, vcpus, apic }: HvmInfo): WriteStep {
  const table = encode(hvmInfoTable, {
    signature: text('HVM INFO'),
    length: sizeOf(hvmInfoTable),
    apic_mode: apic ? 1 : 0,
    nr_vcpus: vcpus.max,
    low_mem_pgend: framesOf(map.lowEnd),
    reserved_mem_pgstart: FIRST_IOREQ_SERVER,
    high_mem_pgend: map.highEnd > FOUR_GIB ? framesOf(map.highEnd) : 0,
    vcpu_online: bitmapOf(Array(vcpus.online).keys(), HVM_MAX_VCPUS),
  });
  table[CHECKSUM_AT] = checksum(table);
  const pieces = [{ offset: HVM_INFO_OFFSET, bytes: table }];
  return { do: 'write', what: 'hvm_info table', gfn: HVM_INFO_GFN, frames: 1, pieces, rest: 'zero' };
}
const CHECKSUM_AT = 12;
