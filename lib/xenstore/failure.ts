import { XlError } from '../base/error.ts';

/** Error names that the wire's header lists (xs_wire.h). oxenstored also sends EQUOTA, which is in no list. */
// prettier-ignore
export const WIRE_ERRORS = [
  'EINVAL', 'EACCES', 'EEXIST', 'EISDIR', 'ENOENT', 'ENOMEM', 'ENOSPC', 'EIO',
  'ENOTEMPTY', 'ENOSYS', 'EROFS', 'EBUSY', 'EAGAIN', 'EISCONN', 'E2BIG', 'EPERM',
] as const;

export type WireError = (typeof WIRE_ERRORS)[number];

const meanings: Readonly<Record<string, string>> = {
  EINVAL: 'the request is malformed',
  EACCES: 'no permission',
  EPERM: 'only the owner may do that',
  EEXIST: 'it exists already',
  ENOENT: 'there is no such node',
  ENOSPC: 'the quota of the domain is used up',
  EQUOTA: 'the quota of the domain is used up',
  ENOSYS: 'the server does not know the request',
  EBUSY: 'transactions do not nest',
  EAGAIN: 'the transaction conflicts with another change',
  E2BIG: 'the answer is too long',
};

/** The error for a request that a store refused: code `xenstore-enoent` and so on; the name stays as it came. */
export function storeFailure(name: string, what: string): XlError {
  const meaning = meanings[name];
  return new XlError(
    `xenstore-${/^[A-Z0-9]{1,32}$/.test(name) ? name.toLowerCase() : 'error'}`,
    `xenstore refuses ${what}: ${meaning === undefined ? name : `${meaning} (${name})`}`,
  );
}

/** Whether this is the store's refusal with that name. */
export const isStoreFailure = (error: unknown, name: string): error is XlError =>
  error instanceof XlError && error.code === `xenstore-${name.toLowerCase()}`;
