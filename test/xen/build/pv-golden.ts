import { BASE, type KernelRecipe } from './pv-guest.ts';

/** A guest that libxenguest built too: what it left in memory is in pv-libxenguest.json, by name. */
export interface GoldenGuest {
  readonly name: string;
  readonly recipe: KernelRecipe;
  readonly ramdiskBytes: number | null;
  readonly mib: number;
  readonly cmdline: string;
}

const linux: KernelRecipe = { initP2m: 0x8000000000n, findsUnmappedRamdisk: true, hypercallPage: 0x101000 };

export const goldenGuests: readonly GoldenGuest[] = [
  { name: 'plain', recipe: {}, ramdiskBytes: 5000, mib: 9, cmdline: 'root=/dev/xvda ro' },
  { name: 'like Linux', recipe: linux, ramdiskBytes: 70_001, mib: 67, cmdline: 'console=hvc0' },
  { name: 'like Linux, 1200 MiB, no ramdisk', recipe: linux, ramdiskBytes: null, mib: 1200, cmdline: '' },
  {
    name: 'list of frames just below the kernel',
    recipe: { initP2m: BASE[64] - 0x400000n, virtBase: BASE[64], start: 0 },
    ramdiskBytes: 4096,
    mib: 33,
    cmdline: 'x',
  },
  {
    name: 'paddr offset, odd base',
    recipe: { virtBase: 0xffffffff80123000n, paddrOffset: 0xffffffff80123000n, size: 900_000 },
    ramdiskBytes: 1_000_000,
    mib: 16,
    cmdline: 'x',
  },
  { name: '32-bit', recipe: { bits: 32, hypercallPage: 0x100000 }, ramdiskBytes: 5000, mib: 128, cmdline: 'ro' },
  {
    name: '32-bit, low, unmapped ramdisk',
    recipe: { bits: 32, virtBase: 0x40000000n, findsUnmappedRamdisk: true },
    ramdiskBytes: 5000,
    mib: 10,
    cmdline: 'ro',
  },
];

/** The machine frames that the recorded guests had: whole 2 MiB downwards, then single frames out of order. */
export function machineFrames(mib: number): Uint32Array {
  const pages = mib * 256;
  const whole = pages - (pages % 512);
  return Uint32Array.from({ length: pages }, (_, pfn) =>
    pfn < whole ? 0x800000 - (pfn - (pfn % 512)) + (pfn % 512) : 0xa00000 + (pfn ^ 0x155),
  );
}
