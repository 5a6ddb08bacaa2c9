import { XlError } from '../../base/error.ts';
import type { Store, StoreView } from '../../run/ports.ts';

interface Node {
  readonly value: string;
  readonly perms: readonly string[];
}

/** A change as it is applied at commit, and the path that watches hear of. */
interface Change {
  readonly path: string;
  /** Returns the paths that came, changed or went. */
  readonly apply: (nodes: Map<string, Node>) => readonly string[];
}

const ROOT: Node = { value: '', perms: ['n0'] };
/** How often a transaction is tried again before it is given up. */
const ATTEMPTS = 20;

/**
 * xenstore as dom0 sees it, in a map from path to node: no wire, no quotas, no other domains' rights. Simulations read
 * and write it at once; plans go through `port`, where every call takes its turn.
 */
export class MemoryStore {
  private readonly nodes = new Map<string, Node>([['/', ROOT]]);
  /** When a path was last changed or removed, for finding conflicts. */
  private readonly changedAt = new Map<string, number>();
  private generation = 0;
  private readonly watchers = new Set<{ readonly path: string; readonly notify: (path: string) => void }>();
  private readonly observers = new Set<(path: string) => void>();
  readonly introduced = new Map<number, { readonly gfn: bigint; readonly port: number }>();

  read(path: string): string | null {
    return this.nodes.get(path)?.value ?? null;
  }

  write(path: string, value: string): void {
    this.commit([writing(path, value)]);
  }

  rm(path: string): void {
    this.commit([removing(path)]);
  }

  /** Forgets a domain that is gone, and tells those who watch for it. */
  release(domid: number): void {
    if (this.introduced.delete(domid)) this.notify('@releaseDomain');
  }

  /** Tells those who watch for it that some guest has ended. */
  guestEnded(): void {
    this.notify('@releaseDomain');
  }

  /** Paths of all nodes, in order. */
  paths(): string[] {
    return [...this.nodes.keys()].sort();
  }

  /** Calls a simulation after each change, with the path. */
  observe(observer: (path: string) => void): void {
    this.observers.add(observer);
  }

  /** The whole tree as `PATH = "VALUE" (PERMS)`, in order of paths: two equal dumps are two equal stores. */
  dump(): string[] {
    return this.paths().map((path) => {
      const { value, perms } = this.nodes.get(path)!;
      return `${path} = ${JSON.stringify(value)} (${perms.join(',')})`;
    });
  }

  /** The store as plans use it. */
  get port(): Store {
    const direct = this.viewOf(this.nodes, (change) => this.commit([change]));
    return {
      ...direct,
      transaction: (body, options) => this.transaction(body, options?.signal),
      watch: (path, { signal }) => this.watch(path, signal),
      introduce: async (domid, gfn, port) => {
        await Promise.resolve();
        this.introduced.set(domid, { gfn, port });
        this.notify('@introduceDomain');
      },
      release: async (domid) => {
        await Promise.resolve();
        this.release(domid);
      },
    };
  }

  private async transaction<T>(body: (view: StoreView) => Promise<T>, signal?: AbortSignal): Promise<T> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      signal?.throwIfAborted();
      const since = this.generation;
      const copy = new Map(this.nodes);
      const changes: Change[] = [];
      const touched = new Set<string>();
      const view = this.viewOf(
        copy,
        (change) => {
          change.apply(copy);
          changes.push(change);
        },
        (path) => touched.add(path),
      );
      const result = await body(view);
      if ([...touched].every((path) => (this.changedAt.get(path) ?? 0) <= since)) {
        this.commit(changes);
        return result;
      }
    }
    throw new XlError('xenstore-eagain', `a transaction met a conflict ${ATTEMPTS} times`);
  }

  private viewOf(
    nodes: Map<string, Node>,
    change: (change: Change) => void,
    touch: (path: string) => void = () => undefined,
  ): StoreView {
    // The microtask in between lets others in, as a socket would.
    const after = async <T>(path: string, work: () => T): Promise<T> => {
      await Promise.resolve();
      touch(path);
      return work();
    };
    return {
      read: (path) => after(path, () => nodes.get(path)?.value ?? null),
      directory: (path) => after(path, () => (nodes.has(path) ? childrenOf(nodes, path) : null)),
      getPerms: (path) =>
        after(path, () => [...(nodes.get(path)?.perms ?? [])]).then((perms) => (perms.length === 0 ? null : perms)),
      write: (path, value) => after(path, () => change(writing(path, value))),
      mkdir: (path) => after(path, () => (nodes.has(path) ? undefined : change(writing(path, '')))),
      rm: (path) => after(path, () => change(removing(path))),
      setPerms: (path, perms) =>
        after(path, () => {
          if (!nodes.has(path))
            throw new XlError('xenstore-enoent', `${path} is not there: its permissions cannot be set`);
          change(permitting(path, perms));
        }),
    };
  }

  private commit(changes: readonly Change[]): void {
    this.generation += 1;
    for (const change of changes) {
      for (const path of [change.path, ...change.apply(this.nodes)]) this.changedAt.set(path, this.generation);
    }
    for (const { path } of changes) this.notify(path);
  }

  private notify(path: string): void {
    for (const watcher of this.watchers) {
      const concerned = isAtOrBelow(path, watcher.path) || isAtOrBelow(watcher.path, path);
      if (concerned) watcher.notify(path);
    }
    for (const observer of this.observers) observer(path);
  }

  private async *watch(path: string, signal: AbortSignal): AsyncGenerator<string> {
    const events = [path];
    let wake = (): void => undefined;
    const watcher = {
      path,
      notify: (changed: string): void => {
        events.push(changed);
        wake();
      },
    };
    const stop = (): void => wake();
    this.watchers.add(watcher);
    signal.addEventListener('abort', stop, { once: true });
    try {
      while (!signal.aborted) {
        const event = events.shift();
        if (event !== undefined) yield event;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      this.watchers.delete(watcher);
      signal.removeEventListener('abort', stop);
    }
  }
}

const isAtOrBelow = (path: string, root: string): boolean =>
  path === root || path.startsWith(root === '/' ? '/' : `${root}/`);

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('/')) || '/';

function childrenOf(nodes: ReadonlyMap<string, Node>, path: string): string[] {
  const prefix = path === '/' ? '/' : `${path}/`;
  return [...nodes.keys()]
    .filter((other) => other !== '/' && other.startsWith(prefix) && !other.includes('/', prefix.length))
    .map((other) => other.slice(prefix.length));
}

/** Makes the missing directories above too; what is new inherits its parent's permissions. */
function writing(path: string, value: string): Change {
  return {
    path,
    apply: (nodes) => {
      const parent = parentOf(path);
      const made = nodes.has(parent) ? [] : writing(parent, '').apply(nodes);
      nodes.set(path, { value, perms: nodes.get(path)?.perms ?? nodes.get(parent)!.perms });
      return [...made, path];
    },
  };
}

function removing(path: string): Change {
  return {
    path,
    apply: (nodes) => {
      const gone = [...nodes.keys()].filter((other) => isAtOrBelow(other, path));
      for (const other of gone) nodes.delete(other);
      return gone;
    },
  };
}

function permitting(path: string, perms: readonly string[]): Change {
  return {
    path,
    apply: (nodes) => {
      const node = nodes.get(path);
      if (node !== undefined) nodes.set(path, { ...node, perms });
      return [path];
    },
  };
}
