import { mayRead, mayWrite } from '../perms.ts';
import type { Access } from '../perms.ts';
import type { StoredPermission } from './tree.ts';

/** Who asks: a domain, and the target whose rights it has too. */
export interface Caller {
  readonly domid: number;
  readonly target: number | undefined;
}

/** What a caller may do with a node, as bits. */
export const Right = { READ: 1, WRITE: 2, OWNER: 4 } as const;

const ALL = Right.READ | Right.WRITE | Right.OWNER;

/** Domain 0, and every socket connection, passes all checks and has no quota. */
export const isPrivileged = (caller: Caller): boolean => caller.domid === 0;

/** The caller's rights by a permission list: the owner's are all; else the first entry of its own, else the first of all. */
export function rightsOf(caller: Caller, permissions: readonly StoredPermission[]): number {
  const names = (permission: StoredPermission): boolean =>
    permission.domid === caller.domid || permission.domid === caller.target;
  const [owner, ...others] = permissions;
  if (isPrivileged(caller) || names(owner!)) return ALL;
  const own = others.find((permission) => permission.void !== true && names(permission));
  return rightsIn((own ?? owner!).access);
}

const rightsIn = (access: Access): number => (mayRead(access) ? Right.READ : 0) | (mayWrite(access) ? Right.WRITE : 0);
