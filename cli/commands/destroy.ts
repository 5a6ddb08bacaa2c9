import { XlError } from '../../lib/base/error.ts';
import { planDestroy } from '../../lib/plan/destroy.ts';
import { carryOut } from '../carry-out.ts';
import { requireDomid } from '../find-domain.ts';
import { intentOf } from '../intent.ts';
import { readRunningDomain } from '../../lib/host/inventory.ts';
import { monitorEnded } from '../../lib/host/monitors.ts';
import type { RunningDomain } from '../../lib/plan/running.ts';
import type { CommandContext } from '../command.ts';
import type { Host } from '../host.ts';
import { printDiagnostics } from '../print/error.ts';
import { withHost } from '../open-host.ts';
import { printPlan } from '../print/plan.ts';
import type { RunOf } from './index.ts';

/** `xl destroy [-f] DOMAIN`. */
export const run: RunOf<'destroy'> = (context, { options, words }) =>
  withHost(context, async (host) => {
    const domid = await requireDomid(host.ports.store, words[0]!);
    if (domid === 0 && !options.force) refuseDomainZero();
    const domain = await readRunningDomain(host.ports.store, domid);
    if (domain === null) throw noSuchDomain(domid);
    const plan = planDestroy(domain, host.description);
    const intent = intentOf(context, options);
    if (intent.kind === 'print') printPlan(plan, intent.format, context.terminal, () => []);
    else {
      await carryOut(plan, host, context, { quiet: false });
      await seeMonitorOff(domain, host, context);
    }
    return 0;
  });

/** The monitor ends with its domain; after us nothing is left of either. */
async function seeMonitorOff({ uuid, name }: RunningDomain, { description }: Host, { terminal }: CommandContext) {
  if (uuid === null || (await monitorEnded(description.dirs, uuid))) return;
  const message = `the domain is gone, but the monitor of ${name ?? uuid} has not ended`;
  printDiagnostics([{ severity: 'warning', code: 'monitor-stays', message }], terminal);
}

function refuseDomainZero(): never {
  throw new XlError('domain-0', 'Not destroying domain 0; use -f to force.', {
    hint: 'domain 0 is this machine itself; -f only succeeds where what is called domain 0 does not exist',
  });
}

const noSuchDomain = (domid: number): XlError =>
  new XlError('domain-not-found', `Domain ${domid} does not exist: destroy failed (rc=-21)`, {
    hint: '`xl list` shows the domains that there are',
  });
