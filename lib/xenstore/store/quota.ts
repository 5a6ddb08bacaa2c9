import type { StoredPermission } from './tree.ts';

/** What an unprivileged domain may use (docs/man/xenstored.8, `--quota`). Domain 0 has no quota but the 4096 of a message. */
export interface Quota {
  /** Nodes owned. */
  readonly nodes: number;
  /** Watches of one domain. */
  readonly watches: number;
  /** Transactions open at once. */
  readonly transactions: number;
  /** Different nodes, found or missing, that one transaction may touch. */
  readonly transactionNodes: number;
  /** Bytes of one node: see nodeBytes. */
  readonly nodeBytes: number;
  /** Entries of a permission list. */
  readonly permissions: number;
}

/** C xenstored's defaults (Xen 4.17). Its counts are compared before the new one is added: 129 watches, 11 transactions. */
export const DEFAULT_QUOTA: Quota = {
  nodes: 1000,
  watches: 128,
  transactions: 10,
  transactionNodes: 1024,
  nodeBytes: 2048,
  permissions: 5,
};

const HEADER_BYTES = 24;
const PERMISSION_BYTES = 8;

/** Bytes that C xenstored's database holds for a node: the names of the children count, each with its nul. */
export function nodeBytes(node: {
  readonly value: Uint8Array;
  readonly permissions: readonly StoredPermission[];
  readonly children: readonly string[];
}): number {
  const names = node.children.reduce((bytes, name) => bytes + name.length + 1, 0);
  return HEADER_BYTES + PERMISSION_BYTES * node.permissions.length + node.value.length + names;
}
