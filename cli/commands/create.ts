import { XlError } from '../../lib/base/error.ts';
import type { DomainConfig } from '../../lib/config/domain.ts';
import { planCreate } from '../../lib/plan/create.ts';
import type { Plan } from '../../lib/plan/step.ts';
import { pathsOf } from '../../lib/resolve/paths.ts';
import { resolve } from '../../lib/resolve/resolve.ts';
import type { Resolved } from '../../lib/resolve/resolved.ts';
import { carryOut } from '../carry-out.ts';
import { drawChoices } from '../choices.ts';
import type { CommandContext } from '../command.ts';
import { talkTo } from '../console.ts';
import { factsForPlan, hostFacts, type PlanningFacts } from '../facts.ts';
import type { Host } from '../host.ts';
import { intentOf } from '../intent.ts';
import { withHost } from '../open-host.ts';
import { printDiagnostics, printError } from '../print/error.ts';
import { printPlan } from '../print/plan.ts';
import { planLines, planTitle } from '../print/plan-text.ts';
import { resolvedLines } from '../print/resolved.ts';
import { readConfig } from '../read-config.ts';
import { usageError } from '../usage.ts';
import type { ArgumentsOf, RunOf } from './index.ts';

/** xl's exit status where no configuration is named (ERROR_INVAL). */
const EXIT_NO_CONFIG = 6;
/** xl's exit status for a creation that failed, whatever the reason (ERROR_FAIL). */
const EXIT_FAILED = 3;

type Options = ArgumentsOf<'create'>['options'];

/** `xl create FILE [key=value …]`: text to configuration to plan; then the plan is printed, or run. */
export const run: RunOf<'create'> = async (context, { options, words }) => {
  const { terminal, global } = context;
  const { file, overrides } = sources(options.defconfig, words);
  const intent = intentOf(context, options);
  if (!options.quiet && !global.json) terminal.err(`Parsing config from ${file}\n`);
  const { config, diagnostics } = await readConfig({ file, overrides, strict: options.strict });
  if (!options.quiet) printDiagnostics(diagnostics, terminal);

  if (intent.kind === 'run') return withHost(context, (host) => createOn(host, config, options, context));
  const facts = await factsForPlan(context, options, pathsOf(config));
  const { domain, plan } = planFor(config, facts, options, context);
  printPlan(plan, intent.format, terminal, (style) => resolvedLines(domain, style));
  return 0;
};

/** The configuration file and the words that are added to it. */
function sources(defconfig: string | undefined, words: readonly string[]): { file: string; overrides: string[] } {
  const overrides = words.filter((word) => word.includes('='));
  const files = [...(defconfig === undefined ? [] : [defconfig]), ...words.filter((word) => !word.includes('='))];
  const [file, second] = files;
  if (file === undefined) {
    throw usageError('no-config', 'Config file not specified and none in save file', { exitCode: EXIT_NO_CONFIG });
  }
  if (second === undefined) return { file, overrides };
  throw usageError('two-configs', `${second}: a domain is created from one config file, ${file} is it`, {
    hint: 'values are added as key=value, without blanks',
  });
}

function planFor(
  config: DomainConfig,
  { facts, bindings }: PlanningFacts,
  options: Options,
  { terminal }: CommandContext,
): { domain: Resolved; plan: Plan } {
  const domain = resolve(config, facts, drawChoices());
  if (!options.quiet) printDiagnostics(domain.diagnostics, terminal);
  const plan = planCreate(domain, { paused: options.pause });
  return { domain, plan: { ...plan, bindings: { ...plan.bindings, ...bindings } } };
}

async function createOn(host: Host, config: DomainConfig, options: Options, context: CommandContext): Promise<number> {
  const { terminal, global, signal } = context;
  const known = { facts: await hostFacts(host, pathsOf(config)), bindings: {} };
  const { domain, plan } = planFor(config, known, options, context);
  if (options.debug) {
    const page = [planTitle(plan), ...resolvedLines(domain, terminal.errStyle), ...planLines(plan, terminal.errStyle)];
    terminal.err(`${page.join('\n')}\n`);
  }
  let domid: number;
  try {
    const { bindings, timings } = await carryOut(plan, host, context, options);
    domid = Number(bindings.domid);
    if (global.json) {
      const timing = global.timing ? { timings } : {};
      terminal.out(`${JSON.stringify({ domid, name: domain.name, uuid: domain.uuid, ...timing })}\n`);
    }
  } catch (error) {
    const status = printError(error, terminal, global);
    return error instanceof XlError && error.exitCode !== 1 ? status : EXIT_FAILED;
  }
  if (options.console) {
    await talkTo(await host.console(domid, signal), { terminal, escape: ']', signal });
  } else if (options.foreground) await untilGone(host, domid, signal);
  return 0;
}

/** Waits for the end of a domain: its home in xenstore goes with it. */
async function untilGone({ ports: { store } }: Host, domid: number, signal: AbortSignal): Promise<void> {
  const home = `/local/domain/${domid}`;
  for await (const path of store.watch(home, { signal })) {
    if (path.startsWith(home) && (await store.directory(home)) === null) return;
  }
}
