import { errnoOf } from '../base/error.ts';
import { NbdErrno } from './protocol.ts';

const KNOWN: Readonly<Record<string, number>> = {
  ENOSPC: NbdErrno.ENOSPC,
  EDQUOT: NbdErrno.ENOSPC,
  EFBIG: NbdErrno.ENOSPC,
  EPERM: NbdErrno.EPERM,
  EROFS: NbdErrno.EPERM,
  EACCES: NbdErrno.EPERM,
  'dscow-read-only': NbdErrno.EPERM,
  ENOMEM: NbdErrno.ENOMEM,
};

/** The protocol's number for what the disk threw; EIO for all that it has no number for. */
export const nbdErrnoOf = (error: unknown): number => KNOWN[errnoOf(error) ?? ''] ?? NbdErrno.EIO;
