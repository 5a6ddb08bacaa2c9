import { XlError } from '../../base/error.ts';
import { ACPI_BASE, acpiTables } from './acpi.ts';
import { PAGE_SIZE, type BuildPlan, type E820Entry } from './build-plan.ts';
import { dsdtAml } from './dsdt.ts';
import { readElf } from './elf.ts';
import { assertVcpus, type GuestConfig } from './guest.ts';
import { firstVcpu } from './hvm-context.ts';
import { assertFits, loadBytes, loadImage, type Loaded } from './load.ts';
import { physicalMap, populateSteps, ramEntries } from './physical-map.ts';
import { platformSteps } from './platform.ts';
import { channelSteps, CONSOLE_GFN, SPECIAL_PAGES, specialPageSteps, STORE_GFN } from './special-pages.ts';
import { MAX_MODULES, startInfoFrames, startInfoStep } from './start-info.ts';
import { describeNotes, FEATURE_RSDP_UNRESTRICTED, xenNotes, type XenNotes } from './xen-notes.ts';

export interface PvhConfig extends GuestConfig {
  /** An ELF image with a PHYS32_ENTRY note; out of a bzImage, what was packed in it. */
  readonly kernel: Uint8Array;
  readonly cmdline: string | null;
  /** A ramdisk; of a guest within the PV shim, its kernel first. At most two. */
  readonly modules: readonly PvhModule[];
}
export interface PvhModule {
  /** For people: `ramdisk`. */
  readonly what: string;
  /** Given as it is: Linux unpacks a gzipped ramdisk itself, which Xen before 4.18 did for it. */
  readonly bytes: Uint8Array;
  readonly cmdline: string | null;
}

/**
 * The plan of a PVH guest: its kernel started directly, in 32-bit mode without paging (docs/misc/pvh.pandoc). Memory comes
 * out as libxenguest and libxl 4.17 make it, but for what acpi.ts says and for these: RAM is populated in runs as long as
 * they get, not in 8 MiB; FreeBSD's symbol table (BSD_SYMTAB) is not loaded; an ELF image without notes is refused, where
 * libxenguest takes it for firmware. `aml` is the DSDT's. Errors: those of elf.ts, xen-notes.ts, load.ts;
 * `kernel-not-pvh`, `too-many-vcpus`, `too-many-modules`, `memory-size`, `cmdline-too-long`.
 */
export function buildPvh(config: PvhConfig, aml = dsdtAml(config.vcpus)): BuildPlan {
  const { memory, vcpus, kernel, cmdline, modules } = config;
  if (modules.length > MAX_MODULES) {
    throw new XlError('too-many-modules', `a PVH kernel can have ${MAX_MODULES} modules, not ${modules.length}`);
  }
  assertVcpus(vcpus);
  const image = readElf(kernel);
  const notes = xenNotes(image);
  if (notes.phys32Entry === null) {
    throw new XlError('kernel-not-pvh', 'the kernel cannot be started as PVH: it has no PHYS32_ENTRY note', {
      hint: `${describeNotes(image)}; Linux has it when built with CONFIG_PVH, and type="pv" needs ENTRY instead`,
    });
  }

  // RAM ends where the ACPI tables begin; behind 4 GiB it goes on.
  const map = physicalMap(memory, ACPI_BASE);
  const acpi = acpiTables({ vcpus, aml, lowRsdp: needsLowRsdp(notes) });
  const { low, high } = ramEntries(map, 0);
  const memoryMap: E820Entry[] = [low, SPECIAL_PAGES, ...acpi.entries, ...high];

  // From the bottom up: kernel, modules, start info. A kernel with MOD_START_PFN has its modules last.
  const kernelAt = loadImage('kernel', image, notes.phys32Entry);
  const modulesLast = notes.unmappedRamdisk;
  const firstModule = kernelAt.nextGfn + (modulesLast ? startInfoFrames(cmdline, memoryMap) : 0);
  const modulesAt = loadModules(modules, firstModule);
  const startInfoGfn = modulesLast ? kernelAt.nextGfn : (modulesAt.at(-1) ?? kernelAt).nextGfn;
  const startInfo = startInfoStep(startInfoGfn, {
    cmdline,
    rsdp: acpi.rsdp,
    modules: modulesAt.map(({ step }, index) => ({
      address: step.gfn * PAGE_SIZE,
      size: modules[index]!.bytes.length,
      cmdline: modules[index]!.cmdline,
    })),
    memoryMap,
  });
  const loads = [kernelAt.step, ...modulesAt.map(({ step }) => step), startInfo];
  assertFits(loads, map);
  return {
    steps: [
      ...platformSteps('pvh', config.platform),
      ...populateSteps(map, { vgaHole: false }),
      { do: 'set-memory-map', entries: memoryMap },
      ...loads,
      ...acpi.steps,
      ...specialPageSteps({ deviceModel: false }),
      ...channelSteps(config.store, config.console),
      {
        do: 'set-hvm-context',
        cpu: firstVcpu({ entry: notes.phys32Entry, startInfo: startInfoGfn * PAGE_SIZE }),
        mtrrVcpus: vcpus.max,
      },
    ],
    storeGfn: STORE_GFN,
    consoleGfn: CONSOLE_GFN,
  };
}

/** Each behind the one before. */
function loadModules(modules: readonly PvhModule[], firstGfn: number): Loaded[] {
  const all: Loaded[] = [];
  for (const { what, bytes } of modules) all.push(loadBytes(what, bytes, all.at(-1)?.nextGfn ?? firstGfn));
  return all;
}

/** Linux before 4.20 looked for the ACPI root in the BIOS's place only; a later one says that it need not. */
function needsLowRsdp({ guestOs, features }: XenNotes): boolean {
  return guestOs === 'linux' && !features.supported.has(FEATURE_RSDP_UNRESTRICTED);
}
