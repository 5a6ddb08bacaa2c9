import type { WireError } from '../failure.ts';
import { refuse } from './nodes.ts';
import type { Change } from './nodes.ts';
import { ownerOf } from './tree.ts';
import type { NodeContent, Nodes, StoreNode, Tree } from './tree.ts';

interface Touched {
  /** As it was when first looked at; undefined for a node that was not there. */
  readonly found: StoreNode | undefined;
  now: StoreNode | undefined;
  modified: boolean;
  change: Change | undefined;
}

/** What a commit came to: the changes to tell of, in the order in which the nodes were first touched, or a refusal. */
export type Commit = { readonly changes: readonly Change[] } | { readonly refusal: WireError };

export interface CommitLimits {
  /** Whether the domain still exists. */
  readonly exists: (domid: number) => boolean;
  /** How many nodes a domain may own; C xenstored counts one less at a commit. */
  readonly nodes: number;
}

/**
 * A transaction's view of the tree, with the conflict rules of C xenstored: every node that was looked at, even one that
 * was missing, must be unchanged at the commit, whether or not the transaction writes. A node is looked at when it is
 * first needed, and stays as it was then; what was not looked at is free to change. So a transaction costs what it
 * touches, not what the store holds.
 */
export class Transaction implements Nodes {
  readonly #tree: Tree;
  readonly #limit: number;
  readonly #touched = new Map<string, Touched>();
  #doomed = false;

  /** `limit` is how many nodes may be touched; one more is ENOSPC, and the commit then fails. */
  constructor(tree: Tree, limit: number) {
    this.#tree = tree;
    this.#limit = limit;
  }

  get(path: string): StoreNode | undefined {
    return this.#touch(path).now;
  }

  put(path: string, content: NodeContent): void {
    const touched = this.#touch(path);
    touched.now = { ...content, generation: this.#tree.nextGeneration() };
    touched.modified = true;
  }

  remove(path: string): void {
    const touched = this.#touch(path);
    touched.now = undefined;
    touched.modified = true;
  }

  /** Remembers a change for the commit; of several changes of one node the last is told. */
  remember(change: Change): void {
    this.#touch(change.path).change = change;
  }

  /** A request met a limit: the commit will be ENOMEM. */
  doom(): void {
    this.#doomed = true;
  }

  /** Puts all into the tree, or nothing. */
  commit(limits: CommitLimits): Commit {
    if (this.#doomed) return { refusal: 'ENOMEM' };
    const refusal = this.#overQuota(limits) ?? (this.#conflicts() ? 'EAGAIN' : undefined);
    if (refusal !== undefined) return { refusal };
    const changes: Change[] = [];
    for (const [path, { found, now, modified, change }] of this.#touched) {
      if (!modified || (found === undefined && now === undefined)) continue;
      if (now === undefined) this.#tree.remove(path);
      else this.#tree.put(path, now);
      if (change !== undefined) changes.push({ ...change, former: found?.permissions });
    }
    return { changes };
  }

  #touch(path: string): Touched {
    const known = this.#touched.get(path);
    if (known !== undefined) return known;
    if (this.#touched.size >= this.#limit) {
      this.doom();
      refuse('ENOSPC', path);
    }
    const found = this.#tree.get(path);
    const touched = { found, now: found, modified: false, change: undefined };
    this.#touched.set(path, touched);
    return touched;
  }

  #conflicts(): boolean {
    for (const [path, { found }] of this.#touched) {
      if (this.#tree.get(path)?.generation !== found?.generation) return true;
    }
    return false;
  }

  /** Nodes gained and lost are counted for their owners, whoever made them. */
  #overQuota({ exists, nodes }: CommitLimits): WireError | undefined {
    const gained = new Map<number, number>();
    const count = (node: StoreNode | undefined, step: number): void => {
      if (node !== undefined) gained.set(ownerOf(node), (gained.get(ownerOf(node)) ?? 0) + step);
    };
    for (const { found, now, modified } of this.#touched.values()) {
      if (!modified) continue;
      count(found, -1);
      count(now, 1);
    }
    for (const [domid, change] of gained) {
      if (domid === 0 || change === 0) continue;
      if (!exists(domid)) return 'ENOMEM';
      if (this.#tree.owned(domid) + change >= nodes) return 'ENOSPC';
    }
    return undefined;
  }
}
