import { XlError } from '../../lib/base/error.ts';
import { findDomid } from '../find-domain.ts';
import { withHost } from '../open-host.ts';
import type { RunOf } from './index.ts';

/** `xl domid NAME`. */
export const run: RunOf<'domid'> = (context, { words }) =>
  withHost(context, async ({ ports }) => {
    const [name = ''] = words;
    const domid = await findDomid(ports.store, name);
    if (domid === null) {
      throw new XlError(
        'domain-not-found',
        `Can't get domid of domain name '${name}', maybe this domain does not exist.`,
      );
    }
    context.terminal.out(context.global.json ? `${JSON.stringify({ domid, name })}\n` : `${domid}\n`);
    return 0;
  });
