import { encode } from '../abi/codec.ts';
import { array, bytes, struct } from '../abi/layout.ts';
import { PAGE_SIZE } from './build-plan.ts';
import type { PvKernel, PvWidth } from './pv-kernel.ts';
import type { PvLayout } from './pv-layout.ts';

const contextLayouts = { 32: contextLayout(32), 64: contextLayout(64) };

/**
 * struct vcpu_guest_context of a guest of that width (public/arch-x86/xen.h), in its words. Registers have their names
 * without `r` or `e`; those that start as 0 share a field, and a selector has its padding's place too.
 */
function contextLayout(width: PvWidth) {
  const word = width === 64 ? 'u64' : 'u32';
  const wide = width === 64;
  return struct('struct vcpu_guest_context', {
    fpu_ctxt: bytes(512),
    flags: word,
    user_regs: struct('struct cpu_user_regs', {
      before_si: array(word, wide ? 13 : 3),
      si: word,
      before_ip: array(word, wide ? 2 : 4),
      ip: word,
      cs: word,
      flags: word,
      sp: word,
      ss: word,
      es: word,
      ds: word,
      fs: word,
      gs: word,
    }),
    trap_ctxt: array(word, 256 * 2),
    ldt_base: word,
    ldt_ents: word,
    gdt_frames: array(word, 16),
    gdt_ents: word,
    kernel_ss: word,
    kernel_sp: word,
    ctrlreg: array(word, 8),
    debugreg: array(word, 8),
    callbacks: array(word, wide ? 3 : 4),
    vm_assist: word,
    segment_bases: array(word, wide ? 3 : 0),
  });
}

/** The flat segments of a guest's kernel in Xen's own descriptor table (FLAT_KERNEL_*, public/arch-x86/xen-x86_{32,64}.h). */
const SELECTORS = {
  32: { code: 0xe019, stack: 0xe021, data: 0xe021 },
  64: { code: 0xe033, stack: 0xe02b, data: 0 },
} as const;
/** VGCF_in_kernel and VGCF_online. */
const IN_KERNEL_AND_ONLINE = (1 << 2) | (1 << 5);
const INTERRUPTS_ON = 1 << 9;
/** What the debug registers hold after a reset. */
const DR6_RESET = 0xffff0ff0;
const DR7_RESET = 0x400;
/** VMASST_TYPE_pae_extended_cr3: the top table of a 32-bit guest may lie above 4 GiB. */
const PAE_EXTENDED_CR3 = 1 << 3;

/**
 * The first vcpu as it enters the kernel: at the entry, on the boot stack, RSI at the start info, on the page tables
 * whose top lies in machine frame `topMfn`.
 */
export function vcpuContext({ width, virtBase, entry }: PvKernel, layout: PvLayout, topMfn: number): Uint8Array {
  const addressOf = (pfn: number) => virtBase + BigInt(pfn * PAGE_SIZE);
  const stackTop = addressOf(layout.bootStack + 1);
  const { code, stack, data } = SELECTORS[width];
  return encode(contextLayouts[width], {
    flags: IN_KERNEL_AND_ONLINE,
    user_regs: {
      si: addressOf(layout.startInfo),
      ip: entry,
      cs: code,
      flags: INTERRUPTS_ON,
      sp: stackTop,
      ss: stack,
      es: data,
      ds: data,
      fs: data,
      gs: data,
    },
    kernel_ss: stack,
    kernel_sp: stackTop,
    ctrlreg: [0, 0, 0, cr3(width, topMfn)],
    debugreg: [0, 0, 0, 0, 0, 0, DR6_RESET, DR7_RESET],
    vm_assist: width === 32 ? PAE_EXTENDED_CR3 : 0,
  });
}

/** A frame as CR3 names it: 32-bit guests have its bits above 4 GiB rotated into the low ones (xen_pfn_to_cr3). */
function cr3(width: PvWidth, mfn: number): bigint {
  const address = BigInt(mfn) << 12n;
  return width === 64 ? address : BigInt.asUintN(32, address | (BigInt(mfn) >> 20n));
}
