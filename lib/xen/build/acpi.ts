import { framesOf, PAGE_SIZE, type BuildStep, type E820Entry, type Piece } from './build-plan.ts';
import type { GuestVcpus } from './guest.ts';
import { checksum, pack, roundUp, text, u16, u32, u64, u8, zeros } from './pack.ts';

/** Where libxl puts a PVH guest's tables (ACPI_INFO_PHYSICAL_ADDRESS): first Xen's info page, then the tables. */
export const ACPI_BASE = 0xfc000000;
/** Where a Linux looks for the root table that does not trust the start info: the end of a PC's BIOS. */
const LOW_RSDP = 0x100000 - 64;
/** libxl gives the root table 64 bytes, of which it fills 36. */
const RSDP_ROOM = 64;
const LOCAL_APIC_BASE = 0xfee00000;

export interface AcpiConfig {
  readonly vcpus: GuestVcpus;
  /** What comes behind the DSDT's header: AML. */
  readonly aml: Uint8Array;
  /** Puts the root table below 1 MiB. */
  readonly lowRsdp: boolean;
}
export interface AcpiTables {
  /** The root table's address. */
  readonly rsdp: number;
  /** The steps that put the tables into memory. */
  readonly steps: readonly BuildStep[];
  /** What they take, for an e820, in libxl's order. */
  readonly entries: readonly E820Entry[];
}

/**
 * The tables of a PVH guest, which has local APICs and nothing else: FACS, DSDT, FADT, MADT, the lists of these, the root.
 * Layout and order as libxl's (libacpi, build.c). On purpose other than its: the DSDT's AML (dsdt.ts); vcpus that are
 * offline at first are not enabled in the MADT (as newer Xens do; 4.17 enables all); what lies between tables is zero
 * (4.17: whatever the toolstack's heap held); and all frames are populated by one call.
 */
export function acpiTables({ vcpus, aml, lowRsdp }: AcpiConfig): AcpiTables {
  const start = ACPI_BASE + PAGE_SIZE;
  const tables: Piece[] = [];
  let end = start;
  const add = (bytes: Uint8Array, align = 16): number => {
    const address = roundUp(end, align);
    tables.push({ offset: address - ACPI_BASE, bytes });
    end = address + bytes.length;
    return address;
  };

  const facsAt = add(facs(), 64);
  const dsdtAt = add(table('DSDT', 5, aml));
  const oldFadtAt = add(oldFadt(facsAt, dsdtAt));
  const fadtAt = add(fadt(facsAt, dsdtAt));
  const madtAt = add(madt(vcpus));
  // libxl keeps room in the MADT for 16 interrupt overrides and an I/O APIC, which PVH does not have.
  end += 16 * 10 + 12;
  const xsdtAt = add(table('XSDT', 1, u64(fadtAt, madtAt)));
  // libxl's lists have room for one entry more than they have.
  end += 8;
  const rsdtAt = add(table('RSDT', 1, u32(oldFadtAt, madtAt)));
  end += 4;

  const tableFrames = framesOf(end - start);
  const highRsdp = start + tableFrames * PAGE_SIZE;
  const root = rsdp(rsdtAt, xsdtAt);
  const info = { offset: 0, bytes: acpiInfo(vcpus.max, madtAt) };
  const gfn = ACPI_BASE / PAGE_SIZE;
  const frames = 1 + tableFrames + (lowRsdp ? 0 : 1);
  const pieces = [info, ...tables, ...(lowRsdp ? [] : [{ offset: highRsdp - ACPI_BASE, bytes: root }])];
  return {
    rsdp: lowRsdp ? LOW_RSDP : highRsdp,
    steps: [
      { do: 'populate', run: { gfn, order: 0, count: frames }, onDemand: false },
      { do: 'write', what: 'ACPI tables', gfn, frames, pieces, rest: 'zero' },
      ...(lowRsdp ? [lowRootStep(root)] : []),
    ],
    entries: [
      lowRsdp ? nvs(LOW_RSDP - (LOW_RSDP % PAGE_SIZE), PAGE_SIZE) : nvs(highRsdp, RSDP_ROOM),
      nvs(ACPI_BASE, PAGE_SIZE),
      nvs(start, tableFrames * PAGE_SIZE),
    ],
  };
}

const nvs = (address: number, size: number): E820Entry => ({ address, size, type: 'acpi-nvs' });

function lowRootStep(root: Uint8Array): BuildStep {
  const pieces = [{ offset: LOW_RSDP % PAGE_SIZE, bytes: root }];
  return { do: 'write', what: 'ACPI root', gfn: Math.floor(LOW_RSDP / PAGE_SIZE), frames: 1, pieces, rest: 'keep' };
}

/** A table with its header, whose checksum makes all its bytes add up to 0. */
function table(signature: string, revision: number, body: Uint8Array): Uint8Array {
  const bytes = pack(
    text(signature),
    u32(HEADER_SIZE + body.length),
    u8(revision, 0),
    text('Xen', 6),
    text('HVM', 8),
    u32(0),
    text('HVML'),
    u32(0),
    body,
  );
  bytes[CHECKSUM_AT] = checksum(bytes);
  return bytes;
}
const HEADER_SIZE = 36;
const CHECKSUM_AT = 9;

/** Firmware control: nothing in it. */
const facs = (): Uint8Array => pack(text('FACS'), u32(64), zeros(24), u8(1), zeros(31));

/** Ports where a PC of Xen's has its power management (public/hvm/ioreq.h, version 1). A PVH guest's are not emulated. */
const PM1_EVENT = 0xb000;
const PM1_CONTROL = 0xb004;
const PM_TIMER = 0xb008;
const GPE0 = 0xafe0;
/** C1, WBINVD, no fixed RTC, a 32-bit timer, a platform clock. */
const FADT_FLAGS = 0x8145;
/** No power and no sleep button in fixed hardware. */
const NO_BUTTONS = 0x30;
/** No VGA; no CMOS clock. */
const BOOT_ARCH = 0x24;

/** The first 116 bytes, all there is in revision 1. libxl drops the timer and the buttons from the newer one alone. */
function fadtCore(facsAt: number, dsdtAt: number, { timer, bootArch, flags }: typeof OLD_CORE): Uint8Array {
  return pack(
    u32(facsAt, dsdtAt),
    u8(0, 0),
    // The SCI's interrupt.
    u16(9),
    zeros(8),
    u32(PM1_EVENT, 0, PM1_CONTROL, 0, 0, timer, GPE0, 0),
    // Their lengths.
    u8(4, 2, 0, timer === 0 ? 0 : 4, 4, 0, 0, 0),
    // Latencies so long that there is no C2 and no C3; nothing about caches.
    u16(0xfff, 0xfff, 0, 0),
    zeros(5),
    u16(bootArch),
    u8(0),
    u32(flags),
  );
}
const OLD_CORE = { timer: PM_TIMER, bootArch: 0, flags: FADT_FLAGS };
const NEW_CORE = { timer: 0, bootArch: BOOT_ARCH, flags: FADT_FLAGS | NO_BUTTONS };

const oldFadt = (facsAt: number, dsdtAt: number): Uint8Array => table('FACP', 1, fadtCore(facsAt, dsdtAt, OLD_CORE));

function fadt(facsAt: number, dsdtAt: number): Uint8Array {
  return table(
    'FACP',
    5,
    pack(
      fadtCore(facsAt, dsdtAt, NEW_CORE),
      // How to reset: write 6 to port 0xcf9.
      port(0xcf9, 8),
      u8(6, 0, 0, 0),
      u64(facsAt, dsdtAt),
      port(PM1_EVENT, 32),
      NO_REGISTER,
      port(PM1_CONTROL, 16),
      // Second control, PM2, timer, GPE0 and GPE1, sleep control and status.
      ...Array.from({ length: 7 }, () => NO_REGISTER),
    ),
  );
}

/** An I/O port as a generic address; the bits are its width. */
const port = (address: number, bits: number): Uint8Array => pack(u8(1, bits, 0, 0), u64(address));
const NO_REGISTER = zeros(12);

/** A local APIC for each vcpu, its id twice the vcpu's as Xen gives them. */
function madt({ max, online }: GuestVcpus): Uint8Array {
  const apics = Array.from({ length: max }, (_, vcpu) => pack(u8(0, 8, vcpu, vcpu * 2), u32(vcpu < online ? 1 : 0)));
  // The flag: there are two 8259s. There are not, but libxl says so, and kernels are used to it.
  return table('APIC', 2, pack(u32(LOCAL_APIC_BASE, 1), ...apics));
}
const MADT_APICS_AT = HEADER_SIZE + 8;

/** struct acpi_info of libacpi: what the AML of Xen's own DSDT reads. */
function acpiInfo(vcpus: number, madtAt: number): Uint8Array {
  return pack(u8(0, 0), u16(vcpus), u32(0, 0, madtAt + CHECKSUM_AT, madtAt + MADT_APICS_AT, 0), zeros(16));
}

/** The root: where the two lists are. Its first 20 bytes add up to 0, and all of it does. */
function rsdp(rsdtAt: number, xsdtAt: number): Uint8Array {
  const bytes = pack(text('RSD PTR '), u8(0), text('Xen', 6), u8(2), u32(rsdtAt, 36), u64(xsdtAt), zeros(4));
  bytes[8] = checksum(bytes.subarray(0, 20));
  bytes[32] = checksum(bytes);
  return bytes;
}
