import type { Text } from './text.ts';

/** One change to xenstore, or a condition on it; several make a transaction. Paths and values may have holes. */
export type StoreOp =
  /** Writes a value; with `perms` (first the owner, `n0`, `r7` …) it sets them at once, else the node inherits. */
  | { readonly op: 'write'; readonly path: Text; readonly value: Text; readonly perms?: readonly Text[] }
  | { readonly op: 'mkdir'; readonly path: Text; readonly perms?: readonly Text[] }
  /** Removes a subtree; a missing one is fine. */
  | { readonly op: 'rm'; readonly path: Text }
  /** Removes a subtree and then every parent that is left without value and children (`libxl__xs_path_cleanup`). */
  | { readonly op: 'prune'; readonly path: Text }
  /** Fails the transaction, with this error, where the path exists. */
  | { readonly op: 'require-absent'; readonly path: Text; readonly error: Refusal }
  /** Fails the transaction where another domain has this name. */
  | { readonly op: 'require-unused-name'; readonly name: Text; readonly domid: Text; readonly error: Refusal }
  /** Writes only where the node is there: a device that is gone meanwhile is not made anew. */
  | { readonly op: 'write-if-present'; readonly path: Text; readonly value: Text }
  /** Writes `to` only where the value is `from`: takes back a request that nobody has answered yet. */
  | { readonly op: 'replace'; readonly path: Text; readonly from: string; readonly to: string }
  | { readonly op: 'introduce'; readonly domid: Text; readonly gfn: Text; readonly port: Text }
  | { readonly op: 'release'; readonly domid: Text };

/** The error that a failed condition gives. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}
