import { XlError } from '../lib/base/error.ts';
import { readRunningDomain } from '../lib/host/inventory.ts';
import type { RunningDomain } from '../lib/plan/running.ts';
import { planAcpiEvent, planShutdown, type Ending } from '../lib/plan/shutdown.ts';
import type { Plan } from '../lib/plan/step.ts';
import { carryOut } from './carry-out.ts';
import type { Arguments, CommandContext } from './command.ts';
import type { ArgumentsOf } from './commands/index.ts';
import { requireDomid } from './find-domain.ts';
import type { Host } from './host.ts';
import { intentOf } from './intent.ts';
import { withHost } from './open-host.ts';
import { printError } from './print/error.ts';
import { printPlan } from './print/plan.ts';
import { untilEnded, type DomainEnd } from './wait-for-end.ts';

type Options = ArgumentsOf<'shutdown'>['options'];

/** xl's words for each ending (xl_vmcontrol.c: shutdown_domain, reboot_domain). */
const WORDS = {
  poweroff: { doing: 'Shutting down', command: 'shutdown', event: 'power button', fallback: 'power' },
  reboot: { doing: 'Rebooting', command: 'reboot', event: 'reset', fallback: 'reset' },
} as const satisfies Record<Ending, object>;

const NO_PV_CONTROL = 'PV control interface not available';

/** libxl's numbers for what may go wrong here. */
const ERROR_FAIL = -3;
const ERROR_TIMEDOUT = -9;
const ERROR_NOPARAVIRT = -10;

/**
 * `xl shutdown` and `xl reboot`. With -a one guest that does not answer keeps no other from being asked (xl stops at the
 * first); the exit status tells of it all the same.
 */
export function endDomains(
  ending: Ending,
  context: CommandContext,
  { options, words }: Pick<Arguments, 'words'> & { readonly options: Options },
): Promise<number> {
  const [word] = words;
  if (!options.all && word === undefined) {
    context.terminal.err('You must specify -a or a domain id.\n\n');
    return Promise.resolve(1);
  }
  return withHost(context, async (host) => {
    const domids = options.all ? await guests(host) : [await requireDomid(host.ports.store, word!)];
    const intent = intentOf(context, options);
    if (intent.kind === 'print') {
      for (const domid of domids) {
        const plan = await planFor(await requireGuest(domid, ending, host), ending, host, options, context);
        printPlan(plan, intent.format, context.terminal, () => []);
      }
      return 0;
    }
    const { asked, status } = await askAll(domids, ending, host, options, context);
    const ends = options.wait === 0 ? null : await untilEnded(asked, wantedEnd(options), host, context);
    if (context.global.json) context.terminal.out(`${JSON.stringify(answer(asked, ends), null, 2)}\n`);
    return status;
  });
}

/** Every domain but our own. */
async function guests({ domains }: Host): Promise<number[]> {
  return (await domains()).map(({ domid }) => domid).filter((domid) => domid !== 0);
}

const wantedEnd = ({ wait }: Options): DomainEnd['state'] => (wait > 1 ? 'destroyed' : 'shutdown');

/** Asks one guest after the other; which of them have taken note, and the exit status that the others make. */
async function askAll(
  domids: readonly number[],
  ending: Ending,
  host: Host,
  options: Options,
  context: CommandContext,
): Promise<{ asked: number[]; status: number }> {
  const asked: number[] = [];
  let status = 0;
  for (const domid of domids) {
    try {
      await ask(domid, ending, host, options, context);
      asked.push(domid);
    } catch (error) {
      if (!options.all || context.signal.aborted) throw error;
      status = printError(error, context.terminal, context.global);
    }
  }
  return { asked, status };
}

async function ask(
  domid: number,
  ending: Ending,
  host: Host,
  options: Options,
  context: CommandContext,
): Promise<void> {
  if (!context.global.json) context.terminal.err(`${WORDS[ending].doing} domain ${domid}\n`);
  const plan = await planFor(await requireGuest(domid, ending, host), ending, host, options, context);
  try {
    await carryOut(plan, host, context, { quiet: false });
  } catch (error) {
    throw notAcknowledged(error, ending);
  }
}

async function requireGuest(domid: number, ending: Ending, { ports }: Host): Promise<RunningDomain> {
  if (domid === 0) {
    throw new XlError('domain-0', `domain 0 is this machine itself: ${failed(ending, ERROR_FAIL)}`, {
      hint: `its own \`${ending}\` ends it`,
    });
  }
  const domain = await readRunningDomain(ports.store, domid);
  if (domain !== null) return domain;
  throw new XlError('domain-not-found', `Domain ${domid} does not exist: ${failed(ending, ERROR_FAIL)}`, {
    hint: '`xl list` shows the domains that there are',
  });
}

/** A guest without PV drivers hears of ACPI events only, and -F is what allows them. */
async function planFor(
  domain: RunningDomain,
  ending: Ending,
  host: Host,
  { force }: Options,
  { terminal, global }: CommandContext,
): Promise<Plan> {
  if (await hasPvControl(domain, ending, host)) return planShutdown(domain, ending);
  const { command, event, fallback } = WORDS[ending];
  if (!force) {
    if (!global.json) terminal.err(`${NO_PV_CONTROL}: external graceful ${command} not possible.\n`);
    throw new XlError('no-pv-control', `${failed(ending, ERROR_NOPARAVIRT)}: ${NO_PV_CONTROL}`, {
      hint: `Use "-F" to fallback to ACPI ${fallback} event.`,
    });
  }
  if (!global.json) terminal.err(`${NO_PV_CONTROL}: sending ACPI ${event} event.\n`);
  return planAcpiEvent(domain, ending, host.description);
}

/** An HVM guest says itself that its drivers take such requests (xenstore-paths.pandoc: `control/feature-*`). */
async function hasPvControl({ domid, type }: RunningDomain, ending: Ending, { ports }: Host): Promise<boolean> {
  if (type !== 'hvm') return true;
  return (await ports.store.read(`/local/domain/${domid}/control/feature-${ending}`)) === '1';
}

function notAcknowledged(error: unknown, ending: Ending): unknown {
  if (!(error instanceof XlError) || error.code !== 'wait-timed-out') return error;
  const { evidence, cause } = error;
  const message = `guest didn't acknowledge control request: ${failed(ending, ERROR_TIMEDOUT)}`;
  return new XlError('not-acknowledged', message, {
    evidence,
    cause,
    hint: 'the guest may hang, or be paused; the request was taken back. `xl destroy` ends it at once',
  });
}

const failed = (ending: Ending, rc: number): string => `${WORDS[ending].command} failed (rc=${rc})`;

const answer = (asked: readonly number[], ends: ReadonlyMap<number, DomainEnd> | null) =>
  asked.map((domid) => ({ domid, ...(ends?.get(domid) ?? { state: 'asked' }) }));
