import { XlError } from '../../lib/base/error.ts';
import { requireDomid } from '../find-domain.ts';
import { withHost } from '../open-host.ts';
import { printError } from '../print/error.ts';
import { requireXen } from '../require-xen.ts';
import { NO_TRIGGERS, trigger, triggerNamed, TRIGGERS } from '../trigger.ts';
import type { RunOf } from './index.ts';

/** `xl trigger DOMAIN EVENT [VCPU]`. As with xl the exit status is 0 even where it fails; the error is printed. */
export const run: RunOf<'trigger'> = (context, { words }) =>
  withHost(context, async (host) => {
    const { terminal, global, signal } = context;
    const [domainWord, name, vcpuWord = '0'] = words as [string, string, string?];
    const xen = requireXen(host, 'trigger', NO_TRIGGERS);
    const domid = await requireDomid(host.ports.store, domainWord);
    const event = triggerNamed(name);
    if (event === null) {
      throw new XlError('unknown-trigger', `Invalid trigger "${name}"`, { hint: `there are ${TRIGGERS.join(', ')}` });
    }
    const isNumber = /^\d{1,5}$/.test(vcpuWord);
    if (!isNumber) terminal.err('Invalid vcpuid, using default vcpuid=0.\n\n');
    const vcpu = isNumber ? Number(vcpuWord) : 0;
    try {
      await trigger({ ...host, xen }, { domid, event, vcpu }, signal);
      if (global.json) terminal.out(`${JSON.stringify({ domid, trigger: event, vcpu })}\n`);
    } catch (error) {
      printError(error, terminal, global);
    }
    return 0;
  });
