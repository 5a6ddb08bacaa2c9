import { XlError } from '../../lib/base/error.ts';
import { sendDebugKeys } from '../../lib/host/xen/hypercalls.ts';
import { withHost } from '../open-host.ts';
import { requireXen } from '../require-xen.ts';
import type { RunOf } from './index.ts';

/** `xl debug-keys KEYS`: what Xen answers is in `xl dmesg`. */
export const run: RunOf<'debug-keys'> = (context, { words }) =>
  withHost(context, (host) => {
    const [keys] = words as [string];
    const xen = requireXen(host, 'debug-keys', 'the embedded host has no hypervisor with a console');
    try {
      sendDebugKeys(xen, keys);
    } catch (cause) {
      throw new XlError('debug-keys', `cannot send debug keys: ${keys}`, { cause });
    }
    if (context.global.json) context.terminal.out(`${JSON.stringify({ keys })}\n`);
    return Promise.resolve(0);
  });
