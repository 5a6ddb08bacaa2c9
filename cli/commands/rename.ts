import { XlError } from '../../lib/base/error.ts';
import { planRename } from '../../lib/plan/rename.ts';
import { carryOut } from '../carry-out.ts';
import { requireDomain } from '../find-domain.ts';
import { intentOf } from '../intent.ts';
import { withHost } from '../open-host.ts';
import { printPlan } from '../print/plan.ts';
import { usageError } from '../usage.ts';
import type { RunOf } from './index.ts';

/** `xl rename DOMAIN NAME`. */
export const run: RunOf<'rename'> = (context, { options, words }) => {
  const [domainWord, name] = words as [string, string];
  if (name === '') throw usageError('empty-name', 'a domain needs a name of at least one letter.');
  return withHost(context, async (host) => {
    const domain = await requireDomain(host.ports.store, domainWord);
    const plan = planRename(domain, name, host.description);
    const intent = intentOf(context, options);
    if (intent.kind === 'print') {
      printPlan(plan, intent.format, context.terminal, () => []);
      return 0;
    }
    try {
      await carryOut(plan, host, context, { quiet: false });
    } catch (error) {
      throw nameTaken(error, domainWord);
    }
    if (context.global.json) context.terminal.out(`${JSON.stringify({ domid: domain.domid, name })}\n`);
    return 0;
  });
};

/** xl says that it could not, after libxl has said why. */
function nameTaken(error: unknown, word: string): unknown {
  if (!(error instanceof XlError) || error.code !== 'domain-name-taken') return error;
  return new XlError(error.code, `${error.message} Can't rename domain '${word}'.`, { hint: error.hint });
}
