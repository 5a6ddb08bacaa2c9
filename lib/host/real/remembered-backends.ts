import type { StoreView } from '../../run/ports.ts';

/** Which backends there are, and which block device each has: what is asked of all of them for each disk. */
const LISTED = /^\/local\/domain\/\d+\/backend\/\w+(?:\/\d+)?$/;
const DEVICE = /^\/local\/domain\/\d+\/backend\/\w+\/\d+\/\d+\/physical-device$/;

/**
 * The store as it is seen while the lock of Xen's block scripts is held. A backend gets its device under that lock alone, so
 * who has which is asked once, however many disks are given out meanwhile. Whatever is written here is seen here.
 */
export function rememberingBackends(store: StoreView): StoreView {
  const lists = new Map<string, Promise<string[] | null>>();
  const devices = new Map<string, Promise<string | null>>();
  const forget = (path: string): void => {
    const isTouched = (known: string): boolean => known === path || known.startsWith(`${path}/`);
    for (const known of [...devices.keys()].filter(isTouched)) devices.delete(known);
    for (const known of lists.keys()) if (isTouched(known) || path.startsWith(`${known}/`)) lists.delete(known);
  };
  return {
    ...store,
    directory: (path) =>
      LISTED.test(path) ? remembered(lists, path, () => store.directory(path)) : store.directory(path),
    read: (path) => (DEVICE.test(path) ? remembered(devices, path, () => store.read(path)) : store.read(path)),
    write: (path, value) => {
      // The directories that hold it were there before, or it could have no params.
      if (DEVICE.test(path)) devices.delete(path);
      return store.write(path, value);
    },
    mkdir: (path) => {
      forget(path);
      return store.mkdir(path);
    },
    rm: (path) => {
      forget(path);
      return store.rm(path);
    },
  };
}

function remembered<Value>(
  known: Map<string, Promise<Value>>,
  path: string,
  ask: () => Promise<Value>,
): Promise<Value> {
  const there = known.get(path);
  if (there !== undefined) return there;
  const asked = ask();
  known.set(path, asked);
  // What failed is asked again.
  asked.catch(() => known.delete(path));
  return asked;
}
