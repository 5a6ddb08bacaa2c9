import { describeXenbusState, XenbusState } from '../../base/xenbus.ts';
import type { Ports } from '../ports.ts';

/** How far the two ends of a device have come, and what that means. */
export interface HandshakeView {
  /** `its backend is in state 2 InitWait, its frontend in state 1 Initialising: the guest has not connected`. */
  readonly sentence: string;
  /** What to do next; undefined where the states say no more. */
  readonly hint: string | undefined;
}

/** Looks at a device's two `state` nodes; null where they cannot be read. Never throws: it explains errors. */
export async function viewHandshake(
  { store }: Pick<Ports, 'store'>,
  ends: { readonly backend: string; readonly frontend: string },
): Promise<HandshakeView | null> {
  try {
    const [backend, frontend] = await Promise.all([
      store.read(`${ends.backend}/state`),
      store.read(`${ends.frontend}/state`),
    ]);
    const [meaning, hint] = meaningOf(backend, frontend, ends.backend);
    const states = `its backend is ${inState(backend)}, its frontend ${inState(frontend)}`;
    return { sentence: meaning === null ? states : `${states}: ${meaning}`, hint };
  } catch {
    return null;
  }
}

const inState = (state: string | null): string => (state === null ? 'gone' : `in state ${describeXenbusState(state)}`);

/** The kernel's driver of each backend that lives in a kernel. */
const DRIVERS: Readonly<Record<string, string>> = { vbd: 'xen-blkback', vif: 'xen-netback' };

function meaningOf(backend: string | null, frontend: string | null, path: string): [string | null, string | undefined] {
  const { Initialising, InitWait, Initialised, Connected, Closing } = XenbusState;
  if (backend === Initialising) {
    const driver = DRIVERS[path.split('/').at(-3) ?? ''];
    return [
      'no backend has taken it up',
      driver === undefined
        ? 'a QEMU serves it: see whether it runs, and its log'
        : `the backend domain’s kernel serves it: see whether ${driver} is loaded (modprobe ${driver})`,
    ];
  }
  if (backend === InitWait && (frontend === Initialising || frontend === InitWait)) {
    return ['the guest has not connected', 'it may be paused, not have booted yet, or have no driver for the device'];
  }
  if (backend === Initialised) return ['the backend waits for what it needs of its own domain', undefined];
  if (backend === Closing && (frontend === Connected || frontend === Initialised)) {
    return ['the guest has not let go of it', 'it may still use the device (a mounted file system), or hang'];
  }
  return [null, undefined];
}
