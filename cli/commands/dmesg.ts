import { readXenConsole } from '../../lib/host/xen/hypercalls.ts';
import { withHost } from '../open-host.ts';
import { requireXen } from '../require-xen.ts';
import type { RunOf } from './index.ts';

/** `xl dmesg [-c]`: what Xen has said, as it said it. */
export const run: RunOf<'dmesg'> = (context, { options }) =>
  withHost(context, async (host) => {
    const { terminal, global } = context;
    const xen = requireXen(host, 'dmesg', 'the embedded host has no hypervisor that could have said anything');
    const said = readXenConsole(xen, { clear: options.clear }).toString('utf8');
    terminal.out(global.json ? `${JSON.stringify({ lines: linesOf(said) }, null, 2)}\n` : said);
    return Promise.resolve(0);
  });

const linesOf = (text: string): string[] => (text === '' ? [] : text.replace(/\n$/, '').split('\n'));
