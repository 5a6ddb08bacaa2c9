import { domainPath, isAtOrBelow, parentPath } from '../path.ts';

/** One watch of one connection, `W`. */
export interface StoreWatch<W> {
  readonly watcher: W;
  /** Absolute, or an `@name`. */
  readonly path: string;
  readonly token: string;
  /** Characters that events' paths lose in front: the way to the watcher's own directory, if the watch was relative. */
  readonly hidden: number;
  /** Rises with each watch set. */
  readonly age: number;
}

/** All watches, by path: finding who hears of a change takes one look for each level of its path. */
export class Watches<W> {
  readonly #byPath = new Map<string, Set<StoreWatch<W>>>();
  readonly #byWatcher = new Map<W, Set<StoreWatch<W>>>();
  #lastAge = 0;

  /** Sets a watch, and gives it; null where the watcher has this very pair already. */
  add(watcher: W, path: string, token: string, hidden: number): StoreWatch<W> | null {
    if (this.#find(watcher, path, token) !== undefined) return null;
    const watch = { watcher, path, token, hidden, age: ++this.#lastAge };
    addTo(this.#byPath, path, watch);
    addTo(this.#byWatcher, watcher, watch);
    return watch;
  }

  /** Takes a watch back; false where there is none. */
  remove(watcher: W, path: string, token: string): boolean {
    const watch = this.#find(watcher, path, token);
    if (watch === undefined) return false;
    this.#drop(watch);
    return true;
  }

  removeAll(watcher: W): void {
    for (const watch of this.#byWatcher.get(watcher) ?? []) this.#drop(watch);
  }

  count(watcher: W): number {
    return this.#byWatcher.get(watcher)?.size ?? 0;
  }

  /** Who watches the changed path or, unless `exact`, one above it; by age. */
  matching(path: string, exact: boolean): StoreWatch<W>[] {
    const found = [...(this.#byPath.get(path) ?? [])];
    if (!exact && path.startsWith('/')) {
      for (let at = path; at !== '/';) {
        at = parentPath(at);
        found.push(...(this.#byPath.get(at) ?? []));
      }
    }
    return found.sort((one, other) => one.age - other.age);
  }

  #find(watcher: W, path: string, token: string): StoreWatch<W> | undefined {
    for (const watch of this.#byPath.get(path) ?? []) {
      if (watch.watcher === watcher && watch.token === token) return watch;
    }
    return undefined;
  }

  #drop(watch: StoreWatch<W>): void {
    deleteFrom(this.#byPath, watch.path, watch);
    deleteFrom(this.#byWatcher, watch.watcher, watch);
  }
}

/** How many characters a relative watch's events lose: the watcher's directory and its slash. */
export const hiddenBy = (path: string, domid: number): number =>
  isAtOrBelow(path, '/') || path.startsWith('@') ? 0 : domainPath(domid).length + 1;

function addTo<K, V>(map: Map<K, Set<V>>, key: K, value: V): void {
  const values = map.get(key);
  if (values === undefined) map.set(key, new Set([value]));
  else values.add(value);
}

function deleteFrom<K, V>(map: Map<K, Set<V>>, key: K, value: V): void {
  const values = map.get(key);
  if (values?.delete(value) === true && values.size === 0) map.delete(key);
}
