import { XlError } from '../../base/error.ts';

export type DomainType = 'pv' | 'pvh' | 'hvm';

/** Why a guest has stopped for good, by Xen's numbers for it (xen/include/public/sched.h, SHUTDOWN_*). */
export const SHUTDOWN_REASONS = { poweroff: 0, reboot: 1, crash: 3 } as const;
export type ShutdownReason = keyof typeof SHUTDOWN_REASONS;

/** What the embedded host, in the hypervisor's place, knows of a domain. */
export interface Domain {
  readonly domid: number;
  uuid: string;
  readonly name: string;
  readonly type: DomainType;
  readonly createdAt: number;
  maxVcpus: number;
  /** What it may have at most, and what its machine was built with; 0 before. */
  maxKiB: number;
  memoryKiB: number;
  /** Whether its memory has been built: from then on it has a machine to be started. */
  built: boolean;
  /** Domains begin paused. */
  paused: boolean;
  shutdown: ShutdownReason | null;
  /** The last event channel that was given out. */
  lastPort: number;
}

/** A domain as a listing shows it. */
export interface DomainInfo {
  readonly domid: number;
  readonly uuid: string;
  readonly name: string;
  readonly type: DomainType;
  readonly state: 'running' | 'paused' | 'shutdown';
  readonly shutdown: ShutdownReason | null;
  readonly vcpus: number;
  readonly memoryKiB: number;
  /** Seconds of processor time that its QEMU has used. */
  readonly cpuSeconds: number;
}

/** Numbers from here on have meanings of their own (xen.h, DOMID_FIRST_RESERVED). */
const FIRST_RESERVED = 0x7ff0;

/** The domain table. Numbers count upwards and begin anew only at the end, so an old number does not return soon. */
export class Domains {
  readonly #table = new Map<number, Domain>();
  #next: number;

  /** `next` is the number that the first domain gets. */
  constructor(next = 1) {
    this.#next = next >= 1 && next < FIRST_RESERVED ? next : 1;
  }

  /** The number that comes next, for the daemon after this one. */
  get next(): number {
    return this.#next;
  }

  /** Makes a domain, paused and empty. Throws XlError `no-domid` where all numbers are taken. */
  create(domain: Pick<Domain, 'uuid' | 'name' | 'type' | 'maxVcpus' | 'createdAt'>): Domain {
    const domid = this.#freeNumber();
    const made: Domain = {
      ...domain,
      domid,
      maxKiB: 0,
      memoryKiB: 0,
      built: false,
      paused: true,
      shutdown: null,
      lastPort: 0,
    };
    this.#table.set(domid, made);
    return made;
  }

  #freeNumber(): number {
    for (let tries = 1; tries < FIRST_RESERVED; tries += 1) {
      const candidate = this.#next;
      this.#next = candidate + 1 < FIRST_RESERVED ? candidate + 1 : 1;
      if (!this.#table.has(candidate)) return candidate;
    }
    throw new XlError('no-domid', 'every domain number is taken');
  }

  get(domid: number): Domain | undefined {
    return this.#table.get(domid);
  }

  /** The domain, which must exist. Throws XlError `domain-not-found`. */
  require(domid: number): Domain {
    const domain = this.#table.get(domid);
    if (domain === undefined) {
      throw new XlError('domain-not-found', `there is no domain ${domid}`, { hint: '`xl list` shows those there are' });
    }
    return domain;
  }

  /** Takes a domain out of the table; true if it was there. */
  delete(domid: number): boolean {
    return this.#table.delete(domid);
  }

  /** All domains in the order of their numbers. */
  all(): Domain[] {
    return [...this.#table.values()].sort((a, b) => a.domid - b.domid);
  }
}
