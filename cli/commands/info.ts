import { thisMachine } from '../../lib/host/real/machine.ts';
import type { Host } from '../host.ts';
import { withHost } from '../open-host.ts';
import { embeddedInfoEntries, infoLines, infoValues, xenInfoEntries, type InfoEntries } from '../print/info.ts';
import type { RunOf } from './index.ts';

/** `xl info [KEY]`: the host, line by line, or the values of the lines that begin with KEY. */
export const run: RunOf<'info'> = (context, { words: [word] }) =>
  withHost(context, async (host) => {
    const { terminal, global } = context;
    const entries = await entriesOf(host);
    if (global.json) terminal.out(`${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`);
    else {
      const lines = word === undefined ? infoLines(entries) : infoValues(entries, word);
      terminal.out(lines.map((line) => `${line}\n`).join(''));
    }
    return 0;
  });

/** Loaded here: the hypervisor's code is for hosts that have one. */
async function entriesOf({ xen, description }: Host): Promise<InfoEntries> {
  if (xen === null) return embeddedInfoEntries(thisMachine(), description);
  const { readXenInfo } = await import('../../lib/host/xen/info.ts');
  return xenInfoEntries(thisMachine(), readXenInfo(xen));
}
