import { pathsOf } from '../../lib/resolve/paths.ts';
import { factsForPlan } from '../facts.ts';
import { intentOf } from '../intent.ts';
import { planDomain } from '../plan-domain.ts';
import { printDiagnostics } from '../print/error.ts';
import { printPlan } from '../print/plan.ts';
import { resolvedLines } from '../print/resolved.ts';
import { readConfig } from '../read-config.ts';
import { usageError } from '../usage.ts';
import type { RunOf } from './index.ts';

/** xl's exit status where no configuration is named (ERROR_INVAL). */
const EXIT_NO_CONFIG = 6;

/** `xl create FILE [key=value …]`: text to configuration to plan; then the plan is printed, or run. */
export const run: RunOf<'create'> = async (context, { options, words }) => {
  const { terminal, global } = context;
  const { file, overrides } = sources(options.defconfig, words);
  const intent = intentOf(context, options);
  if (!options.quiet && !global.json) terminal.err(`Parsing config from ${file}\n`);
  const { config, diagnostics } = readConfig({ file, overrides, strict: options.strict });
  if (!options.quiet) printDiagnostics(diagnostics, terminal);

  if (intent.kind === 'run') {
    // Loaded here: a plan that is only shown needs neither sockets nor processes.
    const { createDomain } = await import('../create-domain.ts');
    return createDomain(config, options, context);
  }
  const facts = await factsForPlan(context, options, pathsOf(config));
  const { domain, plan } = planDomain(config, facts, options, context);
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
