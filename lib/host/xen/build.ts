import { XlError } from '../../base/error.ts';
import type { BuildDomain, HypercallResult } from '../../plan/hypercall.ts';
import type { Filled } from '../../run/fill.ts';
import { E820_TYPE, type BuildPlan } from '../../xen/build/build-plan.ts';
import { guestCpuid } from '../../xen/build/cpu-policy.ts';
import { readElf } from '../../xen/build/elf.ts';
import { buildHvm } from '../../xen/build/hvm.ts';
import { roundUp } from '../../xen/build/pack.ts';
import { DEFAULT_PLATFORM } from '../../xen/build/platform.ts';
import type { GuestConfig } from '../../xen/build/guest.ts';
import { buildPvh } from '../../xen/build/pvh.ts';
import { draftPv, finishPv } from '../../xen/build/pv.ts';
import { readPvKernel } from '../../xen/build/pv-kernel.ts';
import { readBios } from './firmware.ts';
import * as hypercalls from './hypercalls.ts';
import { readImage, readKernel } from './kernel-image.ts';
import { machineFrame, replay, sharedInfoFrame, type Building } from './replay.ts';
import type { Xen } from './version.ts';

type Build = Filled<BuildDomain>;

/** The domain in which xenstored and xenconsoled run. */
const DOM0 = 0;
/** `tsc_mode="default"`: Xen emulates the counter only where it must (xen/arch/x86/include/asm/time.h). */
const TSC_DEFAULT = 0;
/** The pool for page tables is counted in pages. */
const PAGING_UNIT = 4096;

/**
 * Fills a new domain's memory and sets its first vcpu's registers: reads what it boots, has lib/xen/build plan where all
 * of it goes, and does so. Result: the frames of its rings, as xenstored and the nodes want them.
 */
export async function buildDomain(call: Build, xen: Xen, signal: AbortSignal): Promise<HypercallResult> {
  switch (call.type) {
    case 'pv':
      return buildPv(call, xen, signal);
    case 'pvh':
    case 'hvm':
      return buildTranslated(call, xen, signal);
  }
}

async function buildPv(call: Build, xen: Xen, signal: AbortSignal): Promise<HypercallResult> {
  const domid = Number(call.domid);
  const [kernel, ramdisk] = await Promise.all([readKernel(required(call.image), signal), readOptional(call.ramdisk)]);
  const draft = draftPv(readPvKernel(readElf(kernel)), {
    ramdisk,
    targetKiB: call.targetKiB,
    cmdline: call.cmdline ?? '',
    storePort: Number(call.storePort),
    consolePort: Number(call.consolePort),
  });
  const mfns = new Uint32Array(draft.layout.total);
  const guest: Building = { xen, domid, mfns };
  const memoryMap = [{ address: 0, size: call.maxKiB * 1024, type: E820_TYPE.ram }];
  hypercalls.setMemoryMap(xen, domid, memoryMap);
  hypercalls.setTscMode(xen, domid, TSC_DEFAULT);
  setCpuid(call, xen);
  await replay(draft.steps, guest, signal);
  const plan = finishPv(draft, { mfns, sharedInfoMfn: sharedInfoFrame(guest) });
  await replay(plan.steps, guest, signal);
  return rings(plan, guest);
}

async function buildTranslated(call: Build, xen: Xen, signal: AbortSignal): Promise<HypercallResult> {
  const domid = Number(call.domid);
  const guest: Building = { xen, domid, mfns: null };
  // Planned before anything is touched: whatever is wrong with the files shows here.
  const plan = await planTranslated(call, signal);
  hypercalls.setTscMode(xen, domid, TSC_DEFAULT);
  hypercalls.setPagingMempool(xen, domid, roundUp(call.pagingKiB * 1024, PAGING_UNIT));
  setCpuid(call, xen);
  await replay(plan.steps, guest, signal);
  return rings(plan, guest);
}

/** What the guest's CPUID answers, of what this Xen offers guests of its kind; the MSRs stay Xen's defaults. */
function setCpuid({ domid, type, nested, pae }: Build, xen: Xen): void {
  const translated = type !== 'pv';
  const offered = hypercalls.offeredCpuPolicy(xen, translated ? 'hvm_default' : 'pv_default');
  const host = hypercalls.offeredCpuPolicy(xen, 'host');
  const leaves = guestCpuid(offered.leaves, host.leaves, { translated, nested, pae });
  hypercalls.setCpuPolicy(xen, Number(domid), { leaves, msrs: [] });
}

async function planTranslated(call: Build, signal: AbortSignal): Promise<BuildPlan> {
  const { targetKiB, maxKiB, videoKiB, cmdline } = call;
  const config: GuestConfig = {
    memory: { targetKiB, maxKiB, videoKiB },
    vcpus: { max: call.vcpus, online: call.onlineVcpus },
    store: { port: Number(call.storePort), domid: DOM0 },
    console: { port: Number(call.consolePort), domid: DOM0 },
    platform: DEFAULT_PLATFORM,
  };
  if (call.type === 'hvm') {
    const [loader, bios] = await Promise.all([readImage(required(call.image)), readBios(call.firmware)]);
    return buildHvm({ ...config, loader, bios, apic: call.apic, mmioHoleKiB: null });
  }
  const [kernel, ramdisk] = await Promise.all([readKernel(required(call.image), signal), readOptional(call.ramdisk)]);
  const modules = ramdisk === null ? [] : [{ what: 'ramdisk', bytes: ramdisk, cmdline: null }];
  return buildPvh({ ...config, kernel, cmdline, modules });
}

const rings = (plan: { readonly storeGfn: number; readonly consoleGfn: number }, guest: Building): HypercallResult => ({
  'store-gfn': String(machineFrame(plan.storeGfn, guest)),
  'console-gfn': String(machineFrame(plan.consoleGfn, guest)),
});

const readOptional = async (path: string | null): Promise<Uint8Array | null> =>
  path === null ? null : readImage(path);

/** Resolution has found one, or refused the configuration. */
function required(image: string | null): string {
  if (image !== null) return image;
  throw new XlError('no-kernel', 'the domain has nothing to boot', { hint: 'name a kernel with kernel=' });
}
