/** What one entry of a permission list lets a domain do. */
export type Access = 'none' | 'read' | 'write' | 'both';

/**
 * One entry of a node's permission list. The first entry of a list names the owner, who may do all, and says what
 * domains without an entry of their own may do (docs/misc/xenstore.txt, SET_PERMS).
 */
export interface Permission {
  readonly domid: number;
  readonly access: Access;
}

const letterOf: Readonly<Record<Access, string>> = { none: 'n', read: 'r', write: 'w', both: 'b' };
const accessOf: Readonly<Record<string, Access>> = { n: 'none', r: 'read', w: 'write', b: 'both' };
const FORM = /^([nrwb])(-?)(\d{1,10})$/;

/** Reads `r5`: a lower-case letter and a domid in decimal; null for anything else. A negative domid wraps as in C. */
export function parsePermission(text: string): Permission | null {
  const match = FORM.exec(text);
  if (match === null) return null;
  const domid = Number(`${match[2]!}${match[3]!}`);
  return { domid: domid >>> 0, access: accessOf[match[1]!]! };
}

/** The list in order, or null where an entry is none, or where there is no owner. */
export function parsePermissions(texts: readonly string[]): Permission[] | null {
  const permissions = texts.map(parsePermission);
  return permissions.length > 0 && permissions.every((permission) => permission !== null) ? permissions : null;
}

/** `r5`, as the wire and xenstore-ls -p have it. */
export const formatPermission = (permission: Permission): string => `${letterOf[permission.access]}${permission.domid}`;

export const mayRead = (access: Access): boolean => access === 'read' || access === 'both';
export const mayWrite = (access: Access): boolean => access === 'write' || access === 'both';
