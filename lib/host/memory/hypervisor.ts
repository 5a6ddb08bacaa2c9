import { XlError } from '../../base/error.ts';
import type { Bindings } from '../../base/text.ts';
import type { Hypercall } from '../../plan/hypercall.ts';
import type { Filled } from '../../run/fill.ts';
import type { FilledHypercall, Hypervisor } from '../../run/ports.ts';

/** A domain as this hypervisor knows it. */
export interface MemoryDomain {
  readonly domid: number;
  readonly type: 'pv' | 'pvh' | 'hvm';
  uuid: string;
  paused: boolean;
  /** SHUTDOWN_* of sched.h; null while it is up. */
  shutdown: number | null;
  maxVcpus: number;
  maxKiB: number;
  built: boolean;
  nextPort: number;
  /** What each vcpu was last pinned to. */
  readonly affinity: Map<number, { hard: readonly number[] | null; soft: readonly number[] | null }>;
  /** The buttons that were pressed. */
  readonly pressed: string[];
}

/** Domains in a table; numbers are never used twice. */
export class MemoryHypervisor implements Hypervisor {
  readonly domains = new Map<number, MemoryDomain>();
  private nextDomid = 1;
  private readonly died: (domid: number) => void;

  /** `died` hears of each domain that goes, as xenstored does by VIRQ_DOM_EXC. */
  constructor(died: (domid: number) => void) {
    this.died = died;
  }

  async call(filled: FilledHypercall, signal: AbortSignal): Promise<Bindings> {
    await Promise.resolve();
    signal.throwIfAborted();
    const call = filled as Filled<Hypercall>;
    switch (call.op) {
      case 'createdomain':
        return this.create(call);
      case 'destroydomain':
        if (call.uuid === undefined || this.domains.get(Number(call.domid))?.uuid === call.uuid) {
          this.destroy(Number(call.domid));
        }
        return {};
      case 'destroy_unbuilt':
        for (const { domid, uuid, built } of this.domains.values()) {
          if (uuid === call.uuid && !built) this.destroy(domid);
        }
        return {};
      case 'getdomaininfo': {
        const domain = this.domains.get(Number(call.domid));
        if (domain === undefined) return {};
        return { uuid: domain.uuid, dying: '0', shutdown: domain.shutdown === null ? '' : String(domain.shutdown) };
      }
      case 'max_vcpus':
        this.domain(call.domid).maxVcpus = call.max;
        return {};
      case 'max_mem':
        this.domain(call.domid).maxKiB = call.maxKiB;
        return {};
      case 'set_pod_target':
        // All memory of these guests is there from the start.
        this.domain(call.domid);
        return {};
      case 'evtchn_alloc_unbound':
        return { port: String(this.domain(call.domid).nextPort++) };
      case 'build':
        this.domain(call.domid).built = true;
        return { 'store-gfn': '1044476', 'console-gfn': '1044479' };
      case 'setdomainhandle':
        this.domain(call.domid).uuid = call.uuid;
        return {};
      case 'pausedomain':
        this.domain(call.domid).paused = true;
        return {};
      case 'unpausedomain':
        this.domain(call.domid).paused = false;
        return {};
      case 'setvcpuaffinity':
        this.domain(call.domid).affinity.set(call.vcpu, { hard: call.hard, soft: call.soft });
        return {};
      case 'sendtrigger':
        this.domain(call.domid).pressed.push(call.trigger);
        return {};
    }
  }

  private destroy(domid: number): void {
    if (this.domains.delete(domid)) this.died(domid);
  }

  private create({ type, uuid, maxVcpus }: Extract<Filled<Hypercall>, { op: 'createdomain' }>): Bindings {
    const domid = this.nextDomid;
    this.nextDomid += 1;
    this.domains.set(domid, {
      domid,
      type,
      uuid,
      paused: true,
      shutdown: null,
      maxVcpus,
      maxKiB: 0,
      built: false,
      nextPort: 1,
      affinity: new Map(),
      pressed: [],
    });
    return { domid: String(domid) };
  }

  private domain(domid: string): MemoryDomain {
    const domain = this.domains.get(Number(domid));
    if (domain === undefined) throw new XlError('no-such-domain', `there is no domain ${domid} (ESRCH)`);
    return domain;
  }
}
