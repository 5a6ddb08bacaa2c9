import { XlError } from '../../base/error.ts';
import { PAGE_SIZE } from './build-plan.ts';
import type { PvWidth } from './pv-kernel.ts';
import type { PvLayout } from './pv-layout.ts';

/** What the machine has given to the guest, and what only the run knows. */
export interface PvMachine {
  /**
   * Its machine frames, by pseudo-physical page. 32 bits reach to 16 TiB of machine memory, as much as Xen manages
   * (unless built with CONFIG_BIGMEM).
   */
  readonly mfns: Uint32Array;
  /** Machine frame of the page that Xen shares with it: `shared_info_frame` of XEN_DOMCTL_getdomaininfo. */
  readonly sharedInfoMfn: number;
}

/** What start_info tells of the guest beside its layout. */
export interface PvBoot {
  readonly cmdline: string;
  /** The guest's ends of the two event channels, from EVTCHNOP_alloc_unbound. */
  readonly storePort: number;
  readonly consolePort: number;
}

/** MAX_GUEST_CMDLINE: bytes of a command line with its NUL. */
const CMDLINE_SIZE = 1024;
/**
 * SIF_MOD_START_PFN: `mod_start` is a page number. The other flag that libxenguest knows, SIF_VIRT_P2M_4TOOLS, libxl
 * takes back (`libxl__build_dom`), so that no guest of xl has it: neither has one of ours.
 */
const MOD_START_PFN = 1 << 3;
/** XEN_LEGACY_MAX_VCPUS: vcpus that have their vcpu_info in the shared page, 64 bytes each. */
const SHARED_VCPUS = 32;
const VCPU_INFO_SIZE = 64;
const UPCALL_MASK = 1;

/** Offsets in struct start_info (public/xen.h) and the name of the guest's type; a word is 4 or 8 bytes. */
const LAYOUTS = {
  64: {
    magic: 'xen-3.0-x86_64',
    pages: 32,
    sharedInfo: 40,
    flags: 48,
    storeMfn: 56,
    storePort: 64,
    consoleMfn: 72,
    consolePort: 80,
    ptBase: 88,
    ptFrames: 96,
    mfnList: 104,
    modStart: 112,
    modLength: 120,
    cmdline: 128,
    firstP2mPfn: 1152,
    p2mFrames: 1160,
  },
  32: {
    magic: 'xen-3.0-x86_32p',
    pages: 32,
    sharedInfo: 36,
    flags: 40,
    storeMfn: 44,
    storePort: 48,
    consoleMfn: 52,
    consolePort: 56,
    ptBase: 60,
    ptFrames: 64,
    mfnList: 68,
    modStart: 72,
    modLength: 76,
    cmdline: 80,
    firstP2mPfn: 1104,
    p2mFrames: 1108,
  },
} as const;

/** The page that the guest's first vcpu finds through RSI: struct start_info. Error: `pv-command-line-too-long`. */
export function startInfo(layout: PvLayout, virtBase: bigint, machine: PvMachine, boot: PvBoot): Uint8Array {
  const at = LAYOUTS[layout.width];
  const page = new Uint8Array(PAGE_SIZE);
  const data = new DataView(page.buffer);
  const word = wordWriter(data, layout.width);
  const addressOf = (pfn: number) => virtBase + BigInt(pfn * PAGE_SIZE);
  const { ramdisk, p2m, p2mTables, tables } = layout;
  page.set(Buffer.from(at.magic, 'latin1'));
  word(at.pages, layout.total);
  word(at.sharedInfo, BigInt(machine.sharedInfoMfn) * BigInt(PAGE_SIZE));
  data.setUint32(at.flags, ramdisk?.mapped === false ? MOD_START_PFN : 0, true);
  word(at.storeMfn, machine.mfns[layout.store]!);
  data.setUint32(at.storePort, boot.storePort, true);
  word(at.consoleMfn, machine.mfns[layout.console]!);
  data.setUint32(at.consolePort, boot.consolePort, true);
  word(at.ptBase, addressOf(tables.pfn));
  word(at.ptFrames, tables.pages);
  word(at.mfnList, p2m.address);
  if (ramdisk !== null) {
    word(at.modStart, ramdisk.mapped ? addressOf(ramdisk.pfn) : ramdisk.pfn);
    word(at.modLength, ramdisk.mapped ? ramdisk.bytes : ramdisk.pages * PAGE_SIZE);
  }
  page.set(cmdlineBytes(boot.cmdline), at.cmdline);
  if (p2mTables !== null) {
    word(at.firstP2mPfn, p2m.pfn);
    word(at.p2mFrames, p2m.pages + p2mTables.pages);
  }
  return page;
}

/** The page that Xen shares with the guest, as it begins: no event waits, every vcpu's upcalls are masked. */
export function sharedInfo(): Uint8Array {
  const page = new Uint8Array(PAGE_SIZE);
  for (let vcpu = 0; vcpu < SHARED_VCPUS; vcpu++) page[vcpu * VCPU_INFO_SIZE + UPCALL_MASK] = 1;
  return page;
}

function cmdlineBytes(cmdline: string): Uint8Array {
  const bytes = Buffer.from(cmdline, 'utf8');
  if (bytes.length < CMDLINE_SIZE) return bytes;
  throw new XlError(
    'pv-command-line-too-long',
    `the kernel’s command line has ${bytes.length} bytes; a PV guest takes ${CMDLINE_SIZE - 1}`,
    { hint: 'shorten cmdline=, root= and extra=' },
  );
}

/** Writes the guest's `unsigned long`s. */
export function wordWriter(data: DataView, width: PvWidth): (offset: number, value: bigint | number) => void {
  return width === 64
    ? (offset, value) => data.setBigUint64(offset, BigInt(value), true)
    : (offset, value) => data.setUint32(offset, Number(BigInt.asUintN(32, BigInt(value))), true);
}
