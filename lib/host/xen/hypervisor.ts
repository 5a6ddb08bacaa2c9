import { unreachable } from '../../base/error.ts';
import type { CreateDomain, Hypercall, HypercallResult } from '../../plan/hypercall.ts';
import type { Filled } from '../../run/fill.ts';
import type { FilledHypercall, Hypervisor } from '../../run/ports.ts';
import { X86_EMU } from '../../xen/abi/domctl-structs.ts';
import { buildDomain } from './build.ts';
import type { DomidHistory } from './domid-history.ts';
import * as hypercalls from './hypercalls.ts';
import type { Xen } from './version.ts';

/** Answers a plan's hypercalls by the real hypervisor's. */
export function xenHypervisor(xen: Xen, history: DomidHistory): Hypervisor {
  // Of a plan's calls, `perform` gets only those that this program's planners make.
  return { call: (filled: FilledHypercall, signal) => perform(filled as Filled<Hypercall>, xen, history, signal) };
}

async function perform(
  call: Filled<Hypercall>,
  xen: Xen,
  history: DomidHistory,
  signal: AbortSignal,
): Promise<HypercallResult> {
  signal.throwIfAborted();
  switch (call.op) {
    case 'createdomain':
      return { domid: String(await createDomain(call, xen, history, signal)) };
    case 'destroydomain':
      if (call.uuid !== undefined && !hasUuid(domidOf(call), call.uuid, xen)) return {};
      await destroyDomain(domidOf(call), xen, history, signal);
      return {};
    case 'destroy_unbuilt':
      for (const { domid, uuid, pages } of hypercalls.listDomains(xen)) {
        if (uuid === call.uuid && pages === 0) await destroyDomain(domid, xen, history, signal);
      }
      return {};
    case 'getdomaininfo':
      return domainInfo(domidOf(call), xen);
    case 'max_vcpus':
      hypercalls.setMaxVcpus(xen, domidOf(call), call.max);
      return {};
    case 'max_mem':
      hypercalls.setMaxMem(xen, domidOf(call), call.maxKiB);
      return {};
    case 'set_pod_target':
      hypercalls.setPodTarget(xen, domidOf(call), Math.floor(call.targetKiB / KIB_PER_PAGE));
      return {};
    case 'evtchn_alloc_unbound':
      return { port: String(hypercalls.allocUnbound(xen, domidOf(call), call.remoteDomid)) };
    case 'build':
      return buildDomain(call, xen, signal);
    case 'setdomainhandle':
      hypercalls.setHandle(xen, domidOf(call), call.uuid);
      return {};
    case 'pausedomain':
      hypercalls.pauseDomain(xen, domidOf(call));
      return {};
    case 'unpausedomain':
      hypercalls.unpauseDomain(xen, domidOf(call));
      return {};
    case 'setvcpuaffinity':
      setAffinity(call, xen);
      return {};
    case 'sendtrigger':
      hypercalls.sendTrigger(xen, domidOf(call), call.trigger);
      return {};
    default:
      return unreachable(call);
  }
}

function setAffinity(call: Filled<Extract<Hypercall, { op: 'setvcpuaffinity' }>>, xen: Xen): void {
  const { vcpu, hard, soft, force } = call;
  const masks = { ...(hard === null ? {} : { hard }), ...(soft === null ? {} : { soft }) };
  if (hard === null && soft === null) return;
  hypercalls.setVcpuAffinity(xen, domidOf(call), vcpu, { ...masks, force }, hypercalls.physinfo(xen).maxCpuId + 1);
}

const hasUuid = (domid: number, uuid: string, xen: Xen): boolean => hypercalls.getDomainInfo(xen, domid)?.uuid === uuid;

function domainInfo(domid: number, xen: Xen): HypercallResult {
  const info = hypercalls.getDomainInfo(xen, domid);
  if (info === null) return {};
  const { uuid, flags, shutdownReason } = info;
  return { uuid, dying: flags.dying ? '1' : '0', shutdown: shutdownReason === null ? '' : String(shutdownReason) };
}

const KIB_PER_PAGE = 4;

/** SECINITSID_DOMU, the label of a guest that names none (libxl_create.c); Xen without a security policy ignores it. */
const GUEST_LABEL = 12;
/** Xen's own default for grant frames. */
const XENS_DEFAULT = -1;

/** A domain with a number that no other domain had lately: who still acts on that one must not hit the new one. */
async function createDomain(
  { uuid, maxVcpus, maxEvtchnPort, flags, emulationFlags }: Filled<CreateDomain>,
  xen: Xen,
  history: DomidHistory,
  signal: AbortSignal,
): Promise<number> {
  const { capabilities } = hypercalls.physinfo(xen);
  for (;;) {
    signal.throwIfAborted();
    const domid = hypercalls.createDomain(xen, {
      domid: null,
      uuid,
      flags,
      maxVcpus,
      maxEvtchnPort,
      maxGrantFrames: XENS_DEFAULT,
      maxMaptrackFrames: XENS_DEFAULT,
      // The newest that this Xen has, as libxl asks for.
      maxGrantVersion: capabilities.gnttab_v2 ? 2 : capabilities.gnttab_v1 ? 1 : 0,
      ssidref: GUEST_LABEL,
      emulation: EMULATION[emulationFlags],
    });
    if (!(await history.isRecent(domid))) return domid;
    // Xen counts on from here, so that the next one is another.
    await hypercalls.destroyDomain(xen, domid, signal);
  }
}

const EMULATION: Readonly<Record<CreateDomain['emulationFlags'], number>> = {
  'all-but-vpci': Object.values(X86_EMU).reduce((all, bit) => all | bit, 0) & ~X86_EMU.VPCI,
  lapic: X86_EMU.LAPIC,
  none: 0,
};

/** Noted before it dies, as libxl does: between the two nobody may take its number. One that is gone is fine. */
async function destroyDomain(domid: number, xen: Xen, history: DomidHistory, signal: AbortSignal): Promise<void> {
  await history.note(domid, signal);
  await hypercalls.destroyDomain(xen, domid, signal);
}

const domidOf = ({ domid }: { readonly domid: string }): number => Number(domid);
