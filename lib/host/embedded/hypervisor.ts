import { unreachable, XlError } from '../../base/error.ts';
import type { Hypercall, HypercallResult } from '../../plan/hypercall.ts';
import type { FilledHypercall } from '../../run/ports.ts';
import { SHUTDOWN_REASONS, type Domain, type Domains, type DomainType } from './domains.ts';

/** What hypercalls do beyond the domain table. */
export interface HypervisorEffects {
  /** Seconds since 1970. */
  readonly now: () => number;
  /** Remembers the number that the next domain gets. */
  readonly keepNextDomid: (next: number) => Promise<void>;
  readonly pause: (domain: Domain) => Promise<void>;
  readonly unpause: (domain: Domain) => Promise<void>;
  /** Ends everything that a domain still has; it is in no table any more. */
  readonly release: (domid: number) => Promise<void>;
}

/**
 * Where libxenguest puts a guest's store and console pages (special pages from 0xfeff8 on; `xc_dom_x86.c`). Nothing is
 * there on this host, but the nodes that name them look as they would.
 */
const STORE_GFN = 0xfeffc;
const CONSOLE_GFN = 0xfefff;

/**
 * Answers the hypercalls of plans in Xen's place. A domain's memory and vcpus are its QEMU's, so `build` and the limits
 * are only noted. Destroying a domain that is gone is fine, as plans expect. Errors: `domain-not-found`, `no-domid`,
 * `hypercall-unknown`, `hypercall-argument`.
 */
export async function performHypercall(
  call: FilledHypercall,
  domains: Domains,
  effects: HypervisorEffects,
): Promise<HypercallResult> {
  const op = operation(call);
  switch (op) {
    case 'createdomain': {
      const domain = domains.create({
        uuid: text(call, 'uuid'),
        name: text(call, 'name'),
        type: domainType(call),
        maxVcpus: number(call, 'maxVcpus'),
        createdAt: effects.now(),
      });
      await effects.keepNextDomid(domains.next);
      return { domid: String(domain.domid) };
    }
    case 'destroydomain': {
      const domid = number(call, 'domid');
      if ('uuid' in call && domains.get(domid)?.uuid !== text(call, 'uuid')) return {};
      await destroy(domid, domains, effects);
      return {};
    }
    case 'destroy_unbuilt': {
      const unbuilt = domains.all().filter(({ uuid, built }) => uuid === text(call, 'uuid') && !built);
      for (const { domid } of unbuilt) await destroy(domid, domains, effects);
      return {};
    }
    case 'getdomaininfo': {
      const domain = domains.get(number(call, 'domid'));
      if (domain === undefined) return {};
      const { uuid, shutdown } = domain;
      return { uuid, dying: '0', shutdown: shutdown === null ? '' : String(SHUTDOWN_REASONS[shutdown]) };
    }
    case 'max_vcpus':
      domainOf(call, domains).maxVcpus = number(call, 'max');
      return {};
    case 'max_mem':
      domainOf(call, domains).maxKiB = number(call, 'maxKiB');
      return {};
    case 'evtchn_alloc_unbound': {
      const domain = domainOf(call, domains);
      domain.lastPort += 1;
      return { port: String(domain.lastPort) };
    }
    case 'build': {
      const domain = domainOf(call, domains);
      domain.memoryKiB = number(call, 'targetKiB');
      domain.built = true;
      return { 'store-gfn': String(STORE_GFN), 'console-gfn': String(CONSOLE_GFN) };
    }
    case 'setdomainhandle':
      domainOf(call, domains).uuid = text(call, 'uuid');
      return {};
    case 'pausedomain': {
      const domain = domainOf(call, domains);
      await effects.pause(domain);
      domain.paused = true;
      return {};
    }
    case 'unpausedomain': {
      const domain = domainOf(call, domains);
      await effects.unpause(domain);
      domain.paused = false;
      return {};
    }
    default:
      return unreachable(op);
  }
}

async function destroy(domid: number, domains: Domains, effects: HypervisorEffects): Promise<void> {
  domains.delete(domid);
  await effects.release(domid);
}

/** Those that plans for this host have. */
const OPERATIONS = [
  'createdomain',
  'destroydomain',
  'destroy_unbuilt',
  'getdomaininfo',
  'max_vcpus',
  'max_mem',
  'evtchn_alloc_unbound',
  'build',
  'setdomainhandle',
  'pausedomain',
  'unpausedomain',
] as const satisfies Hypercall['op'][];

function operation({ op }: FilledHypercall): (typeof OPERATIONS)[number] {
  const known = OPERATIONS.find((name) => name === op);
  if (known === undefined) throw new XlError('hypercall-unknown', `the embedded host knows no hypercall ${op}`);
  return known;
}

const domainOf = (call: FilledHypercall, domains: Domains): Domain => domains.require(number(call, 'domid'));

function domainType(call: FilledHypercall): DomainType {
  const { type } = call;
  if (type === 'pv' || type === 'pvh' || type === 'hvm') return type;
  throw argument(call, 'type');
}

/** A number, or the text of one: holes are filled with text. */
function number(call: FilledHypercall, key: string): number {
  const value = call[key];
  const read = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
  if (typeof read === 'number' && Number.isSafeInteger(read) && read >= 0) return read;
  throw argument(call, key);
}

function text(call: FilledHypercall, key: string): string {
  const value = call[key];
  if (typeof value === 'string') return value;
  throw argument(call, key);
}

const argument = (call: FilledHypercall, key: string): XlError =>
  new XlError('hypercall-argument', `hypercall ${call.op} has no usable \`${key}\``);
