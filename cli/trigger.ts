import { XlError } from '../lib/base/error.ts';
import type { HostDirs } from '../lib/base/facts.ts';
import { show } from '../lib/base/text.ts';
import { qmpSocket } from '../lib/device/files.ts';
import { sendTrigger } from '../lib/host/xen/hypercalls.ts';
import type { Xen } from '../lib/host/xen/version.ts';
import type { Ports } from '../lib/run/ports.ts';

/** Events of a machine, in libxl's words; all but the last are Xen's to deliver. */
export const TRIGGERS = ['power', 'sleep', 'nmi', 'init', 'reset', 's3resume'] as const;
export type Trigger = (typeof TRIGGERS)[number];

/** The trigger of this name, in capitals or not; null where there is none. */
export const triggerNamed = (word: string): Trigger | null =>
  TRIGGERS.find((name) => name === word.toLowerCase()) ?? null;

const BUTTONS = { power: 'POWER', sleep: 'SLEEP', nmi: 'NMI', init: 'INIT', reset: 'RESET' } as const;
const MONITOR_TIMEOUT_MS = 10_000;

/** What an event is delivered through. */
export interface TriggerHost {
  readonly xen: Xen;
  readonly ports: Pick<Ports, 'store' | 'monitors'>;
  readonly description: { readonly dirs: HostDirs };
}

/** Delivers an event to a guest; `vcpu` is who gets an NMI, INIT or RESET. Waking up is the device model's work: HVM only. */
export async function trigger(
  { xen, ports, description }: TriggerHost,
  { domid, event, vcpu }: { readonly domid: number; readonly event: Trigger; readonly vcpu: number },
  signal: AbortSignal,
): Promise<void> {
  if (event !== 's3resume') {
    sendTrigger(xen, domid, BUTTONS[event], vcpu);
    return;
  }
  if ((await ports.store.read(`/libxl/${domid}/type`)) !== 'hvm') {
    throw new XlError('not-hvm', `domain ${domid} cannot be woken up: only HVM guests sleep`);
  }
  const socket = show(qmpSocket(description.dirs, String(domid)));
  await ports.monitors.execute(socket, [{ execute: 'system_wakeup' }], { timeoutMs: MONITOR_TIMEOUT_MS, signal });
}

/** Why the embedded host has no triggers. */
export const NO_TRIGGERS = 'on the embedded host `xl shutdown -F` and `xl reboot -F` press a guest’s buttons';
