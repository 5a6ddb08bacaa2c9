import { errnoOf, XlError } from '../../base/error.ts';
import { XenbusState } from '../../device/nodes.ts';
import type { Store, StoreView } from '../../run/ports.ts';

/** Where backends of domain 0 live in xenstore. */
export const BACKENDS = '/local/domain/0/backend';

/** A backend by its place below BACKENDS. */
export interface Place {
  readonly path: string;
  readonly kind: string;
  readonly domid: number;
  readonly devid: number;
}

/** The backend that a changed path belongs to; null for a path above backends, and for one that no toolstack makes. */
export function placeOf(path: string): Place | null {
  const match = /^\/local\/domain\/0\/backend\/([a-z0-9_]+)\/(\d{1,5})\/(\d{1,10})(?:\/|$)/.exec(path);
  if (match === null) return null;
  const [, kind = '', domid = '', devid = ''] = match;
  return { path: `${BACKENDS}/${kind}/${domid}/${devid}`, kind, domid: Number(domid), devid: Number(devid) };
}

/** All backends that are there. */
export async function findBackends(store: StoreView): Promise<Place[]> {
  const found: Place[] = [];
  for (const kind of (await store.directory(BACKENDS)) ?? []) {
    for (const domid of (await store.directory(`${BACKENDS}/${kind}`)) ?? []) {
      for (const devid of (await store.directory(`${BACKENDS}/${kind}/${domid}`)) ?? []) {
        const place = placeOf(`${BACKENDS}/${kind}/${domid}/${devid}`);
        if (place !== null) found.push(place);
      }
    }
  }
  return found;
}

/**
 * Goes from one state to the next and plays the guest's end as well, unless the toolstack was faster: nodes that it has
 * removed are never made anew.
 */
export async function move(
  store: Store,
  { path }: Place,
  [from, to]: readonly [from: string, to: string],
  nodes: Readonly<Record<string, string>> = {},
): Promise<void> {
  await store.transaction(async (view) => {
    if ((await view.read(`${path}/state`)) !== from) return;
    for (const [name, value] of Object.entries(nodes)) await view.write(`${path}/${name}`, value);
    if (to !== from) await view.write(`${path}/state`, to);
    if (to === XenbusState.Connected || to === XenbusState.Closed) await moveFrontend(view, path, to);
  });
}

async function moveFrontend(view: StoreView, path: string, state: string): Promise<void> {
  const frontend = await view.read(`${path}/frontend`);
  if (frontend === null || (await view.read(`${frontend}/state`)) === null) return;
  await view.write(`${frontend}/state`, state);
}

/** Whether the frontend's nodes are gone: then nobody is left to wait for. */
export async function frontendGone(store: StoreView, { path }: Place): Promise<boolean> {
  const frontend = await store.read(`${path}/frontend`);
  return frontend === null || (await store.read(`${frontend}/state`)) === null;
}

/** Says what went wrong, and gives up. */
export async function fail(store: Store, { path }: Place, text: string): Promise<void> {
  await store.transaction(async (view) => {
    if ((await view.read(`${path}/state`)) === null) return;
    await view.write(`${path}/hotplug-error`, text);
    await view.write(`${path}/hotplug-status`, 'error');
    await view.write(`${path}/state`, XenbusState.Closed);
  });
}

/** An error in the words that fit a node. */
export function errorText(error: unknown): string {
  if (error instanceof XlError) return error.message;
  return errnoOf(error) ?? (error instanceof Error ? error.message : String(error));
}
