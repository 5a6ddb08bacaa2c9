import { XlError } from '../lib/base/error.ts';
import { pathsOf, pathsOfDisk } from '../lib/resolve/paths.ts';
import type { Resolved } from '../lib/resolve/resolved.ts';
import { PRIMARY_CONSOLE } from '../lib/host/xen/console.ts';
import type { Plan } from '../lib/plan/step.ts';
import { carryOut } from './carry-out.ts';
import type { CommandContext } from './command.ts';
import { talkTo } from './console.ts';
import { hostFacts } from './facts.ts';
import type { Host } from './host.ts';
import { monitorHere, startMonitor, type MonitoredDomain } from './monitor.ts';
import { withHost } from './open-host.ts';
import { planDomain, type CreateOptions } from './plan-domain.ts';
import { printDiagnostics, printError } from './print/error.ts';
import { planLines, planTitle } from './print/plan-text.ts';
import { resolvedLines } from './print/resolved.ts';
import type { ReadConfig } from './read-config.ts';

/** xl's exit status for a creation that failed, whatever the reason (ERROR_FAIL). */
const EXIT_FAILED = 3;

/** Creates a domain on the host and stays with it as long as the user wants. Gives the exit status. */
export function createDomain(read: ReadConfig, options: CreateOptions, context: CommandContext): Promise<number> {
  return withHost(context, async (host) => {
    const { keys, disks } = read.config;
    const facts = await hostFacts(host, pathsOf(read.config), {
      images: disks.flatMap(({ disk }) => pathsOfDisk(disk)),
      // One that is drawn is nobody's.
      uuids: keys.uuid !== null,
    });
    const { domain, plan } = planDomain(read, { facts, bindings: {} }, options, context);
    if (options.debug) printPage(domain, plan, context);
    try {
      const domid = await createOn(host, domain, plan, options, context);
      return await stayWith({ domid, uuid: domain.uuid, name: domain.name }, host, options, context);
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

/**
 * A monitor looks after the domain from here on, unless `-e` wants none: in the background, or with `-F` this process
 * itself. `-c` shows the console meanwhile.
 */
async function stayWith(
  domain: MonitoredDomain,
  host: Host,
  options: CreateOptions,
  context: CommandContext,
): Promise<number> {
  const { terminal, signal } = context;
  if (!options.foreground && !options.detach) await startMonitorOrSay(domain, host, context);
  if (options.console) {
    await talkTo(await host.console(domain.domid, PRIMARY_CONSOLE, signal), { terminal, escape: ']', signal });
  }
  return options.foreground ? monitorHere(domain, host, context) : 0;
}

/** The domain runs: that nobody looks after it is no reason to fail. */
async function startMonitorOrSay(domain: MonitoredDomain, host: Host, context: CommandContext): Promise<void> {
  try {
    await startMonitor(domain, host, context);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    printDiagnostics(
      [
        {
          severity: 'warning',
          code: 'no-monitor',
          message: `the domain runs, but nobody looks after it: ${why}`,
          hint: `xl monitor ${domain.name}`,
        },
      ],
      context.terminal,
    );
  }
}
