import { PAGE_SIZE } from './build-plan.ts';
import type { PvKernel } from './pv-kernel.ts';
import type { PvLayout } from './pv-layout.ts';
import { wordWriter } from './pv-start-info.ts';

/**
 * Offsets in struct vcpu_guest_context (public/arch-x86/xen.h) as a guest of that width has it, and the flat segments
 * that Xen's own descriptor table holds for its kernel (public/arch-x86/xen-x86_{32,64}.h).
 */
const LAYOUTS = {
  64: {
    size: 5168,
    flags: 512,
    si: 624,
    ip: 648,
    cs: 656,
    ipFlags: 664,
    sp: 672,
    ss: 680,
    dataSegments: [688, 696, 704, 712],
    kernelSs: 4968,
    kernelSp: 4976,
    cr3: 5008,
    dr6: 5096,
    dr7: 5104,
    vmAssist: 5136,
    codeSelector: 0xe033,
    stackSelector: 0xe02b,
    dataSelector: 0,
  },
  32: {
    size: 2800,
    flags: 512,
    si: 528,
    ip: 548,
    cs: 552,
    ipFlags: 556,
    sp: 560,
    ss: 564,
    dataSegments: [568, 572, 576, 580],
    kernelSs: 2708,
    kernelSp: 2712,
    cr3: 2728,
    dr6: 2772,
    dr7: 2776,
    vmAssist: 2796,
    codeSelector: 0xe019,
    stackSelector: 0xe021,
    dataSelector: 0xe021,
  },
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
 * The first vcpu as it enters the kernel, a struct vcpu_guest_context: at the entry, on the boot stack, RSI at the start
 * info, on the page tables whose top lies in machine frame `topMfn`.
 */
export function vcpuContext(kernel: PvKernel, layout: PvLayout, topMfn: number): Uint8Array {
  const at = LAYOUTS[kernel.width];
  const bytes = new Uint8Array(at.size);
  const data = new DataView(bytes.buffer);
  const word = wordWriter(data, kernel.width);
  const addressOf = (pfn: number) => kernel.virtBase + BigInt(pfn * PAGE_SIZE);
  const stackTop = addressOf(layout.bootStack + 1);
  word(at.flags, IN_KERNEL_AND_ONLINE);
  word(at.ip, kernel.entry);
  word(at.sp, stackTop);
  word(at.si, addressOf(layout.startInfo));
  word(at.ipFlags, INTERRUPTS_ON);
  data.setUint16(at.cs, at.codeSelector, true);
  data.setUint16(at.ss, at.stackSelector, true);
  for (const segment of at.dataSegments) data.setUint16(segment, at.dataSelector, true);
  word(at.kernelSs, at.stackSelector);
  word(at.kernelSp, stackTop);
  word(at.cr3, cr3(kernel.width, topMfn));
  word(at.dr6, DR6_RESET);
  word(at.dr7, DR7_RESET);
  if (kernel.width === 32) word(at.vmAssist, PAE_EXTENDED_CR3);
  return bytes;
}

/** A frame as CR3 names it: 32-bit guests have its bits above 4 GiB rotated into the low ones (xen_pfn_to_cr3). */
function cr3(width: PvKernel['width'], mfn: number): bigint {
  const address = BigInt(mfn) << 12n;
  return width === 64 ? address : BigInt.asUintN(32, address | (BigInt(mfn) >> 20n));
}
