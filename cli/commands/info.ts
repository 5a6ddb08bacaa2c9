import type { Diagnostic } from '../../lib/base/error.ts';
import { thisMachine } from '../../lib/host/real/machine.ts';
import type { XenTopology } from '../../lib/host/xen/info.ts';
import type { CommandContext } from '../command.ts';
import type { Host } from '../host.ts';
import { withHost } from '../open-host.ts';
import { printDiagnostics } from '../print/error.ts';
import {
  embeddedInfoEntries,
  infoLines,
  infoValues,
  withStoreFeatures,
  xenInfoEntries,
  type InfoEntries,
} from '../print/info.ts';
import { topologyData, withTopology } from '../print/topology.ts';
import { requireXen } from '../require-xen.ts';
import type { RunOf } from './index.ts';

/** `xl info [-n] [-x] [KEY]`: the host, line by line, or the values of the lines that begin with KEY. */
export const run: RunOf<'info'> = (context, { options, words: [word] }) =>
  withHost(context, async (host) => {
    const { terminal, global } = context;
    const entries = options.xenstore ? await withFeatures(host, context) : await entriesOf(host);
    const topology = options.numa ? await topologyOf(host) : null;
    if (global.json) {
      const numa = topology === null ? {} : { numa: topologyData(topology) };
      terminal.out(`${JSON.stringify({ ...Object.fromEntries(entries), ...numa }, null, 2)}\n`);
    } else {
      // With -n stock xl prints everything, whatever word there is.
      const lines =
        topology !== null
          ? withTopology(infoLines(entries), topology)
          : word === undefined
            ? infoLines(entries)
            : infoValues(entries, word);
      terminal.out(lines.map((line) => `${line}\n`).join(''));
    }
    return 0;
  });

/** A xenstored that cannot say is passed over: the other lines are as good as ever. */
async function withFeatures(host: Host, { terminal }: CommandContext): Promise<InfoEntries> {
  const [entries, features] = await Promise.all([entriesOf(host), host.storeFeatures()]);
  if (features !== null) return withStoreFeatures(entries, features);
  printDiagnostics([FEATURES_UNKNOWN], terminal);
  return entries;
}

const FEATURES_UNKNOWN: Diagnostic = {
  severity: 'warning',
  code: 'store-features-unknown',
  message: 'the xenstored of this host does not say which features it supports',
  hint: 'those of Xen 4.22 and older cannot',
};

async function topologyOf(host: Host): Promise<XenTopology> {
  const xen = requireXen(
    host,
    'info -n',
    'the embedded host leaves memory and CPUs to its kernel; lscpu(1) shows them',
  );
  return (await import('../../lib/host/xen/info.ts')).readXenTopology(xen);
}

/** Loaded here: the hypervisor's code is for hosts that have one. */
async function entriesOf({ xen, description }: Host): Promise<InfoEntries> {
  if (xen === null) return embeddedInfoEntries(thisMachine(), description);
  const { readXenInfo } = await import('../../lib/host/xen/info.ts');
  return xenInfoEntries(thisMachine(), readXenInfo(xen));
}
