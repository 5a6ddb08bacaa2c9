import { XlError } from '../lib/base/error.ts';
import type { DomainConfig } from '../lib/config/domain.ts';
import { pathsOf } from '../lib/resolve/paths.ts';
import type { Resolved } from '../lib/resolve/resolved.ts';
import { PRIMARY_CONSOLE } from '../lib/host/xen/console.ts';
import type { Plan } from '../lib/plan/step.ts';
import { carryOut } from './carry-out.ts';
import type { CommandContext } from './command.ts';
import { talkTo } from './console.ts';
import { hostFacts } from './facts.ts';
import type { Host } from './host.ts';
import { withHost } from './open-host.ts';
import { planDomain, type CreateOptions } from './plan-domain.ts';
import { printError } from './print/error.ts';
import { planLines, planTitle } from './print/plan-text.ts';
import { resolvedLines } from './print/resolved.ts';

/** xl's exit status for a creation that failed, whatever the reason (ERROR_FAIL). */
const EXIT_FAILED = 3;
/** The exit status of what Ctrl-C has ended, as shells count it. */
const EXIT_INTERRUPTED = 130;

/** Creates a domain on the host and stays with it as long as the user wants. Gives the exit status. */
export function createDomain(config: DomainConfig, options: CreateOptions, context: CommandContext): Promise<number> {
  return withHost(context, async (host) => {
    const facts = await hostFacts(host, pathsOf(config));
    const { domain, plan } = planDomain(config, { facts, bindings: {} }, options, context);
    if (options.debug) printPage(domain, plan, context);
    try {
      const domid = await createOn(host, domain, plan, options, context);
      return await stayWith(domid, host, options, context);
    } catch (error) {
      const status = printError(error, context.terminal, context.global);
      return error instanceof XlError && error.exitCode !== 1 ? status : EXIT_FAILED;
    }
  });
}

/** `-d`: the whole plan before it runs. */
function printPage(domain: Resolved, plan: Plan, { terminal }: CommandContext): void {
  const { errStyle } = terminal;
  const page = [planTitle(plan), ...resolvedLines(domain, errStyle), ...planLines(plan, errStyle)];
  terminal.err(`${page.join('\n')}\n`);
}

async function createOn(
  host: Host,
  { name, uuid }: Resolved,
  plan: Plan,
  options: CreateOptions,
  context: CommandContext,
): Promise<number> {
  const { terminal, global } = context;
  const { bindings, timings } = await carryOut(plan, host, context, options);
  const domid = Number(bindings.domid);
  if (global.json) terminal.out(`${JSON.stringify({ domid, name, uuid, ...(global.timing ? { timings } : {}) })}\n`);
  return domid;
}

/** `-c` shows the console, `-F` waits for the end of the domain; otherwise there is nothing more to do. */
async function stayWith(
  domid: number,
  host: Host,
  options: CreateOptions,
  { terminal, signal }: CommandContext,
): Promise<number> {
  if (options.console) {
    await talkTo(await host.console(domid, PRIMARY_CONSOLE, signal), { terminal, escape: ']', signal });
  }
  if (options.foreground) return untilGone(host, domid, signal);
  return 0;
}

/** Waits for the end of a domain: its home in xenstore goes with it. Ctrl-C ends the waiting, not the domain. */
async function untilGone({ ports: { store } }: Host, domid: number, signal: AbortSignal): Promise<number> {
  const home = `/local/domain/${domid}`;
  try {
    for await (const path of store.watch(home, { signal })) {
      if (path.startsWith(home) && (await store.directory(home)) === null) return 0;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return EXIT_INTERRUPTED;
}
