import type { ConsoleChoice } from '../../lib/host/xen/console.ts';
import { requireDomain } from '../find-domain.ts';
import { talkTo } from '../console.ts';
import type { Host } from '../host.ts';
import { withHost } from '../open-host.ts';
import { usageError } from '../usage.ts';
import type { ArgumentsOf, RunOf } from './index.ts';

/** `xl console DOMAIN`. Ends with the guest, or when the user leaves. */
export const run: RunOf<'console'> = (context, { options, words }) =>
  withHost(context, async (host) => {
    const { terminal, signal } = context;
    const choice = choiceOf(options, host);
    const domain = await requireDomain(host.ports.store, words[0]!);
    const console = await host.console(domain.domid, choice, signal);
    await talkTo(console, { terminal, escape: options.escape ?? ']', signal });
    return 0;
  });

function choiceOf({ type, num = '0' }: ArgumentsOf<'console'>['options'], { kind }: Host): ConsoleChoice {
  if (!/^\d{1,9}$/.test(num)) throw usageError('number', `"${num}" is no console number.`);
  if (kind === 'embedded' && num !== '0') {
    throw usageError('console-number', 'the embedded host serves console 0 only.', {
      exitCode: 1,
      hint: 'further consoles of a guest are not connected yet',
    });
  }
  if (type === 'vuart') {
    throw usageError('console-type', 'a vuart is a console of guests on ARM.', {
      exitCode: 1,
      hint: 'use pv or serial',
    });
  }
  return { type: type ?? 'primary', num: Number(num) };
}
