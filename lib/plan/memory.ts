import { XlError } from '../base/error.ts';
import type { StoreOp } from '../base/store-op.ts';
import { t, type Text } from '../base/text.ts';
import { domainPath, vmPath } from '../device/domain.ts';
import { MAXMEM_SLACK_KIB } from './create.ts';
import type { RunningDomain } from './running.ts';
import type { Plan, Step } from './step.ts';

/** How much memory a domain has, may have and is to have, in KiB. */
export interface DomainMemory {
  /** What its balloon driver aims at; video memory is not in it. */
  readonly targetKiB: number;
  /** The most that it can ever be given. */
  readonly staticMaxKiB: number;
  readonly videoKiB: number;
  /** What Xen gives it at most. */
  readonly limitKiB: number;
  /** The nodes as they are; null where there is none. */
  readonly written: Readonly<Record<'target' | 'staticMax' | 'vmMemory', string | null>>;
}

type Guest = Pick<RunningDomain, 'domid' | 'name' | 'uuid' | 'type'>;

/** Domain 0 with less would not live long (libxl_internal.h: LIBXL_MIN_DOM0_MEM). */
const LEAST_FOR_DOM0_KIB = 128 * 1024;

/**
 * Gives a domain so much memory, video memory included: Xen's limit first, then the node at which its balloon driver
 * aims (libxl_mem.c:libxl_set_memory_target). Throws XlError `memory-above-max`, `memory-below-least`.
 */
export function planMemSet(guest: Guest, memory: DomainMemory, wantedKiB: number): Plan {
  const targetKiB = wantedKiB - memory.videoKiB;
  if (targetKiB < 0) throw belowLeast(guest, memory.videoKiB, 'its video memory alone is more');
  if (targetKiB > memory.staticMaxKiB) throw aboveMax(memory.staticMaxKiB);
  if (guest.domid === 0 && targetKiB < LEAST_FOR_DOM0_KIB) {
    throw belowLeast(guest, LEAST_FOR_DOM0_KIB, 'with less it would not live long');
  }
  const limit = limitStep(guest, memory, wantedKiB);
  const onDemand = onDemandSteps(guest, memory, targetKiB);
  return {
    title: `set the memory of ${nameOf(guest)} to ${wantedKiB} KiB`,
    bindings: {},
    steps: [
      limit,
      ...onDemand,
      nodesStep({
        id: 'target',
        title: 'tell the guest its target',
        why: 'its balloon driver watches the node, and gives memory back or takes some',
        needs: [limit, ...onDemand],
        nodes: [
          {
            path: t`${domainPath(String(guest.domid))}/memory/target`,
            before: memory.written.target,
            value: targetKiB,
          },
          ...(guest.uuid === null
            ? []
            : [
                {
                  path: t`${vmPath(guest.uuid)}/memory`,
                  before: memory.written.vmMemory,
                  value: Math.floor(targetKiB / 1024),
                },
              ]),
        ],
      }),
    ],
  };
}

/**
 * Sets the most memory that a domain can be given from now on (libxl_mem.c:libxl_domain_setmaxmem). Throws XlError
 * `memory-below-target`.
 */
export function planMemMax(guest: Guest, memory: DomainMemory, maxKiB: number): Plan {
  if (maxKiB < memory.targetKiB) throw belowTarget(memory.targetKiB);
  const limit = limitStep(guest, memory, maxKiB);
  return {
    title: `set the greatest memory of ${nameOf(guest)} to ${maxKiB} KiB`,
    bindings: {},
    steps: [
      limit,
      nodesStep({
        id: 'static-max',
        title: 'note the new maximum',
        why: 'mem-set holds to it, whichever toolstack runs it',
        needs: [limit],
        nodes: [
          {
            path: t`${domainPath(String(guest.domid))}/memory/static-max`,
            before: memory.written.staticMax,
            value: maxKiB,
          },
        ],
      }),
    ],
  };
}

function limitStep({ domid }: Guest, { limitKiB }: DomainMemory, wantedKiB: number): Step {
  const allow = (maxKiB: number) =>
    ({ kind: 'hypercall', call: { op: 'max_mem', domid: String(domid), maxKiB } }) as const;
  return {
    id: 'limit',
    title: `allow ${wantedKiB + MAXMEM_SLACK_KIB} KiB of memory`,
    why: 'what is asked for and 1 MiB that libxl adds for what Xen itself maps',
    needs: [],
    action: allow(wantedKiB + MAXMEM_SLACK_KIB),
    undo: [allow(limitKiB)],
  };
}

/** PVH and HVM guests may have been started with less memory than they see; Xen must know when they get more. */
function onDemandSteps({ domid, type }: Guest, memory: DomainMemory, targetKiB: number): Step[] {
  if (domid === 0 || type === 'pv') return [];
  const aim = (kib: number) =>
    ({
      kind: 'hypercall',
      call: { op: 'set_pod_target', domid: String(domid), targetKiB: kib + MAXMEM_SLACK_KIB },
    }) as const;
  return [
    {
      id: 'on-demand',
      title: 'set the target of memory on demand',
      why: 'a guest that started with less memory than it sees is given its pages as it touches them',
      needs: ['limit'],
      action: aim(targetKiB),
      undo: [aim(memory.targetKiB)],
    },
  ];
}

/** A node with a number in it. */
interface NumberNode {
  readonly path: Text;
  readonly before: string | null;
  readonly value: number;
}

/** Taken back is only what is still ours: the domain may be gone, and another toolstack may have written meanwhile. */
function nodesStep({
  nodes,
  needs,
  ...what
}: Pick<Step, 'id' | 'title' | 'why'> & {
  readonly needs: readonly Step[];
  readonly nodes: readonly NumberNode[];
}): Step {
  const takeBack = ({ path, before, value }: NumberNode): StoreOp =>
    before === null ? { op: 'rm', path } : { op: 'replace', path, from: String(value), to: before };
  return {
    ...what,
    needs: needs.map(({ id }) => id),
    action: {
      kind: 'store',
      transaction: true,
      ops: nodes.map(({ path, value }) => ({ op: 'write', path, value: String(value) })),
    },
    undo: [{ kind: 'store', transaction: true, ops: nodes.map(takeBack) }],
  };
}

const nameOf = ({ domid, name }: Guest): string => name ?? `domain ${domid}`;

const aboveMax = (staticMaxKiB: number): XlError =>
  new XlError('memory-above-max', 'memory_dynamic_max must be less than or equal to memory_static_max', {
    hint: `the domain can be given ${staticMaxKiB} KiB at most; maxmem= of its configuration and \`xl mem-max\` set that`,
  });

const belowTarget = (targetKiB: number): XlError =>
  new XlError('memory-below-target', 'memory_static_max must be greater than or or equal to memory_dynamic_max', {
    hint: `its target is ${targetKiB} KiB; \`xl mem-set\` lowers that first`,
  });

const belowLeast = (guest: Guest, leastKiB: number, why: string): XlError =>
  new XlError('memory-below-least', `${nameOf(guest)} needs ${leastKiB} KiB at least`, { hint: why });
