import type { Permission } from '../perms.ts';

/** A permission entry in the store: `void` once it named a domain that is no more, for the next of that number is another. */
export interface StoredPermission extends Permission {
  readonly void?: true;
}

/** What a node holds. Never changed in place: a transaction may still look at it. */
export interface NodeContent {
  readonly value: Buffer;
  /** The owner first. */
  readonly permissions: readonly StoredPermission[];
  /** Names, by age. */
  readonly children: readonly string[];
}

export interface StoreNode extends NodeContent {
  /** Counts all changes of the store; that of a node tells whether it changed since it was looked at. */
  readonly generation: number;
}

/** Nodes by absolute path: the tree itself, or a transaction's view of it. Parents and children are the caller's care. */
export interface Nodes {
  get(path: string): StoreNode | undefined;
  put(path: string, content: NodeContent): void;
  remove(path: string): void;
}

/** The committed nodes, and how many of them each domain owns. */
export class Tree implements Nodes {
  readonly #nodes = new Map<string, StoreNode>();
  readonly #owned = new Map<number, number>();
  #generation = 0;

  /** A new change's number. */
  nextGeneration(): number {
    return ++this.#generation;
  }

  get(path: string): StoreNode | undefined {
    return this.#nodes.get(path);
  }

  put(path: string, { value, permissions, children }: NodeContent): void {
    this.#count(this.#nodes.get(path), -1);
    const node = { value, permissions, children, generation: this.nextGeneration() };
    this.#nodes.set(path, node);
    this.#count(node, 1);
  }

  remove(path: string): void {
    this.#count(this.#nodes.get(path), -1);
    this.#nodes.delete(path);
    this.#generation++;
  }

  /** How many nodes the domain owns. */
  owned(domid: number): number {
    return this.#owned.get(domid) ?? 0;
  }

  #count(node: NodeContent | undefined, step: number): void {
    if (node === undefined) return;
    const owner = ownerOf(node);
    const count = this.owned(owner) + step;
    if (count === 0) this.#owned.delete(owner);
    else this.#owned.set(owner, count);
  }
}

export const ownerOf = (node: NodeContent): number => node.permissions[0]!.domid;
