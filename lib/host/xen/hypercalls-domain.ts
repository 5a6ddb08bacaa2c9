import { errnoNameOf } from '../../sys/sys.ts';
import { decodeAll } from '../../xen/abi/codec.ts';
import { handleOf, uuidOf } from '../../xen/abi/common.ts';
import { CDF, DOMINF, getdomaininfo, SENDTRIGGERS, X86_MSR_RELAXED } from '../../xen/abi/domctl-structs.ts';
import { encodeDomctl } from '../../xen/abi/domctl.ts';
import { DOMIDS } from '../../xen/abi/hypercall.ts';
import { sizeOf, type StructValue } from '../../xen/abi/layout.ts';
import { domctl, sysctl, withRoom } from './hypercalls-call.ts';
import type { Xen } from './version.ts';

// A domain's life: made, limited, paused, listed, destroyed (xen/include/public/domctl.h).

/** What a domain is made with; the numbers are libxl's choices, Xen has no defaults of its own. */
export interface NewDomain {
  /** Null lets Xen choose. A number that is taken is EEXIST. */
  readonly domid: number | null;
  readonly uuid: string;
  readonly flags: readonly (keyof typeof CDF)[];
  readonly maxVcpus: number;
  readonly maxEvtchnPort: number;
  /** -1: Xen's default. */
  readonly maxGrantFrames: number;
  readonly maxMaptrackFrames: number;
  /** The newest grant table version that the guest may use; 0 for none. */
  readonly maxGrantVersion: 0 | 1 | 2;
  readonly cpupool?: number;
  readonly ssidref?: number;
  /** Bits of `X86_EMU`. */
  readonly emulation: number;
  /** Accesses to MSRs that Xen does not know do nothing instead of faulting. */
  readonly relaxedMsrs?: boolean;
  /** XEN_DOMCTL_IOMMU_no_sharept. */
  readonly separateIommuTables?: boolean;
}

/** XEN_DOMCTL_createdomain: the new domain's number. It is paused, and has no memory and no vcpu. */
export function createDomain(xen: Xen, domain: NewDomain): number {
  const answer = domctl(xen, 'createdomain', domain.domid ?? DOMIDS.ANY, {
    ssidref: domain.ssidref ?? 0,
    handle: handleOf(domain.uuid),
    flags: domain.flags.reduce((bits, flag) => bits | CDF[flag], 0),
    iommu_opts: domain.separateIommuTables === true ? 1 : 0,
    max_vcpus: domain.maxVcpus,
    max_evtchn_port: domain.maxEvtchnPort,
    max_grant_frames: domain.maxGrantFrames,
    max_maptrack_frames: domain.maxMaptrackFrames,
    grant_opts: domain.maxGrantVersion,
    cpupool_id: domain.cpupool ?? 0,
    arch: {
      emulation_flags: domain.emulation,
      misc_flags: domain.relaxedMsrs === true ? X86_MSR_RELAXED : 0,
    },
  });
  return answer.domain;
}

/**
 * XEN_DOMCTL_destroydomain; false where there is no such domain. Xen gives a large guest's memory back for seconds, in
 * which the event loop runs, and may want to be asked again (EAGAIN): the signal is heard in between.
 */
export async function destroyDomain(xen: Xen, domid: number, signal: AbortSignal): Promise<boolean> {
  const call = encodeDomctl('destroydomain', domid, {}, xen.domctl);
  for (;;) {
    signal.throwIfAborted();
    try {
      await xen.privcmd.hypercallAsync('domctl', call, `domctl destroydomain of domain ${domid}`);
      return true;
    } catch (error) {
      const errno = errnoNameOf(error);
      if (errno === 'ESRCH') return false;
      if (errno !== 'EAGAIN') throw error;
    }
  }
}

/** XEN_DOMCTL_pausedomain. Counted by Xen: as many unpauses as pauses let it run again. */
export const pauseDomain = (xen: Xen, domid: number): void => void domctl(xen, 'pausedomain', domid, {});

/** XEN_DOMCTL_unpausedomain. EINVAL where it is not paused. */
export const unpauseDomain = (xen: Xen, domid: number): void => void domctl(xen, 'unpausedomain', domid, {});

/** XEN_DOMCTL_setdomainhandle: gives the domain another uuid. */
export const setHandle = (xen: Xen, domid: number, uuid: string): void =>
  void domctl(xen, 'setdomainhandle', domid, { handle: handleOf(uuid) });

/** XEN_DOMCTL_resumedomain: wakes a domain that has suspended. */
export const resumeDomain = (xen: Xen, domid: number): void => void domctl(xen, 'resumedomain', domid, {});

/** XEN_DOMCTL_max_mem: the most memory that the domain may have. */
export const setMaxMem = (xen: Xen, domid: number, kib: number): void =>
  void domctl(xen, 'max_mem', domid, { max_memkb: kib });

/** XEN_DOMCTL_max_vcpus: makes the vcpus, as many as createdomain was told. */
export const setMaxVcpus = (xen: Xen, domid: number, max: number): void =>
  void domctl(xen, 'max_vcpus', domid, { max });

/** XEN_DOMCTL_set_address_size: whether a PV guest's words have 32 or 64 bits. */
export const setAddressSize = (xen: Xen, domid: number, bits: 32 | 64): void =>
  void domctl(xen, 'set_address_size', domid, { size: bits });

/** XEN_DOMCTL_set_paging_mempool_size: Xen's memory for the guest's second-level or shadow page tables, in bytes. */
export const setPagingMempool = (xen: Xen, domid: number, bytes: number): void =>
  void domctl(xen, 'set_paging_mempool_size', domid, { size: bytes });

/** XEN_DOMCTL_hypercall_init: writes Xen's hypercall stubs into a frame of the guest. */
export const initHypercallPage = (xen: Xen, domid: number, frame: number): void =>
  void domctl(xen, 'hypercall_init', domid, { gmfn: frame });

/** XEN_DOMCTL_settimeoffset: the guest's wall clock against the host's. */
export const setTimeOffset = (xen: Xen, domid: number, seconds: number): void =>
  void domctl(xen, 'settimeoffset', domid, { time_offset_seconds: BigInt(seconds) });

/** XEN_DOMCTL_settscinfo. Modes: 0 default, 1 always emulate, 2 never (xen/include/asm/time.h). */
export const setTscMode = (xen: Xen, domid: number, mode: number): void =>
  void domctl(xen, 'settscinfo', domid, { tsc_mode: mode });

/** XEN_DOMCTL_set_target: makes the domain, a stub domain, the device model of another. */
export const setTarget = (xen: Xen, domid: number, target: number): void =>
  void domctl(xen, 'set_target', domid, { target });

/** XEN_DOMCTL_sendtrigger: NMI, RESET, INIT to a vcpu; POWER, SLEEP are buttons of the machine. */
export const sendTrigger = (xen: Xen, domid: number, trigger: keyof typeof SENDTRIGGERS, vcpu = 0): void =>
  void domctl(xen, 'sendtrigger', domid, { trigger: SENDTRIGGERS[trigger], vcpu });

/** XEN_DOMCTL_irq_permission, by the hypervisor's number for the interrupt (pirq). */
export const permitIrq = (xen: Xen, domid: number, pirq: number, allow: boolean): void =>
  void domctl(xen, 'irq_permission', domid, { pirq, allow_access: Number(allow) });

/** XEN_DOMCTL_ioport_permission. */
export const permitIoports = (xen: Xen, domid: number, first: number, count: number, allow: boolean): void =>
  void domctl(xen, 'ioport_permission', domid, { first_port: first, nr_ports: count, allow_access: Number(allow) });

/** XEN_DOMCTL_iomem_permission, by machine frames. */
export const permitIomem = (xen: Xen, domid: number, first: number, count: number, allow: boolean): void =>
  void domctl(xen, 'iomem_permission', domid, { first_mfn: first, nr_mfns: count, allow_access: Number(allow) });

/** What Xen says of a domain. Pages have 4 KiB. */
export interface DomainInfo {
  readonly domid: number;
  readonly uuid: string;
  readonly flags: Readonly<Record<keyof typeof DOMINF, boolean>>;
  /** SHUTDOWN_* of sched.h: 0 poweroff, 1 reboot, 2 suspend, 3 crash, 4 watchdog, 5 soft reset; null while it is up. */
  readonly shutdownReason: number | null;
  readonly pages: number;
  readonly maxPages: number;
  /** Claimed and not yet given. */
  readonly outstandingPages: number;
  readonly sharedPages: number;
  readonly pagedPages: number;
  /** A PV guest's machine frame of shared_info. */
  readonly sharedInfoFrame: bigint;
  readonly cpuTimeNs: bigint;
  readonly onlineVcpus: number;
  /** The greatest number of a vcpu; null where there is none. */
  readonly maxVcpuId: number | null;
  readonly ssidref: number;
  readonly cpupool: number;
  /** Bits of `X86_EMU`. */
  readonly emulation: number;
}

/** XEN_DOMCTL_getdomaininfo; null where there is no such domain. */
export function getDomainInfo(xen: Xen, domid: number): DomainInfo | null {
  try {
    const { domain, values } = domctl(xen, 'getdomaininfo', domid, {});
    // Xen 4.17 answers with the next domain that there is.
    return domain === domid ? infoOf(values) : null;
  } catch (error) {
    if (errnoNameOf(error) === 'ESRCH') return null;
    throw error;
  }
}

const DOMAINS_A_CALL = 256;

/** XEN_SYSCTL_getdomaininfolist: every domain, by number, those that are dying included. */
export function listDomains(xen: Xen): DomainInfo[] {
  const domains: DomainInfo[] = [];
  for (;;) {
    const first = (domains.at(-1)?.domid ?? -1) + 1;
    const batch = withRoom(xen, DOMAINS_A_CALL * sizeOf(getdomaininfo, xen.domctl), (buffer) => {
      const { num_domains: count } = sysctl(xen, 'getdomaininfolist', {
        first_domain: first,
        max_domains: DOMAINS_A_CALL,
        buffer: buffer.address,
      });
      return decodeAll(getdomaininfo, buffer.bytes, count, xen.domctl);
    });
    domains.push(...batch.map(infoOf));
    if (batch.length < DOMAINS_A_CALL) return domains;
  }
}

const NO_VCPU = 0xffff_ffff;

function infoOf(info: StructValue<typeof getdomaininfo.fields>): DomainInfo {
  const flags = Object.fromEntries(Object.entries(DOMINF).map(([name, bit]) => [name, (info.flags & bit) !== 0]));
  return {
    domid: info.domain,
    uuid: uuidOf(info.handle),
    flags: flags as DomainInfo['flags'],
    shutdownReason: (info.flags & DOMINF.shutdown) === 0 ? null : (info.flags >> 16) & 0xff,
    pages: info.tot_pages,
    maxPages: info.max_pages,
    outstandingPages: info.outstanding_pages,
    sharedPages: info.shr_pages,
    pagedPages: info.paged_pages,
    sharedInfoFrame: info.shared_info_frame,
    cpuTimeNs: info.cpu_time,
    onlineVcpus: info.nr_online_vcpus,
    maxVcpuId: info.max_vcpu_id === NO_VCPU ? null : info.max_vcpu_id,
    ssidref: info.ssidref,
    cpupool: info.cpupool,
    emulation: info.arch_config.emulation_flags,
  };
}
