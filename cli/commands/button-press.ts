import { XlError } from '../../lib/base/error.ts';
import { requireDomid } from '../find-domain.ts';
import { withHost } from '../open-host.ts';
import { printError } from '../print/error.ts';
import { requireXen } from '../require-xen.ts';
import { NO_TRIGGERS, trigger } from '../trigger.ts';
import type { RunOf } from './index.ts';

/** `xl button-press DOMAIN BUTTON`, xl's older word for two of the triggers; the exit status is 0 even where it fails. */
export const run: RunOf<'button-press'> = (context, { words }) => {
  const { terminal, global, signal } = context;
  if (!global.json) terminal.err('WARNING: "button-press" is deprecated. Please use "trigger"\n');
  return withHost(context, async (host) => {
    const [domainWord, button] = words as [string, string];
    const xen = requireXen(host, 'button-press', NO_TRIGGERS);
    const domid = await requireDomid(host.ports.store, domainWord);
    if (button !== 'power' && button !== 'sleep') {
      throw new XlError('unknown-button', `${button} is an invalid button identifier`, {
        hint: 'there are power, sleep',
      });
    }
    try {
      await trigger({ ...host, xen }, { domid, event: button, vcpu: 0 }, signal);
      if (global.json) terminal.out(`${JSON.stringify({ domid, trigger: button })}\n`);
    } catch (error) {
      printError(error, terminal, global);
    }
    return 0;
  });
};
