import { childPath, parentPath } from '../path.ts';
import { StoreConnection } from './connection.ts';
import type { ConnectionOptions } from './connection.ts';
import { Domains } from './domains.ts';
import { find, refuse, removeSubtree } from './nodes.ts';
import type { Change, Context } from './nodes.ts';
import { DEFAULT_QUOTA } from './quota.ts';
import type { Quota } from './quota.ts';
import { Right, rightsOf } from './rights.ts';
import type { Caller } from './rights.ts';
import type { CommitLimits, Transaction } from './transactions.ts';
import { ownerOf, Tree } from './tree.ts';
import type { StoredPermission } from './tree.ts';
import { Watches } from './watches.ts';

/** The names that can be watched although no node has them; each has a permission list of its own. */
type SpecialName = '@introduceDomain' | '@releaseDomain';

export interface StoreOptions {
  readonly quota?: Partial<Quota> | undefined;
  /** What the hypervisor would say: whether there is a domain of that number now. Every number, unless said. */
  readonly domainExists?: ((domid: number) => boolean) | undefined;
  /** Bytes of events that may wait for one connection before it is closed; 1 MiB unless said. */
  readonly maxQueuedBytes?: number | undefined;
}

/**
 * The store itself, with C xenstored's behaviour (Xen 4.17) and no socket, file or clock: connections hand it request
 * packets and take replies and watch events out of their outboxes. It differs on purpose where C xenstored's answer is an
 * accident: a MKDIR or RM without its one path is EINVAL (there ENOMEM), a refused SET_PERMS of an `@name` is EACCES or
 * EINVAL (there any error), the root stays although its owner dies, and a domain dies although it is another's target.
 * CONTROL has few commands, and a domain's memory is bounded by its other quotas and its outbox.
 */
export class StoreServerCore {
  readonly quota: Quota;
  readonly tree = new Tree();
  readonly watches = new Watches<StoreConnection>();
  readonly maxQueuedBytes: number;
  readonly #domains: Domains;
  readonly #connections = new Set<StoreConnection>();
  readonly #special: Record<SpecialName, readonly StoredPermission[]> = {
    '@introduceDomain': [{ domid: 0, access: 'none' }],
    '@releaseDomain': [{ domid: 0, access: 'none' }],
  };

  constructor(options: StoreOptions = {}) {
    this.quota = { ...DEFAULT_QUOTA, ...options.quota };
    this.maxQueuedBytes = options.maxQueuedBytes ?? 1024 * 1024;
    this.#domains = new Domains(options.domainExists ?? (() => true), () => this.tree.nextGeneration());
    const permissions = [{ domid: 0, access: 'none' }] as const;
    const empty = { value: Buffer.alloc(0), permissions };
    this.tree.put('/', { ...empty, children: ['tool'] });
    this.tree.put('/tool', { ...empty, children: ['xenstored'] });
    this.tree.put('/tool/xenstored', { ...empty, children: [] });
  }

  /** Opens a connection. */
  connect(options: ConnectionOptions): StoreConnection {
    this.#domains.hearOf(options.domid);
    const connection = new StoreConnection(this, options);
    this.#connections.add(connection);
    return connection;
  }

  isIntroduced(domid: number): boolean {
    return this.#domains.find(domid)?.introduced ?? false;
  }

  /** INTRODUCE: EINVAL where the hypervisor has no such domain. A second time it resets the domain's connections. */
  introduce(domid: number): void {
    const domain = this.#domains.hearOf(domid);
    if (domain === undefined) refuse('EINVAL', `domain ${domid}`);
    if (!domain.introduced) {
      domain.introduced = true;
      this.fire({ path: '@introduceDomain', exact: true });
    }
    if (domid !== 0) for (const connection of this.#of(domid)) connection.reset();
  }

  /** RELEASE, or the domain is no more: its connections and the nodes that it owns go, and `@releaseDomain` says so. */
  release(domid: number): void {
    const known = this.#domains.find(domid);
    if (domid === 0 || known === undefined) return;
    for (const connection of this.#of(domid)) connection.close();
    this.#removeOwned('/', domid);
    this.#domains.forget(domid);
    if (known.introduced) this.fire({ path: '@releaseDomain', exact: true });
  }

  /** The domain shut down, or crashed: `@releaseDomain` says so once. */
  domainShutdown(domid: number): void {
    const domain = this.#domains.find(domid);
    if (domain === undefined || !domain.introduced || domain.shutdown) return;
    domain.shutdown = true;
    this.fire({ path: '@releaseDomain', exact: true });
  }

  /** RESUME: a shut down domain runs again. */
  resume(domid: number): void {
    const domain = this.#domains.find(domid);
    if (domain !== undefined) domain.shutdown = false;
  }

  /** SET_TARGET: ENOENT where either is not introduced. */
  setTarget(domid: number, target: number): void {
    const domain = this.#domains.find(domid);
    if (domain?.introduced !== true || !this.isIntroduced(target)) refuse('ENOENT', `domain ${domid} or ${target}`);
    domain.target = target;
  }

  /** SET_PERMS of an `@name`: who may hear of it. (C xenstored refuses with whatever errno is left over.) */
  setSpecialPermissions(caller: Caller, name: string, permissions: readonly StoredPermission[]): void {
    if (name !== '@introduceDomain' && name !== '@releaseDomain') refuse('EINVAL', name);
    if ((rightsOf(caller, this.#special[name]) & Right.OWNER) === 0) refuse('EACCES', name);
    this.#special[name] = permissions;
  }

  /** Tells a change to the watches that may hear of it. */
  fire(change: Change): void {
    for (const watch of this.watches.matching(change.path, change.exact)) {
      if (this.#mayHear(watch.watcher.caller, change)) watch.watcher.sendEvent(watch, change.path);
    }
  }

  /** What a request of that caller works on: the tree, or a transaction over it. */
  contextOf(caller: Caller, transaction: Transaction | undefined): Context {
    return {
      nodes: transaction ?? this.tree,
      caller,
      domains: this.#domains,
      quota: this.quota,
      owned: (domid) => this.tree.owned(domid),
      changed: (change) => {
        if (transaction === undefined) this.fire(change);
        else transaction.remember(change);
      },
      doom: () => transaction?.doom(),
    };
  }

  /** For a connection: what a commit may not exceed. */
  commitLimits(): CommitLimits {
    return {
      exists: (domid) => this.#domains.hearOf(domid) !== undefined,
      nodes: this.quota.nodes,
    };
  }

  /** For a connection: its caller's target now. */
  targetOf(domid: number): number | undefined {
    return this.#domains.find(domid)?.target;
  }

  /** For a connection that ended. */
  disconnected(connection: StoreConnection): void {
    this.#connections.delete(connection);
    this.watches.removeAll(connection);
  }

  #of(domid: number): StoreConnection[] {
    return [...this.#connections].filter((connection) => connection.domid === domid);
  }

  /** Who could read the node before, or can read it or the one above it now. */
  #mayHear(caller: Caller, { path, former }: Change): boolean {
    const reads = (permissions: readonly StoredPermission[]): boolean =>
      (rightsOf(caller, permissions) & Right.READ) !== 0;
    if (path === '@introduceDomain' || path === '@releaseDomain') return reads(this.#special[path]);
    if (former !== undefined && reads(former)) return true;
    const context = { nodes: this.tree, domains: this.#domains };
    const node = find(context, path);
    if (node === undefined) return caller.domid === 0;
    return reads(node.permissions) || reads(find(context, parentPath(path))?.permissions ?? node.permissions);
  }

  #removeOwned(path: string, domid: number): void {
    const node = this.tree.get(path);
    if (node === undefined) return;
    if (path !== '/' && ownerOf(node) === domid) {
      removeSubtree(this.contextOf({ domid: 0, target: undefined }, undefined), path);
    } else for (const name of node.children) this.#removeOwned(childPath(path, name), domid);
  }
}
