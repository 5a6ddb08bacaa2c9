import { domainJson, missingFromJson } from '../../lib/libxl-json/domain.ts';
import { printJson } from '../../lib/libxl-json/json.ts';
import { coresAskedFor } from '../../lib/monitor/reaction.ts';
import { pathsOf } from '../../lib/resolve/paths.ts';
import type { Diagnostic } from '../../lib/base/error.ts';
import type { DomainConfig } from '../../lib/config/domain.ts';
import { drawIdentity } from '../choices.ts';
import { factsForPlan } from '../facts.ts';
import { asksForPlan, intentOf } from '../intent.ts';
import { planDomain } from '../plan-domain.ts';
import { printDiagnostics } from '../print/error.ts';
import { printPlan } from '../print/plan.ts';
import { resolvedLines } from '../print/resolved.ts';
import { readConfig } from '../read-config.ts';
import { usageError } from '../usage.ts';
import type { RunOf } from './index.ts';

/** xl's exit status where no configuration is named (ERROR_INVAL). */
const EXIT_NO_CONFIG = 6;

/** `xl create FILE [key=value …]`: text to configuration, which `-N` prints; then to a plan, which is printed or run. */
export const run: RunOf<'create'> = async (context, { options, words }) => {
  const { terminal, global } = context;
  const { file, overrides } = sources(options.defconfig, words);
  const intent = intentOf(context, options);
  if (!options.quiet && !global.json) terminal.err(`Parsing config from ${file}\n`);
  // xl's own dry run says how it has understood the file, and looks at nothing else; tools read the domain's name there.
  const onlyRead = (global.dryRun || options.dryrun) && !asksForPlan(options);
  const unsupported = onlyRead ? 'read' : 'refuse';
  const read = readConfig({ file, overrides, strict: options.strict, unsupported });
  const { config } = read;
  if (!options.quiet) printDiagnostics([...read.diagnostics, ...coreDiagnostics(config)], terminal);
  if (onlyRead) {
    printDiagnostics(
      missingFromJson(config).map((name) => notInJson(name, config)),
      terminal,
    );
    terminal.out(printJson(domainJson(config, drawIdentity(config))));
    return 0;
  }

  if (intent.kind === 'run') {
    // Loaded here: a plan that is only shown needs neither sockets nor processes.
    const { createDomain } = await import('../create-domain.ts');
    return createDomain(read, options, context);
  }
  const facts = await factsForPlan(context, options, pathsOf(config));
  const { domain, plan } = planDomain(read, facts, options, context);
  printPlan(plan, intent.format, terminal, (style) => resolvedLines(domain, style));
  return 0;
};

const notInJson = (name: string, { places }: DomainConfig): Diagnostic => ({
  severity: 'warning',
  code: 'json-lacks-key',
  message: `\`${name}\` is not in the JSON: its words are not read apart yet`,
  where: places[name]!,
});

/** No core is written yet: who asks for one hears of it before the guest crashes. */
function coreDiagnostics({ keys }: DomainConfig): Diagnostic[] {
  return coresAskedFor(keys).map((ending) => ({
    severity: 'warning',
    code: 'no-core-dump',
    message: `${ending}: no core is dumped, the rest is done`,
    hint: 'preserve keeps the domain as it ended, to be looked at',
  }));
}

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
