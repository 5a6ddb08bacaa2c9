import { XlError } from '../../lib/base/error.ts';
import { show } from '../../lib/base/text.ts';
import { sysrqPath } from '../../lib/device/domain.ts';
import { commandHelpText } from '../help.ts';
import { requireDomid } from '../find-domain.ts';
import { withHost } from '../open-host.ts';
import { printError } from '../print/error.ts';
import type { RunOf } from './index.ts';

/** `xl sysrq DOMAIN LETTER`. As with xl the exit status is 0 even where the domain is none; the error is printed. */
export const run: RunOf<'sysrq'> = (context, { words }) => {
  const [domainWord, letter] = words as [string, string];
  if (letter.length !== 1) {
    context.terminal.err('Invalid sysrq.\n\n');
    context.terminal.out(commandHelpText('sysrq', context.terminal.outStyle.width));
    return 1;
  }
  return withHost(context, async ({ kind, ports }) => {
    const domid = await requireDomid(ports.store, domainWord);
    if (kind === 'embedded') throw notHeard();
    const path = show(sysrqPath(String(domid)));
    const heard = await ports.store.transaction(async (view) => {
      const guestHasNode = (await view.read(path)) !== null;
      if (guestHasNode) await view.write(path, letter);
      return guestHasNode;
    });
    if (!heard) printError(noSysrq(domid), context.terminal, context.global);
    else if (context.global.json) context.terminal.out(`${JSON.stringify({ domid, sysrq: letter })}\n`);
    return 0;
  });
};

const noSysrq = (domid: number): XlError =>
  new XlError('domain-not-found', `Domain ${domid} does not exist, or takes no SysRq.`, {
    hint: '`xl list` shows the domains that there are',
  });

const notHeard = (): XlError =>
  new XlError('sysrq-embedded', 'guests of the embedded host hear no SysRq', {
    hint: 'they have no xenbus driver; on their console, `echo h > /proc/sysrq-trigger` does the same',
  });
