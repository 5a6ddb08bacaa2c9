import { closeSync, openSync } from 'node:fs';
import { errnoOf } from '../base/error.ts';

/** Which host commands act on, and why that one. */
export interface WhichHost {
  readonly kind: 'xen' | 'embedded';
  /** A clause: `/dev/xen/privcmd opens`. */
  readonly reason: string;
  /** The user has said so; otherwise it was found out. */
  readonly chosen: boolean;
}

const PRIVCMD = '/dev/xen/privcmd';

/** The host that was asked for, else Xen where its control device opens, else the embedded one. */
export function whichHost(wish: 'xen' | 'embedded' | null): WhichHost {
  if (wish !== null) return { kind: wish, reason: 'it was asked for', chosen: true };
  try {
    closeSync(openSync(PRIVCMD, 'r+'));
    return { kind: 'xen', reason: `${PRIVCMD} opens`, chosen: false };
  } catch (error) {
    return { kind: 'embedded', reason: `${PRIVCMD} does not open (${errnoOf(error) ?? 'failed'})`, chosen: false };
  }
}
