import { XlError } from '../base/error.ts';
import type { HostFacts } from '../base/facts.ts';
import { t } from '../base/text.ts';
import { domainPath } from '../device/domain.ts';
import { qmpSocket } from '../device/files.ts';
import type { CpuSlot } from '../qemu/cpu-slots.ts';
import type { RunningDomain } from './running.ts';
import type { Plan, Step } from './step.ts';

type Guest = Pick<RunningDomain, 'domid' | 'name'>;

const MONITOR_TIMEOUT_MS = 10_000;

/** The CPUs that a vcpu may run on and those that it prefers, by number; null leaves that mask as it is. */
export interface AffinityChange {
  readonly hard: readonly number[] | null;
  readonly soft: readonly number[] | null;
}

/** A vcpu with the affinity that it has now. */
export interface PinnedVcpu {
  readonly vcpu: number;
  readonly before: { readonly hard: readonly number[]; readonly soft: readonly number[] };
}

/** Pins vcpus of a domain to CPUs (libxl_sched.c:libxl_set_vcpuaffinity). `force` is for a vcpu whose mask Xen itself narrows. */
export function planPin(
  guest: Guest,
  vcpus: readonly PinnedVcpu[],
  change: AffinityChange,
  { force }: { readonly force: boolean },
): Plan {
  return {
    title: `pin ${vcpus.length === 1 ? `vcpu ${vcpus[0]!.vcpu}` : 'the vcpus'} of ${nameOf(guest)}`,
    bindings: {},
    steps: vcpus.map(({ vcpu, before }): Step => {
      const set = ({ hard, soft }: AffinityChange) =>
        ({
          kind: 'hypercall',
          call: { op: 'setvcpuaffinity', domid: String(guest.domid), vcpu, hard, soft, force },
        }) as const;
      return {
        id: `vcpu-${vcpu}`,
        title: `set the affinity of vcpu ${vcpu}`,
        why: 'Xen runs it on the CPUs of the hard mask alone, and on those of the soft one where it can',
        needs: [],
        action: set(change),
        undo: [set({ hard: change.hard && before.hard, soft: change.soft && before.soft })],
      };
    }),
  };
}

/** A guest's vcpus as its nodes and its QEMU have them. */
export interface GuestVcpus {
  /** `availability` of each, by number. */
  readonly online: readonly boolean[];
  /** Where its QEMU can take further vcpus, and where it has some; null where no QEMU runs the guest's vcpus. */
  readonly slots: readonly CpuSlot[] | null;
}

/**
 * Brings so many of a guest's vcpus online, the lowest numbers first, the others offline (libxl_sched.c:libxl_set_vcpuonline).
 * A guest with an emulated PC is given processors, and its firmware tells it; it gives none back, which libxl passes over
 * in silence. Throws XlError `vcpus-beyond-max`, `vcpus-not-removable`.
 */
export function planVcpuSet(
  guest: Guest,
  { online, slots }: GuestVcpus,
  count: number,
  { dirs }: Pick<HostFacts, 'dirs'>,
): Plan {
  if (count > online.length) {
    throw new XlError('vcpus-beyond-max', `Requested ${count} VCPUs, however maxcpus is ${online.length}!`, {
      hint: `maxvcpus= of the configuration says how many ${nameOf(guest)} can have`,
    });
  }
  const title = `set the vcpus of ${nameOf(guest)} to ${count}`;
  const plugged = slots?.filter(({ plugged: has }) => has).length ?? 0;
  if (slots !== null && count < plugged) {
    throw new XlError(
      'vcpus-not-removable',
      `${nameOf(guest)} has ${plugged} vcpus, and an emulated PC gives none back`,
      {
        hint: 'the guest itself can leave one unused: `echo 0 > /sys/devices/system/cpu/cpuN/online` in Linux',
      },
    );
  }
  const add = slots?.filter(({ plugged: has, index }) => !has && index < count) ?? [];
  return {
    title,
    bindings: {},
    steps: [...plugSlots(guest, add, { dirs }), writeAvailability(guest, online, count, add)],
  };
}

function plugSlots({ domid }: Guest, slots: readonly CpuSlot[], { dirs }: Pick<HostFacts, 'dirs'>): Step[] {
  if (slots.length === 0) return [];
  return [
    {
      id: 'processors',
      title: `plug ${slots.length} processor${slots.length === 1 ? '' : 's'}`,
      why: 'an emulated PC’s guest learns of them from its firmware',
      needs: [],
      action: {
        kind: 'qmp',
        socket: qmpSocket(dirs, String(domid)),
        commands: slots.map(({ index, driver, properties }) => ({
          execute: 'device_add',
          arguments: { id: `cpu-${index}`, driver, ...properties },
        })),
        timeoutMs: MONITOR_TIMEOUT_MS,
      },
      undo: [],
    },
  ];
}

function writeAvailability(
  { domid }: Guest,
  online: readonly boolean[],
  count: number,
  after: readonly CpuSlot[],
): Step {
  const path = (vcpu: number) => t`${domainPath(String(domid))}/cpu/${vcpu}/availability`;
  return {
    id: 'availability',
    title: 'tell the guest which vcpus it may use',
    why: 'a guest with PV drivers watches these nodes, and brings vcpus up or down',
    needs: after.length === 0 ? [] : ['processors'],
    action: {
      kind: 'store',
      transaction: true,
      ops: online.map((_, vcpu) => ({ op: 'write', path: path(vcpu), value: word(vcpu < count) })),
    },
    undo: [
      {
        kind: 'store',
        transaction: true,
        ops: online.map((was, vcpu) => ({ op: 'replace', path: path(vcpu), from: word(vcpu < count), to: word(was) })),
      },
    ],
  };
}

const word = (isOnline: boolean): string => (isOnline ? 'online' : 'offline');
const nameOf = ({ domid, name }: Guest): string => name ?? `domain ${domid}`;
