import { XlError } from '../../base/error.ts';
import { encode } from '../abi/codec.ts';
import { sizeOf, struct } from '../abi/layout.ts';
import { E820_TYPE, framesOf, PAGE_SIZE, type E820Entry, type WriteStep } from './build-plan.ts';
import { pack, roundUp } from './pack.ts';

/** What a PVH kernel, or hvmloader, finds at the address in ebx (public/arch-x86/hvm/start_info.h, version 1). */
const hvmStartInfo = struct('struct hvm_start_info', {
  magic: 'u32',
  version: 'u32',
  flags: 'u32',
  nr_modules: 'u32',
  modlist_paddr: 'n64',
  cmdline_paddr: 'n64',
  rsdp_paddr: 'n64',
  memmap_paddr: 'n64',
  memmap_entries: 'u32',
  reserved: 'u32',
});
const hvmModlistEntry = struct('struct hvm_modlist_entry', {
  paddr: 'n64',
  size: 'n64',
  cmdline_paddr: 'n64',
  reserved: 'u64',
});
const hvmMemmapTableEntry = struct('struct hvm_memmap_table_entry', {
  addr: 'n64',
  size: 'n64',
  type: 'u32',
  reserved: 'u32',
});
/** "xEn3" with the top bit of the E set. */
const MAGIC = 0x336ec578;
const VERSION = 1;

/** libxenguest keeps room for two modules and their command lines of 1 KiB (MAX_GUEST_CMDLINE), used or not. */
export const MAX_MODULES = 2;
export const MAX_CMDLINE = 1024;

export interface StartInfo {
  /** The kernel's; null for none. */
  readonly cmdline: string | null;
  /** Guest physical address of the ACPI tables' root; 0 for none. */
  readonly rsdp: number;
  /** At most two. */
  readonly modules: readonly LoadedModule[];
  readonly memoryMap: readonly E820Entry[];
}

/** A module in the guest's memory, in bytes. */
export interface LoadedModule {
  readonly address: number;
  readonly size: number;
  readonly cmdline: string | null;
}

/** How many frames the start info of such a guest takes, wherever its modules lie. */
export function startInfoFrames(cmdline: string | null, memoryMap: readonly E820Entry[]): number {
  const modules = MAX_MODULES * (sizeOf(hvmModlistEntry) + MAX_CMDLINE);
  const memmap = memoryMap.length * sizeOf(hvmMemmapTableEntry);
  return framesOf(sizeOf(hvmStartInfo) + cmdlineRoom(cmdline) + modules + memmap);
}

/**
 * Writes the start info at frame `gfn`: the struct, the command line, modules, their command lines, the memory map.
 * Error: `cmdline-too-long`.
 */
export function startInfoStep(gfn: number, { cmdline, rsdp, modules, memoryMap }: StartInfo): WriteStep {
  const cmdlineAt = gfn * PAGE_SIZE + sizeOf(hvmStartInfo);
  const modlist = cmdlineAt + cmdlineRoom(cmdline);
  const modCmdlines = modlist + MAX_MODULES * sizeOf(hvmModlistEntry);
  const memmap = modCmdlines + MAX_MODULES * MAX_CMDLINE;
  const slots = Array.from({ length: MAX_MODULES }, (_, index) => modules[index]);
  const bytes = pack(
    encode(hvmStartInfo, {
      magic: MAGIC,
      version: VERSION,
      nr_modules: modules.length,
      modlist_paddr: modules.length > 0 ? modlist : 0,
      cmdline_paddr: cmdline === null ? 0 : cmdlineAt,
      rsdp_paddr: rsdp,
      memmap_paddr: memmap,
      memmap_entries: memoryMap.length,
    }),
    terminated(cmdline, cmdlineRoom(cmdline)),
    ...slots.map((module, index) =>
      encode(hvmModlistEntry, {
        paddr: module?.address ?? 0,
        size: module?.size ?? 0,
        cmdline_paddr: typeof module?.cmdline === 'string' ? modCmdlines + index * MAX_CMDLINE : 0,
      }),
    ),
    ...slots.map((module) => terminated(module?.cmdline ?? null, MAX_CMDLINE)),
    ...memoryMap.map((entry) =>
      encode(hvmMemmapTableEntry, { addr: entry.address, size: entry.size, type: E820_TYPE[entry.type] }),
    ),
  );
  const frames = startInfoFrames(cmdline, memoryMap);
  return { do: 'write', what: 'start info', gfn, frames, pieces: [{ offset: 0, bytes }], rest: 'zero' };
}

/** Bytes for the kernel's command line and its end, in whole words of 8; none where there is no line. */
const cmdlineRoom = (cmdline: string | null): number =>
  cmdline === null ? 0 : roundUp(Buffer.byteLength(cmdline) + 1, 8);

/** The line with a zero byte behind it, in `size` bytes; nothing but zero bytes for none. */
function terminated(line: string | null, size: number): Uint8Array {
  const bytes = Buffer.alloc(size);
  if (line === null) return bytes;
  if (Buffer.byteLength(line) >= size) {
    throw new XlError(
      'cmdline-too-long',
      `the command line of a module may have ${size - 1} bytes, not ${Buffer.byteLength(line)}`,
    );
  }
  bytes.write(line);
  return bytes;
}
