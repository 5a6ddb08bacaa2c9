import type { StoreNode, StoredPermission } from './tree.ts';

/** A domain as the store knows it: it exists; perhaps it was introduced. */
export interface Domain {
  readonly domid: number;
  /** The store's generation when the domain was first heard of: permissions granted before were another domain's. */
  readonly since: number;
  introduced: boolean;
  /** It was shut down, and `@releaseDomain` has said so. */
  shutdown: boolean;
  /** The domain whose rights it has too: for stub domains. */
  target: number | undefined;
}

/** The domains that the store has heard of, by INTRODUCE or because a permission names them. */
export class Domains {
  readonly #byId = new Map<number, Domain>();
  readonly #exists: (domid: number) => boolean;
  readonly #nextGeneration: () => number;

  /** `exists` is what the hypervisor would say, `nextGeneration` gives the store's next one. */
  constructor(exists: (domid: number) => boolean, nextGeneration: () => number) {
    this.#exists = exists;
    this.#nextGeneration = nextGeneration;
    this.#byId.set(0, { domid: 0, since: 0, introduced: true, shutdown: false, target: undefined });
  }

  find(domid: number): Domain | undefined {
    return this.#byId.get(domid);
  }

  /** The domain, heard of from now on; undefined where the hypervisor has none of that number. */
  hearOf(domid: number): Domain | undefined {
    const known = this.#byId.get(domid);
    if (known !== undefined || !this.#exists(domid)) return known;
    const domain = { domid, since: this.#nextGeneration(), introduced: false, shutdown: false, target: undefined };
    this.#byId.set(domid, domain);
    return domain;
  }

  /** The domain is gone; who had its rights has them no more, for the next domain of that number is another. */
  forget(domid: number): void {
    this.#byId.delete(domid);
    for (const domain of this.#byId.values()) if (domain.target === domid) domain.target = undefined;
  }

  /**
   * The node with its permissions as they count now: an entry that was made for an earlier domain of the same number is
   * void, and a node whose owner is gone is domain 0's.
   */
  current(node: StoreNode): StoreNode {
    const stale = (permission: StoredPermission): boolean =>
      permission.void !== true && (this.hearOf(permission.domid)?.since ?? Infinity) > node.generation;
    if (!node.permissions.some(stale)) return node;
    const permissions = node.permissions.map((permission, index): StoredPermission => {
      if (!stale(permission)) return permission;
      return index === 0 ? { ...permission, domid: 0 } : { ...permission, void: true };
    });
    return { ...node, permissions };
  }
}
