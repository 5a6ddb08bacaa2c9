import type { cpuidLeaf } from '../abi/domctl-structs.ts';
import type { StructValue } from '../abi/layout.ts';

/** What CPUID answers for one leaf; `subleaf` is 0xffffffff where a leaf has none. */
export type CpuidLeaf = StructValue<typeof cpuidLeaf.fields>;

/** What of a guest's configuration shows in its CPUID. */
export interface CpuChoices {
  /** Whether Xen translates the guest's memory: PVH and HVM. */
  readonly translated: boolean;
  /** `nestedhvm=`: the guest may run virtual machines. */
  readonly nested: boolean;
  /** `pae=` of an HVM guest. */
  readonly pae: boolean;
}

const FEATURES = 1;
const CACHES = 4;
const MORE_FEATURES = 0x80000001;
const SIZES = 0x80000008;
/** Bits of leaf 1's ecx and edx, of leaf 0x80000001's ecx and edx (SDM volume 2, CPUID; APM volume 3, appendix E). */
const VMX = 5;
const PAE = 6;
const HTT = 28;
const CMP_LEGACY = 1;
const SVM = 2;
/** An invariant counter, leaf 0x80000007's edx. */
const POWER = 0x80000007;
const ITSC = 8;

/**
 * A guest's CPUID, made of the one that Xen offers guests of its kind (`hvm_default`, `pv_default`), as libxenguest makes
 * it (xg_cpuid_x86.c:xc_cpuid_apply_policy). A translated guest is to see as many cores as it has vcpus and no threads:
 * APIC ids are twice the vcpus' numbers, so all counts of ids are doubled. A PV guest sees through to the host's
 * topology whatever Xen says, so the two bits that tell how to read it are the host's. `host` is that policy.
 */
export function guestCpuid(
  offered: readonly CpuidLeaf[],
  host: readonly CpuidLeaf[],
  choices: CpuChoices,
): CpuidLeaf[] {
  // The guest may be moved to another host, whose counter runs at another rate.
  const movable = mapLeaf(offered, POWER, (leaf) => ({ ...leaf, d: withBit(leaf.d, ITSC, false) }));
  return choices.translated ? translated(movable, choices) : paravirtual(movable, host);
}

function paravirtual(leaves: readonly CpuidLeaf[], host: readonly CpuidLeaf[]): CpuidLeaf[] {
  const hostBit = (leaf: number, register: 'c' | 'd', bit: number) =>
    host.some((candidate) => candidate.leaf === leaf && hasBit(candidate[register], bit));
  const first = mapLeaf(leaves, FEATURES, (leaf) => ({
    ...leaf,
    d: withBit(leaf.d, HTT, hostBit(FEATURES, 'd', HTT)),
  }));
  return mapLeaf(first, MORE_FEATURES, (leaf) => ({
    ...leaf,
    c: withBit(leaf.c, CMP_LEGACY, hostBit(MORE_FEATURES, 'c', CMP_LEGACY)),
  }));
}

function translated(leaves: readonly CpuidLeaf[], { nested, pae }: CpuChoices): CpuidLeaf[] {
  const vendor = vendorOf(leaves);
  return leaves.map((leaf) => {
    switch (leaf.leaf) {
      case FEATURES:
        return {
          ...leaf,
          b: doubledIds(leaf.b),
          c: withBit(leaf.c, VMX, nested),
          d: withBit(withBit(leaf.d, PAE, pae), HTT, true),
        };
      case CACHES:
        return vendor === 'intel' ? { ...leaf, a: doubledCores(leaf.a) } : leaf;
      case MORE_FEATURES:
        return { ...leaf, c: withBit(withBit(leaf.c, SVM, nested), CMP_LEGACY, false) };
      case SIZES:
        return vendor === 'amd' ? { ...leaf, c: doubledThreads(leaf.c) } : leaf;
      default:
        return leaf;
    }
  });
}

/** Leaf 1, ebx[23:16]: ids that the package has room for. */
function doubledIds(ebx: number): number {
  const ids = (ebx >>> 16) & 0xff;
  return (ids & 0x80) === 0 ? setBits(ebx, 16, 8, ids * 2) : ebx;
}

/** Leaf 4, eax: [31:26] the largest core's id within the package, [25:14] the largest thread's that shares the cache; type 0 ends the list. */
function doubledCores(eax: number): number {
  if ((eax & 0x1f) === 0) return eax;
  const cores = (eax >>> 26) & 0x3f;
  return setBits(setBits(eax, 26, 6, (cores << 1) | 1), 14, 12, 0);
}

/** Leaf 0x80000008, ecx: [15:12] how many bits of an id count cores, 0 for no such say; [7:0] threads less one. */
function doubledThreads(ecx: number): number {
  const threads = ecx & 0xff;
  if (threads >= 0x7f) return ecx;
  const idBits = (ecx >>> 12) & 0xf;
  const wider = idBits === 0 || idBits === 0xf ? idBits : idBits + 1;
  return setBits(setBits(ecx, 12, 4, wider), 0, 8, (threads << 1) | 1);
}

/** The first four letters of the name in leaf 0: "Genu", "Auth", and "Hygo", whose CPUs are AMD's. */
const VENDORS: ReadonlyMap<number, 'intel' | 'amd'> = new Map([
  [0x756e6547, 'intel'],
  [0x68747541, 'amd'],
  [0x6f677948, 'amd'],
]);
const vendorOf = (leaves: readonly CpuidLeaf[]) => VENDORS.get(leaves.find(({ leaf }) => leaf === 0)?.b ?? 0);

const mapLeaf = (leaves: readonly CpuidLeaf[], number: number, change: (leaf: CpuidLeaf) => CpuidLeaf): CpuidLeaf[] =>
  leaves.map((leaf) => (leaf.leaf === number ? change(leaf) : leaf));

const hasBit = (word: number, bit: number): boolean => ((word >>> bit) & 1) === 1;
const withBit = (word: number, bit: number, value: boolean): number => setBits(word, bit, 1, Number(value));

/** The word with `width` bits from `low` on replaced; what does not fit is cut off. */
function setBits(word: number, low: number, width: number, value: number): number {
  const mask = (2 ** width - 1) * 2 ** low;
  return ((word & ~mask) | ((value * 2 ** low) & mask)) >>> 0;
}
