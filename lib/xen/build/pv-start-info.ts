import { XlError } from '../../base/error.ts';
import { encode } from '../abi/codec.ts';
import { bytes, struct } from '../abi/layout.ts';
import { PAGE_SIZE } from './build-plan.ts';
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
/** `evtchn_upcall_mask` in it. */
const UPCALL_MASK = 1;

/** What the guest finds through RSI when it starts (public/xen.h), in its own words. */
const startInfoLayouts = { 32: startInfoLayout('u32'), 64: startInfoLayout('u64') };

function startInfoLayout(word: 'u32' | 'u64') {
  return struct('struct start_info', {
    magic: bytes(32),
    nr_pages: word,
    shared_info: word,
    flags: 'u32',
    store_mfn: word,
    store_evtchn: 'u32',
    console_mfn: word,
    console_evtchn: 'u32',
    pt_base: word,
    nr_pt_frames: word,
    mfn_list: word,
    mod_start: word,
    mod_len: word,
    cmd_line: bytes(CMDLINE_SIZE),
    first_p2m_pfn: word,
    nr_p2m_frames: word,
  });
}

/** The start info of a guest. Error: `cmdline-too-long`. */
export function startInfo(layout: PvLayout, virtBase: bigint, machine: PvMachine, boot: PvBoot): Uint8Array {
  const { width, ramdisk, p2m, p2mTables, tables } = layout;
  const addressOf = (pfn: number) => virtBase + BigInt(pfn * PAGE_SIZE);
  return encode(startInfoLayouts[width], {
    magic: Buffer.from(width === 64 ? 'xen-3.0-x86_64' : 'xen-3.0-x86_32p', 'latin1'),
    nr_pages: layout.total,
    shared_info: BigInt(machine.sharedInfoMfn) * BigInt(PAGE_SIZE),
    flags: ramdisk?.mapped === false ? MOD_START_PFN : 0,
    store_mfn: machine.mfns[layout.store]!,
    store_evtchn: boot.storePort,
    console_mfn: machine.mfns[layout.console]!,
    console_evtchn: boot.consolePort,
    pt_base: addressOf(tables.pfn),
    nr_pt_frames: tables.pages,
    mfn_list: p2m.address,
    ...(ramdisk !== null && {
      mod_start: ramdisk.mapped ? addressOf(ramdisk.pfn) : ramdisk.pfn,
      mod_len: ramdisk.mapped ? ramdisk.bytes : ramdisk.pages * PAGE_SIZE,
    }),
    cmd_line: cmdlineBytes(boot.cmdline),
    ...(p2mTables !== null && { first_p2m_pfn: p2m.pfn, nr_p2m_frames: p2m.pages + p2mTables.pages }),
  });
}

/** The page that Xen shares with the guest, as it begins: no event waits, every vcpu's upcalls are masked. */
export function sharedInfo(): Uint8Array {
  const page = new Uint8Array(PAGE_SIZE);
  for (let vcpu = 0; vcpu < SHARED_VCPUS; vcpu++) page[vcpu * VCPU_INFO_SIZE + UPCALL_MASK] = 1;
  return page;
}

function cmdlineBytes(cmdline: string): Uint8Array {
  const line = Buffer.from(cmdline, 'utf8');
  if (line.length < CMDLINE_SIZE) return line;
  throw new XlError(
    'cmdline-too-long',
    `the kernel’s command line has ${line.length} bytes; a PV guest takes ${CMDLINE_SIZE - 1}`,
    { hint: 'shorten cmdline=, root= or extra=' },
  );
}
