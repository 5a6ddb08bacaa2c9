import { XlError } from '../../base/error.ts';
import { decode, encode } from '../abi/codec.ts';
import { array, bytes, sizeOf, struct } from '../abi/layout.ts';
import type { HvmContextStep } from './build-plan.ts';
import { pack } from './pack.ts';

/** The head of each record in an HVM context (public/hvm/save.h); `length` is of what follows. */
const hvmSaveDescriptor = struct('struct hvm_save_descriptor', { typecode: 'u16', instance: 'u16', length: 'u32' });
/** Types of records (public/arch-x86/hvm/save.h). */
const RECORD = { END: 0, HEADER: 1, CPU: 2, MTRR: 14 } as const;

/** A vcpu of an HVM or PVH guest (public/arch-x86/hvm/save.h). */
export const hvmHwCpu = struct('struct hvm_hw_cpu', {
  fpu_regs: bytes(512),
  ...fields('u64', 'rax rbx rcx rdx rbp rsi rdi rsp r8 r9 r10 r11 r12 r13 r14 r15 rip rflags'),
  ...fields('u64', 'cr0 cr2 cr3 cr4 dr0 dr1 dr2 dr3 dr6 dr7'),
  ...fields('u32', 'cs_sel ds_sel es_sel fs_sel gs_sel ss_sel tr_sel ldtr_sel'),
  ...fields('u32', 'cs_limit ds_limit es_limit fs_limit gs_limit ss_limit tr_limit ldtr_limit idtr_limit gdtr_limit'),
  ...fields('u64', 'cs_base ds_base es_base fs_base gs_base ss_base tr_base ldtr_base idtr_base gdtr_base'),
  ...fields('u32', 'cs_arbytes ds_arbytes es_arbytes fs_arbytes gs_arbytes ss_arbytes tr_arbytes ldtr_arbytes'),
  ...fields('u64', 'sysenter_cs sysenter_esp sysenter_eip shadow_gs'),
  ...fields('u64', 'msr_flags msr_lstar msr_star msr_cstar msr_syscall_mask msr_efer msr_tsc_aux tsc'),
  ...fields('u32', 'pending_event error_code flags pad0'),
});
/** A vcpu's memory types (public/arch-x86/hvm/save.h). */
const hvmHwMtrr = struct('struct hvm_hw_mtrr', {
  msr_pat_cr: 'u64',
  msr_mtrr_var: array('u64', 16),
  msr_mtrr_fixed: array('u64', 11),
  msr_mtrr_cap: 'u64',
  msr_mtrr_def_type: 'u64',
});
/** MTRRs on; memory that none of them names is write-back. */
const MTRR_WRITE_BACK = (1n << 11n) | 6n;

/**
 * The first vcpu as the PVH start ABI wants it (docs/misc/pvh.pandoc): 32-bit protected mode without paging, flat
 * segments, ebx the physical address of the start info.
 */
export function firstVcpu({ entry, startInfo }: { readonly entry: number; readonly startInfo: number }): Uint8Array {
  const flat = 0xffffffff;
  return encode(hvmHwCpu, {
    cs_limit: flat,
    ds_limit: flat,
    es_limit: flat,
    ss_limit: flat,
    tr_limit: 0x67,
    // Present and accessed: 4 GiB code, 4 GiB data, a busy 32-bit TSS.
    cs_arbytes: 0xc9b,
    ds_arbytes: 0xc93,
    es_arbytes: 0xc93,
    ss_arbytes: 0xc93,
    tr_arbytes: 0x8b,
    // Protected mode, and the coprocessor bit that is always set.
    cr0: 0x11n,
    rip: BigInt(entry),
    rbx: BigInt(startInfo),
    // As after a reset.
    dr6: 0xffff0ff0n,
    dr7: 0x400n,
  });
}

/**
 * The contexts that sethvmcontext takes, in this order: each stops all vcpus and starts those that it names, so the first
 * vcpu comes last. `current` is what gethvmcontext answered. Error: `hvm-context` where that lacks a record.
 */
export function contextsToSet({ cpu, mtrrVcpus }: HvmContextStep, current: Uint8Array): Uint8Array[] {
  const records = recordsIn(current);
  const find = (typecode: number, what: string) => {
    const found = records.find((candidate) => candidate.typecode === typecode && candidate.instance === 0);
    if (found === undefined) throw new XlError('hvm-context', `Xen's context of the domain has no ${what} record`);
    return found.bytes;
  };
  const header = record(RECORD.HEADER, 0, find(RECORD.HEADER, 'header'));
  const end = record(RECORD.END, 0, new Uint8Array());
  const mtrr = () =>
    encode(hvmHwMtrr, { ...decode(hvmHwMtrr, find(RECORD.MTRR, 'MTRR')), msr_mtrr_def_type: MTRR_WRITE_BACK });
  const mtrrs = Array.from({ length: mtrrVcpus }, (_, vcpu) => pack(header, record(RECORD.MTRR, vcpu, mtrr()), end));
  return [...mtrrs, pack(header, record(RECORD.CPU, 0, cpu), end)];
}

interface SaveRecord {
  readonly typecode: number;
  readonly instance: number;
  readonly bytes: Uint8Array;
}

/** The records up to the end's; what is cut off is not there. */
function recordsIn(context: Uint8Array): SaveRecord[] {
  const records: SaveRecord[] = [];
  const head = sizeOf(hvmSaveDescriptor);
  let at = 0;
  while (at + head <= context.length) {
    const { typecode, instance, length } = decode(hvmSaveDescriptor, context.subarray(at));
    const next = at + head + length;
    if (typecode === RECORD.END || next > context.length) break;
    records.push({ typecode, instance, bytes: context.subarray(at + head, next) });
    at = next;
  }
  return records;
}

function record(typecode: number, instance: number, content: Uint8Array): Uint8Array {
  return pack(encode(hvmSaveDescriptor, { typecode, instance, length: content.length }), content);
}

/** Fields of one type, their names as a list of words. */
function fields<const T extends 'u32' | 'u64', const Names extends string>(
  type: T,
  names: Names,
): Record<Word<Names>, T> {
  return Object.fromEntries(names.split(' ').map((name) => [name, type])) as Record<Word<Names>, T>;
}
type Word<Names extends string> = Names extends `${infer First} ${infer Rest}` ? First | Word<Rest> : Names;
