import { XlError } from '../lib/base/error.ts';
import type { Xen } from '../lib/host/xen/version.ts';
import type { Host } from './host.ts';

/** The hypervisor, for a command that means nothing without one; `why` says what the embedded host lacks for it. */
export function requireXen({ xen }: Pick<Host, 'xen'>, command: string, why: string): Xen {
  if (xen !== null) return xen;
  throw new XlError('needs-xen', `\`xl ${command}\` is for a Xen host: ${why}`, {
    hint: '`--host xen` acts on this machine’s Xen, where it runs one',
  });
}
