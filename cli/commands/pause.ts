import { requireDomid } from '../find-domain.ts';
import { withHost } from '../open-host.ts';
import { printError } from '../print/error.ts';
import type { RunOf } from './index.ts';

/** `xl pause DOMAIN`. As with xl the exit status is 0 even where the domain is none; the error is printed. */
export const run: RunOf<'pause'> = (context, { words }) =>
  withHost(context, async ({ ports }) => {
    const domid = await requireDomid(ports.store, words[0]!);
    try {
      await ports.hypervisor.call({ op: 'pausedomain', domid: String(domid) }, context.signal);
      if (context.global.json) context.terminal.out(`${JSON.stringify({ domid, paused: true })}\n`);
    } catch (error) {
      printError(error, context.terminal, context.global);
    }
    return 0;
  });
