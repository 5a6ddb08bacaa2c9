import { XlError } from '../lib/base/error.ts';
import { readDomainMemory } from '../lib/host/xen/memory.ts';
import type { DomainMemory } from '../lib/plan/memory.ts';
import type { RunningDomain } from '../lib/plan/running.ts';
import type { Plan } from '../lib/plan/step.ts';
import { carryOut } from './carry-out.ts';
import type { CommandContext } from './command.ts';
import { requireDomain } from './find-domain.ts';
import { intentOf, type PlanningOptions } from './intent.ts';
import { memorySizeKiB } from './memory-size.ts';
import { withHost } from './open-host.ts';
import { printPlan } from './print/plan.ts';
import { requireXen } from './require-xen.ts';

/** Which of a domain's memory limits a command sets. */
export interface MemoryLimit {
  readonly command: 'mem-set' | 'mem-max';
  /** xl's word for it in its errors. */
  readonly kind: 'dynamic' | 'static';
  readonly plan: (domain: RunningDomain, memory: DomainMemory, kib: number) => Plan;
}

/** `mem-set` and `mem-max`: the domain and the size as typed, a plan, and that carried out. */
export function setMemory(
  context: CommandContext,
  { options, words }: { readonly options: PlanningOptions; readonly words: readonly string[] },
  { command, kind, plan: planOf }: MemoryLimit,
): Promise<number> {
  const [domainWord, size] = words as [string, string];
  return withHost(context, async (host) => {
    const { store } = host.ports;
    const xen = requireXen(host, command, 'guests of the embedded host have no balloon driver');
    const domain = await requireDomain(store, domainWord);
    const kib = memorySizeKiB(size);
    if (kib === null) throw new XlError('memory-size', `invalid memory size: ${size}`, { hint: SIZES });
    const plan = await readDomainMemory(xen, store, domain)
      .then((memory) => planOf(domain, memory, kib))
      .catch((error: unknown) => {
        throw refused(error, `cannot set domid ${domain.domid} ${kind} max memory to : ${size}`);
      });
    const intent = intentOf(context, options);
    if (intent.kind === 'print') {
      printPlan(plan, intent.format, context.terminal, () => []);
      return 0;
    }
    await carryOut(plan, host, context, { quiet: true });
    if (context.global.json) context.terminal.out(`${JSON.stringify({ domid: domain.domid, memoryKiB: kib })}\n`);
    return 0;
  });
}

const SIZES = 'a number of MiB, or with b, k, m, g or t behind it: 512, 2g';

/** xl says what it could not do, after libxl has said why. */
function refused(error: unknown, what: string): unknown {
  if (!(error instanceof XlError)) return error;
  return new XlError(error.code, `${what}: ${error.message}`, { hint: error.hint, cause: error.cause });
}
