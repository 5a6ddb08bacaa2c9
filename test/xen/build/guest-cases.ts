import { readFileSync } from 'node:fs';
import type { HvmConfig } from '../../../lib/xen/build/hvm.ts';
import { DEFAULT_PLATFORM } from '../../../lib/xen/build/platform.ts';
import type { PvhConfig } from '../../../lib/xen/build/pvh.ts';
import { makeElf, type NoteRecipe } from './make-elf.ts';

/** A guest, as our builders are told of it and as xl.cfg says it: what both make of it is compared. */
export type GuestCase =
  | { readonly name: string; readonly type: 'pvh'; readonly config: PvhConfig; readonly keys?: Keys }
  | { readonly name: string; readonly type: 'hvm'; readonly config: HvmConfig; readonly keys?: Keys };
type Keys = Readonly<Record<string, string | number>>;

/** The event channels are those that the pretend hypervisor of the recordings gives out. */
const channels = { store: { port: 10, domid: 0 }, console: { port: 11, domid: 0 } };
const common = { ...channels, platform: DEFAULT_PLATFORM };
const memory = (mib: number, maxMib = mib, videoMib = 0) => ({
  targetKiB: mib * 1024,
  maxKiB: maxMib * 1024,
  videoKiB: videoMib * 1024,
});
const vcpus = (max: number) => ({ max, online: max });

/** Bytes that are all different enough: a small generator with a fixed start. */
export function noise(size: number, seed: number): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length: size }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 16) & 0xff;
  });
}

const PHYS32_ENTRY = 18;
const GUEST_OS = 6;
const SUPPORTED_FEATURES = 17;
const MOD_START_PFN = 16;
const kernel = (...notes: readonly NoteRecipe[]) =>
  makeElf({
    entry: 0xffffffff81000000n,
    segments: [
      { physical: 0x1000000n, bytes: noise(70_000, 1) },
      { physical: 0x1020000n, bytes: noise(9_000, 2), memorySize: 200_000 },
    ],
    notes: [{ type: PHYS32_ENTRY, value: 0x1000370 }, ...notes],
  });
const unikernel = makeElf({
  bits: 32,
  segments: [{ physical: 0x100000n, bytes: noise(5_000, 3), memorySize: 50_000 }],
  notes: [{ type: PHYS32_ENTRY, value: 0x100020n }],
  notesIn: 'section',
});
const shim = kernel();
const oldLinux = kernel({ type: GUEST_OS, value: 'linux' });
const linux = kernel(
  { type: GUEST_OS, value: 'linux' },
  { type: SUPPORTED_FEATURES, value: 1 << 15 },
  { type: MOD_START_PFN, value: 1n },
);
const loader = makeElf({
  bits: 32,
  entry: 0x100000n,
  segments: [{ physical: 0x100000n, bytes: noise(20_000, 4), memorySize: 60_000 }],
});
const ramdisk = { what: 'ramdisk', bytes: noise(30_001, 5), cmdline: null };
const hvm = { ...common, loader, bios: noise(0x10000, 6), apic: true, mmioHoleKiB: null };

export const GUEST_CASES: readonly GuestCase[] = [
  {
    name: 'pvh-small',
    type: 'pvh',
    config: { ...common, memory: memory(64), vcpus: vcpus(1), kernel: unikernel, cmdline: null, modules: [] },
  },
  {
    name: 'pvh-linux',
    type: 'pvh',
    config: {
      ...common,
      memory: memory(303),
      vcpus: vcpus(3),
      kernel: linux,
      cmdline: 'console=hvc0 root=/dev/xvda1',
      modules: [ramdisk],
    },
  },
  {
    name: 'pvh-old-linux',
    type: 'pvh',
    config: {
      ...common,
      memory: memory(1025),
      vcpus: vcpus(2),
      kernel: oldLinux,
      cmdline: 'quiet',
      modules: [ramdisk],
    },
  },
  {
    name: 'pvh-large',
    type: 'pvh',
    config: { ...common, memory: memory(6001), vcpus: vcpus(128), kernel: linux, cmdline: '', modules: [] },
  },
  {
    name: 'pvh-on-demand',
    type: 'pvh',
    config: { ...common, memory: memory(256, 1024), vcpus: vcpus(2), kernel: linux, cmdline: 'x', modules: [ramdisk] },
  },
  {
    // The PV shim is the kernel, and what it starts the first module.
    name: 'pvh-within-shim',
    type: 'pvh',
    config: {
      ...common,
      memory: memory(256),
      vcpus: vcpus(2),
      kernel: shim,
      cmdline: 'pv-shim console=xen,pv',
      modules: [{ what: 'inner kernel', bytes: noise(40_000, 9), cmdline: 'root=/dev/xvda1 quiet' }, ramdisk],
    },
    keys: { pvshim: 1 },
  },
  { name: 'hvm-small', type: 'hvm', config: { ...hvm, memory: memory(72, 72, 8), vcpus: vcpus(1) } },
  { name: 'hvm-large', type: 'hvm', config: { ...hvm, memory: memory(6001, 6001, 8), vcpus: vcpus(7) } },
  { name: 'hvm-on-demand', type: 'hvm', config: { ...hvm, memory: memory(512, 2048, 8), vcpus: vcpus(128) } },
  {
    name: 'hvm-wide-hole',
    type: 'hvm',
    config: { ...hvm, memory: memory(4096, 4096, 8), vcpus: vcpus(2), mmioHoleKiB: 2048 * 1024 },
    keys: { mmio_hole: 2048 },
  },
  {
    name: 'hvm-late-vcpus',
    type: 'hvm',
    config: {
      ...hvm,
      memory: memory(128, 128, 8),
      vcpus: { max: 9, online: 2 },
      apic: false,
      platform: { ...DEFAULT_PLATFORM, hpet: false, vptAlign: false, timerMode: 3, viridian: 0x1865 },
    },
    keys: { apic: 0, hpet: 0, vpt_align: 0, timer_mode: '"one_missed_tick_pending"', viridian: 1 },
  },
];

/** Images of Debian's xen-utils-4.17 (4.17.7+13-g2445b30a44) and seabios (1.16.2) that recordings were made with. */
export const IMAGES = [
  {
    path: '/usr/lib/xen-4.17/boot/xen-shim',
    sha256: '60d67575c7ee63a3eefba17dfe71012da10521ab72a044c3625ab03bea818a8f',
  },
  {
    path: '/usr/lib/xen-4.17/boot/hvmloader',
    sha256: 'f32f77bd04af03bce520dddf52e7a47c3271e1bd60580e272ef001c70b3662a1',
  },
  {
    path: '/usr/share/seabios/bios-256k.bin',
    sha256: '2da2018c7555e50b660a84a273a14a79cb87b9070fe6a90e9f151a53e357f7e6',
  },
] as const;

/** Guests with these images, which must be there. */
export function imageCases(): GuestCase[] {
  const [shim, hvmloader, bios] = IMAGES.map(({ path }) => readFileSync(path));
  return [
    {
      name: 'pvh-xen-shim',
      type: 'pvh',
      config: {
        ...common,
        memory: memory(512),
        vcpus: vcpus(2),
        kernel: shim!,
        cmdline: 'console=xen,pv',
        modules: [ramdisk],
      },
    },
    {
      name: 'hvm-seabios',
      type: 'hvm',
      config: { ...hvm, memory: memory(1024, 1024, 8), vcpus: vcpus(4), loader: hvmloader!, bios: bios! },
    },
  ];
}
