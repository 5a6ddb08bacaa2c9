import { XlError } from '../../lib/base/error.ts';
import { planDetachVif } from '../../lib/plan/network.ts';
import type { RunningDevice, RunningDomain } from '../../lib/plan/running.ts';
import { carryOut } from '../carry-out.ts';
import { requireDomain } from '../find-domain.ts';
import { intentOf } from '../intent.ts';
import { withHost } from '../open-host.ts';
import { printPlan } from '../print/plan.ts';
import type { RunOf } from './index.ts';

/** `xl network-detach DOMAIN DEVID|MAC`. */
export const run: RunOf<'network-detach'> = (context, { options, words }) =>
  withHost(context, async (host) => {
    const { terminal, global } = context;
    const [domainWord, deviceWord] = words as [string, string];
    const domain = await requireDomain(host.ports.store, domainWord);
    const device = requireVif(domain, deviceWord);
    const plan = planDetachVif(domain, device, host.description);
    const intent = intentOf(context, options);
    if (intent.kind === 'print') {
      printPlan(plan, intent.format, terminal, () => []);
      return 0;
    }
    await carryOut(plan, host, context, { quiet: false });
    if (global.json) terminal.out(`${JSON.stringify({ domid: domain.domid, devid: device.devid })}\n`);
    return 0;
  });

/** The interface of that number or address. An address has colons, as for xl. */
function requireVif({ devices, name, domid }: RunningDomain, word: string): RunningDevice {
  const vifs = devices.filter(({ kind }) => kind === 'vif');
  const byAddress = word.includes(':');
  const vif = vifs.find(({ devid, keys }) =>
    byAddress ? keys.mac?.toLowerCase() === word.toLowerCase() : String(devid) === word,
  );
  if (vif !== undefined) return vif;
  const known = vifs.map(({ devid, keys }) => `${devid} (${keys.mac ?? 'no address'})`);
  const owner = name ?? `domain ${domid}`;
  throw new XlError('vif-unknown', `Unknown device ${word}.`, {
    hint: known.length === 0 ? `${owner} has no interface` : `the interfaces of ${owner} are ${known.join(', ')}`,
  });
}
