import type { HostFacts } from '../base/facts.ts';
import { shutdownRequestPath } from '../device/domain.ts';
import { qmpSocket } from '../device/files.ts';
import type { RunningDomain } from './running.ts';
import type { Action, Plan } from './step.ts';

/** How a guest is to end, in the words of `control/shutdown` (xenstore-paths.pandoc). */
export type Ending = 'poweroff' | 'reboot';

/** libxl's bound for a guest to take note of what is asked (libxl_domain.c: domain_shutdown's pvcontrol). */
const ACKNOWLEDGE_TIMEOUT_MS = 60_000;
const ACPI_EVENT_TIMEOUT_MS = 10_000;

type Guest = Pick<RunningDomain, 'domid' | 'name'>;

/**
 * Asks a guest with PV drivers to end: writes `control/shutdown` and waits until the guest has cleared it. How long the
 * guest then takes is its own affair. A request that nobody has taken note of is taken back.
 */
export function planShutdown(guest: Guest, ending: Ending): Plan {
  const path = shutdownRequestPath(String(guest.domid));
  return {
    title: titleOf(guest, ending),
    bindings: {},
    steps: [
      {
        id: 'request',
        title: `ask the guest to ${sentence[ending]}`,
        why: 'its kernel watches this node, and ends in good order',
        needs: [],
        action: { kind: 'store', transaction: true, ops: [{ op: 'write-if-present', path, value: ending }] },
        undo: [{ kind: 'store', transaction: true, ops: [{ op: 'replace', path, from: ending, to: '' }] }],
      },
      {
        id: 'acknowledged',
        title: 'wait until the guest has taken note',
        why: 'it clears the node; a guest that hangs never does',
        needs: ['request'],
        action: {
          kind: 'wait',
          path,
          until: { oneOf: [''], orGone: true },
          failOn: [],
          timeoutMs: ACKNOWLEDGE_TIMEOUT_MS,
          subject: 'the guest to take note of the request',
          evidence: [path],
          timeout: 'error',
        },
        undo: [],
      },
    ],
  };
}

/** Presses the power button of an emulated PC, or its reset button: for guests without PV drivers. */
export function planAcpiEvent(guest: Guest, ending: Ending, facts: Pick<HostFacts, 'host' | 'dirs'>): Plan {
  return {
    title: titleOf(guest, ending),
    bindings: {},
    steps: [
      {
        id: 'event',
        title: `press the ${ending === 'poweroff' ? 'power' : 'reset'} button`,
        why: 'a guest without PV drivers does not look into xenstore',
        needs: [],
        action: pressButton(guest, ending, facts),
        undo: [],
      },
    ],
  };
}

/** The power button of a Xen guest is Xen's; for reset buttons Xen has a number and no code, so that one is QEMU's. */
function pressButton({ domid }: Guest, ending: Ending, { host, dirs }: Pick<HostFacts, 'host' | 'dirs'>): Action {
  if (host === 'xen' && ending === 'poweroff') {
    return { kind: 'hypercall', call: { op: 'sendtrigger', domid: String(domid), trigger: 'POWER' } };
  }
  return {
    kind: 'qmp',
    socket: qmpSocket(dirs, String(domid)),
    commands: [{ execute: ending === 'poweroff' ? 'system_powerdown' : 'system_reset' }],
    timeoutMs: ACPI_EVENT_TIMEOUT_MS,
  };
}

const sentence = { poweroff: 'switch itself off', reboot: 'reboot' } as const satisfies Record<Ending, string>;

const titleOf = ({ domid, name }: Guest, ending: Ending): string =>
  `${ending === 'poweroff' ? 'shut down' : 'reboot'} ${name ?? `domain ${domid}`}`;
