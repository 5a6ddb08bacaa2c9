import { givenText } from '../lib/monitor/given.ts';
import { planCreate } from '../lib/plan/create.ts';
import type { Plan } from '../lib/plan/step.ts';
import { resolve } from '../lib/resolve/resolve.ts';
import type { Resolved } from '../lib/resolve/resolved.ts';
import { drawChoices } from './choices.ts';
import type { CommandContext } from './command.ts';
import type { ArgumentsOf } from './commands/index.ts';
import type { PlanningFacts } from './facts.ts';
import { printDiagnostics } from './print/error.ts';
import type { ReadConfig } from './read-config.ts';

/** The options of `xl create`, as read. */
export type CreateOptions = ArgumentsOf<'create'>['options'];

/** A domain with every choice made, and the plan that creates it. What there is to remark is printed. */
export function planDomain(
  { config, given }: Pick<ReadConfig, 'config' | 'given'>,
  { facts, bindings }: PlanningFacts,
  options: CreateOptions,
  { terminal }: Pick<CommandContext, 'terminal'>,
): { domain: Resolved; plan: Plan } {
  const domain = resolve(config, facts, drawChoices());
  if (!options.quiet) printDiagnostics(domain.diagnostics, terminal);
  const plan = planCreate(domain, { paused: options.pause, given: givenText(given) });
  return { domain, plan: { ...plan, bindings: { ...plan.bindings, ...bindings } } };
}
