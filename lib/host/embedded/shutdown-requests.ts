import { show } from '../../base/text.ts';
import { shutdownRequestPath } from '../../device/domain.ts';
import type { Store } from '../../run/ports.ts';
import type { Machine } from './machine.ts';

/** Linux takes both words for switching off. */
const ENDINGS: ReadonlyMap<string | null, 'poweroff' | 'reboot'> = new Map([
  ['poweroff', 'poweroff'],
  ['halt', 'poweroff'],
  ['reboot', 'reboot'],
]);

/** What is needed to hear what a guest is asked to do. */
export interface ShutdownRequestOptions {
  readonly store: Store;
  readonly log: (line: string) => void;
}

/**
 * Plays the part of a guest's xenbus driver, which our guests do not have (Linux: drivers/xen/manage.c): watches
 * `control/shutdown`, presses the machine's power button, and clears the node to say that the request was heard. An
 * order that it does not know, or cannot pass on, stays where it is: whoever has asked hears of it by his time-out. Works
 * until the signal fires.
 */
export async function hearShutdownRequests(
  machine: Pick<Machine, 'domid' | 'pressPowerButton'>,
  { store, log }: ShutdownRequestOptions,
  signal: AbortSignal,
): Promise<void> {
  const path = show(shutdownRequestPath(String(machine.domid)));
  const passOn = async (): Promise<void> => {
    const asked = await store.read(path);
    const ending = ENDINGS.get(asked);
    if (ending === undefined) return;
    await machine.pressPowerButton(ending);
    await store.transaction(async (view) => {
      if ((await view.read(path)) === asked) await view.write(path, '');
    });
  };
  const changes = store.watch(path, { signal })[Symbol.asyncIterator]();
  try {
    while ((await changes.next()).done !== true) {
      await passOn().catch((error: unknown) => log(`domain ${machine.domid}: ${path}: ${String(error)}`));
    }
  } catch (error) {
    if (!signal.aborted) log(`domain ${machine.domid}: ${path} is not heard any more: ${String(error)}`);
  }
}
