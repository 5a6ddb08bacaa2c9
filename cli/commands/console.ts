import { requireDomain } from '../find-domain.ts';
import { talkTo } from '../console.ts';
import { withHost } from '../open-host.ts';
import { usageError } from '../usage.ts';
import type { RunOf } from './index.ts';

/** `xl console DOMAIN`. Ends with the guest, or when the user leaves. */
export const run: RunOf<'console'> = (context, { options, words }) =>
  withHost(context, async (host) => {
    const { escape = ']', num = '0' } = options;
    if (!/^\d+$/.test(num)) throw usageError('number', `"${num}" is no console number.`);
    if (num !== '0') {
      throw usageError('console-number', `the ${host.kind} host serves console 0 only.`, {
        exitCode: 1,
        hint: 'further consoles of a guest are not connected yet',
      });
    }
    const domain = await requireDomain(host.ports.store, words[0]!);
    const console = await host.console(domain.domid, context.signal);
    await talkTo(console, { terminal: context.terminal, escape, signal: context.signal });
    return 0;
  });
