import { storeFailure } from '../failure.ts';
import type { WireError } from '../failure.ts';
import { baseName, childPath, isNodePath, parentPath } from '../path.ts';
import type { Permission } from '../perms.ts';
import type { Domains } from './domains.ts';
import { nodeBytes } from './quota.ts';
import type { Quota } from './quota.ts';
import { isPrivileged, Right, rightsOf } from './rights.ts';
import type { Caller } from './rights.ts';
import type { NodeContent, Nodes, StoredPermission, StoreNode } from './tree.ts';

/** A change that watches hear of. */
export interface Change {
  readonly path: string;
  /** Only watches of this very path hear of it, not those above: it went along with a removed node above it. */
  readonly exact: boolean;
  /** The permissions before the change, where it took them away: who could read the node then hears of it too. */
  readonly former?: readonly StoredPermission[] | undefined;
}

/** Whose request it is, and on which nodes it works: the tree's, or a transaction's. */
export interface Context {
  readonly nodes: Nodes;
  readonly caller: Caller;
  readonly domains: Domains;
  readonly quota: Quota;
  /** How many nodes a domain owns in the tree. */
  readonly owned: (domid: number) => number;
  /** Called while the change is made: for a removed node just before it goes. */
  readonly changed: (change: Change) => void;
  /** Called where a node would grow too big: a transaction cannot commit any more, as in C xenstored. */
  readonly doom: () => void;
}

/** Throws the refusal that the wire carries as this name. */
export function refuse(name: WireError, what: string): never {
  throw storeFailure(name, what);
}

/** The node, if the caller has all those rights. Who may not see that it is missing hears EACCES instead of ENOENT. */
export function demand(context: Context, path: string, rights: number): StoreNode {
  const node = sought(context, path, rights);
  return node ?? refuse('ENOENT', path);
}

/** Like demand, but a missing node is undefined where the caller may know. */
function sought(context: Context, path: string, rights: number): StoreNode | undefined {
  if (!isNodePath(path)) refuse('EINVAL', path);
  const node = find(context, path);
  if (node !== undefined && (rightsOf(context.caller, node.permissions) & rights) === rights) return node;
  const above = rightsOf(context.caller, nearestAbove(context, path).permissions);
  if (node !== undefined || (above & rights) === 0) refuse('EACCES', path);
  return undefined;
}

export function write(context: Context, path: string, value: Buffer): void {
  const node = sought(context, path, Right.WRITE);
  if (node === undefined) create(context, path, value);
  else put(context, [[path, { ...node, value }]]);
  context.changed({ path, exact: false });
}

export function makeDirectory(context: Context, path: string): void {
  if (sought(context, path, Right.WRITE) !== undefined) return;
  create(context, path, Buffer.alloc(0));
  context.changed({ path, exact: false });
}

/** Removes a node and all below it; a missing one is fine if its parent is there. */
export function remove(context: Context, path: string): void {
  const node = sought(context, path, Right.WRITE);
  if (path === '/') refuse('EINVAL', path);
  if (node !== undefined) removeSubtree(context, path);
  else if (find(context, parentPath(path)) === undefined) refuse('ENOENT', path);
}

/** Takes a node out of the tree whoever asks: children first, so that watches below hear before those above. */
export function removeSubtree(context: Context, path: string): void {
  removeDown(context, path, false);
  const parent = find(context, parentPath(path));
  if (parent === undefined) return;
  const name = baseName(path);
  context.nodes.put(parentPath(path), { ...parent, children: parent.children.filter((child) => child !== name) });
}

export function setPermissions(context: Context, path: string, permissions: readonly StoredPermission[]): void {
  const node = demand(context, path, Right.WRITE | Right.OWNER);
  if (!isPrivileged(context.caller) && permissions[0]!.domid !== node.permissions[0]!.domid) refuse('EPERM', path);
  put(context, [[path, { ...node, permissions }]]);
  context.changed({ path, exact: false, former: node.permissions });
}

/** The list as it is stored: the owner must exist; an entry for a domain that does not will never count. */
export function storedPermissions(context: Context, permissions: readonly Permission[]): StoredPermission[] {
  if (!isPrivileged(context.caller) && permissions.length > context.quota.permissions) refuse('ENOSPC', 'SET_PERMS');
  const stored = permissions.map((permission): StoredPermission =>
    context.domains.hearOf(permission.domid) === undefined ? { ...permission, void: true } : permission,
  );
  if (stored[0]?.void === true) refuse('ENOENT', 'SET_PERMS');
  return stored;
}

/** A node with its permissions as they count now. */
export function find(context: Pick<Context, 'nodes' | 'domains'>, path: string): StoreNode | undefined {
  const node = context.nodes.get(path);
  return node === undefined ? undefined : context.domains.current(node);
}

/** The nearest existing node above a path; the root always exists. */
function nearestAbove(context: Context, path: string): StoreNode {
  for (let above = parentPath(path); above !== '/'; above = parentPath(above)) {
    const node = find(context, above);
    if (node !== undefined) return node;
  }
  return find(context, '/')!;
}

/** Makes a node and what is missing above it; all have the permissions of the nearest node above, and a domain owns its. */
function create(context: Context, path: string, value: Buffer): void {
  const made: [path: string, content: NodeContent][] = [];
  let above = parentPath(path);
  let child = baseName(path);
  let parent = find(context, above);
  const missing: string[] = [];
  for (; parent === undefined; parent = find(context, above)) {
    missing.push(child);
    child = baseName(above);
    above = parentPath(above);
  }
  const [owner, ...others] = parent.permissions;
  const permissions = [isPrivileged(context.caller) ? owner! : { ...owner!, domid: context.caller.domid }, ...others];
  made.push([above, { ...parent, children: [...parent.children, child] }]);
  for (const name of missing.reverse()) {
    above = childPath(above, child);
    made.push([above, { value: Buffer.alloc(0), permissions, children: [name] }]);
    child = name;
  }
  made.push([path, { value, permissions, children: [] }]);
  const { domid } = context.caller;
  const total = context.owned(domid) + made.length - 1;
  if (!isPrivileged(context.caller) && total > context.quota.nodes) refuse('ENOSPC', path);
  put(context, made);
}

/** Puts all or nothing: who has a quota must keep every node small enough. */
function put(context: Context, nodes: readonly (readonly [path: string, content: NodeContent])[]): void {
  const tooBig = isPrivileged(context.caller)
    ? undefined
    : nodes.find(([, content]) => nodeBytes(content) >= context.quota.nodeBytes);
  if (tooBig !== undefined) {
    context.doom();
    refuse('ENOSPC', tooBig[0]);
  }
  for (const [path, content] of nodes) context.nodes.put(path, content);
}

function removeDown(context: Context, path: string, exact: boolean): void {
  const node = find(context, path);
  if (node === undefined) return;
  for (const name of node.children) removeDown(context, childPath(path, name), true);
  context.changed({ path, exact, former: node.permissions });
  context.nodes.remove(path);
}
