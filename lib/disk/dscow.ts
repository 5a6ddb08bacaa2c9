import { basename } from 'node:path/posix';
import { XlError } from '../base/error.ts';

/** The overlay that a disk names, and the base over which it is made where it is not there yet. */
export interface DscowTarget {
  readonly cow: string;
  /** Null where only the overlay is named, which then has to be there. */
  readonly base: string | null;
}

/** Whether a disk's hotplug script is the one that serves dscow overlays. */
export const isDscowScript = (script: string | null): boolean => script !== null && basename(script) === 'block-dscow';

/**
 * Reads the target of a `block-dscow` disk: `COW`, or `dscow:COW:BASE` as dm-userspace's `dmu:` had it. Both paths are
 * absolute: who serves them has another directory. Throws XlError `dscow-target`.
 */
export function parseDscowTarget(target: string): DscowTarget {
  const match = /^dscow:([^:]+):(.+)$/s.exec(target);
  const found = match === null ? { cow: target, base: null } : { cow: match[1]!, base: match[2]! };
  if (found.cow.startsWith('/') && (found.base?.startsWith('/') ?? true)) return found;
  throw new XlError('dscow-target', `no overlay is named by ${JSON.stringify(target.slice(0, 200))}`, {
    hint: 'write target=/path/of/overlay, or dscow:/path/of/overlay:/path/of/base, with absolute paths',
  });
}

/** The name under which a domain's overlay is served. */
export const dscowServerName = (domid: number | string, vdev: string): string =>
  `dom${domid}-${vdev.replaceAll(/[^A-Za-z0-9]/g, '_')}`;
