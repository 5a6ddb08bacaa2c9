import { XlError } from '../base/error.ts';

/** The longest absolute path, in characters (XENSTORE_ABS_PATH_MAX). */
export const ABSOLUTE_PATH_MAX = 3072;

/** The longest path below a domain's own directory, in characters (XENSTORE_REL_PATH_MAX); C xenstored's limit for all. */
export const RELATIVE_PATH_MAX = 2048;

const ALLOWED = /^[-A-Za-z0-9/_@]*$/;

/** `/local/domain/N`, where relative paths of domain N begin. */
export const domainPath = (domid: number): string => `/local/domain/${domid}`;

/**
 * What is wrong with a path, in words, or null where it is well formed: relative or absolute, of `A-Z a-z 0-9 - / _ @`,
 * no `//`, no slash at the end. (docs/misc/xenstore.txt also allows `+`; both daemons refuse it.)
 */
export function pathProblem(path: string): string | null {
  if (path === '') return 'it is empty';
  if (path === '/') return null;
  if (path.endsWith('/')) return 'it ends in a slash';
  if (path.includes('//')) return 'it has an empty component (//)';
  if (!ALLOWED.test(path)) return 'only letters, digits, - _ @ and / are allowed';
  const limit = path.startsWith('/') ? ABSOLUTE_PATH_MAX : RELATIVE_PATH_MAX;
  return path.length > limit ? `it is ${path.length} characters long, and at most ${limit} are allowed` : null;
}

/** Throws `xenstore-bad-path` for a path that no server would take. `@names` pass where `special` is set. */
export function checkPath(path: string, special = false): void {
  const problem = path.startsWith('@') && !special ? 'names with @ can only be watched' : pathProblem(path);
  if (problem === null) return;
  throw new XlError('xenstore-bad-path', `${JSON.stringify(path)} is no xenstore path: ${problem}`, {
    hint: 'write /like/this, or like/this below the domain of the caller',
  });
}

/** The absolute path that a domain means: its own directory leads where there is no slash in front. `@names` stay. */
export const resolvePath = (path: string, domid: number): string =>
  path.startsWith('/') || path.startsWith('@') ? path : `${domainPath(domid)}/${path}`;

const ownDirectory = /^\/local\/domain\/\d{1,5}\//;

/** Whether C xenstored takes this absolute path as a node's name: the way to a domain's directory is not counted. */
export function isNodePath(path: string): boolean {
  if (!path.startsWith('/') || path.length > ABSOLUTE_PATH_MAX) return false;
  if (path !== '/' && (path.endsWith('/') || path.includes('//'))) return false;
  const uncounted = ownDirectory.exec(path)?.[0].length ?? 0;
  return path.length <= uncounted + RELATIVE_PATH_MAX && ALLOWED.test(path);
}

/** The node above; `/` is its own parent. */
export function parentPath(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash <= 0 ? '/' : path.slice(0, slash);
}

/** The last component. */
export const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

export const childPath = (path: string, name: string): string => (path === '/' ? `/${name}` : `${path}/${name}`);

/** Whether `path` is `top` or below it. `/ab` is not below `/a`, and no `@name` is below `/`. */
export function isAtOrBelow(path: string, top: string): boolean {
  if (top === '/') return path.startsWith('/');
  return path.startsWith(top) && (path.length === top.length || path[top.length] === '/');
}
