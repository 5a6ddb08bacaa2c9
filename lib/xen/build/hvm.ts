import { XlError } from '../../base/error.ts';
import { PAGE_SIZE, type BuildPlan } from './build-plan.ts';
import { readElf } from './elf.ts';
import { assertVcpus, type GuestConfig } from './guest.ts';
import { firstVcpu } from './hvm-context.ts';
import { hvmInfoStep } from './hvm-info.ts';
import { assertFits, loadBytes, loadImage } from './load.ts';
import { FOUR_GIB, HVM_HOLE_START, physicalMap, populateSteps, ramEntries } from './physical-map.ts';
import { platformSteps } from './platform.ts';
import { channelSteps, CONSOLE_GFN, specialPageSteps, STORE_GFN } from './special-pages.ts';
import { startInfoStep } from './start-info.ts';

export interface HvmConfig extends GuestConfig {
  /** hvmloader: a 32-bit ELF image. */
  readonly loader: Uint8Array;
  /** SeaBIOS or OVMF, which hvmloader puts where the CPU expects a BIOS. */
  readonly bios: Uint8Array;
  readonly apic: boolean;
  /** `mmio_hole=`: the least room below 4 GiB for devices; null for 256 MiB. */
  readonly mmioHoleKiB: number | null;
}

/** hvmloader keeps the first MiB for itself; the memory map that it starts from has RAM above. */
const RAM_START = 0x100000;

/**
 * The plan of an HVM guest: hvmloader started with the BIOS as a module, which then makes the PC. Memory comes out as
 * libxenguest 4.17 makes it, RAM populated in runs as long as they get. Not done: tables of the user's own
 * (`acpi_firmware=`, `smbios_firmware=`). Errors: those of elf.ts and load.ts, `loader-not-32-bit`, `too-many-vcpus`,
 * `memory-size`.
 */
export function buildHvm(config: HvmConfig): BuildPlan {
  const { memory, vcpus, loader, bios, apic, mmioHoleKiB } = config;
  assertVcpus(vcpus);
  const image = readElf(loader);
  if (image.bits !== 32) {
    throw new XlError('loader-not-32-bit', 'the firmware is a 64-bit image, and an HVM guest starts in 32-bit mode', {
      hint: 'hvmloader is such an image; a kernel is started directly with type="pvh"',
    });
  }

  // From 1 MiB up: hvmloader, the BIOS, start info. RAM ends where the hole for devices begins; behind 4 GiB it goes on.
  const holeStart = Math.min(HVM_HOLE_START, FOUR_GIB - (mmioHoleKiB ?? 0) * 1024);
  const map = physicalMap(memory, holeStart);
  const entry = Number(image.entry);
  const loaderAt = loadImage('hvmloader', image, entry);
  const biosAt = loadBytes('BIOS', bios, loaderAt.nextGfn);
  const { low, high } = ramEntries(map, RAM_START);
  const memoryMap = [low, ...high];
  const startInfo = startInfoStep(biosAt.nextGfn, {
    cmdline: null,
    rsdp: 0,
    modules: [{ address: biosAt.step.gfn * PAGE_SIZE, size: bios.length, cmdline: 'firmware' }],
    memoryMap,
  });
  const loads = [loaderAt.step, biosAt.step, startInfo];
  assertFits(loads, map);
  return {
    steps: [
      ...platformSteps('hvm', config.platform),
      ...populateSteps(map, { vgaHole: true }),
      { do: 'set-memory-map', entries: memoryMap },
      ...loads,
      ...specialPageSteps({ deviceModel: true }),
      hvmInfoStep({ map, vcpus, apic }),
      ...channelSteps(config.store, config.console),
      {
        do: 'set-hvm-context',
        cpu: firstVcpu({ entry, startInfo: startInfo.gfn * PAGE_SIZE }),
        // hvmloader sets the MTRRs itself.
        mtrrVcpus: 0,
      },
    ],
    storeGfn: STORE_GFN,
    consoleGfn: CONSOLE_GFN,
  };
}
