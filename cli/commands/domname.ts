import { XlError } from '../../lib/base/error.ts';
import { withHost } from '../open-host.ts';
import type { RunOf } from './index.ts';

/** `xl domname DOMID`. */
export const run: RunOf<'domname'> = (context, { words }) =>
  withHost(context, async ({ ports }) => {
    const [word = ''] = words;
    if (!/^\d+$/.test(word)) throw new XlError('domid-invalid', 'Invalid domain id.');
    const domid = Number(word);
    const name = await ports.store.read(`/local/domain/${domid}/name`);
    if (name === null) {
      throw new XlError(
        'domain-not-found',
        `Can't get domain name of domain id '${domid}', maybe this domain does not exist.`,
      );
    }
    context.terminal.out(context.global.json ? `${JSON.stringify({ domid, name })}\n` : `${name}\n`);
    return 0;
  });
