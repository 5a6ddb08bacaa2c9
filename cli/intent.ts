import type { PlanFormat } from './commands/index.ts';
import type { CommandContext } from './command.ts';

/** The options of commands that make a plan (`planning` in commands/index.ts). */
export interface PlanningOptions {
  readonly dryrun: boolean;
  readonly plan: boolean;
  readonly format: PlanFormat | undefined;
  readonly facts: string | undefined;
  readonly assume: readonly string[];
}

/** Whether a plan is what is asked for, whatever a dry run prints otherwise. */
export const asksForPlan = ({ plan, format, facts, assume }: PlanningOptions): boolean =>
  plan || format !== undefined || facts !== undefined || assume.length > 0;

/** What is to become of a plan: printed in some form, or run. */
export type Intent = { readonly kind: 'print'; readonly format: PlanFormat } | { readonly kind: 'run' };

/**
 * A plan is printed where a dry run is asked for, and where it was made on facts that are not this host's: running that
 * one would be a mistake.
 */
export function intentOf({ global }: Pick<CommandContext, 'global'>, options: PlanningOptions): Intent {
  const { dryrun, format } = options;
  const print = global.dryRun || dryrun || asksForPlan(options);
  return print ? { kind: 'print', format: format ?? (global.json ? 'json' : 'text') } : { kind: 'run' };
}
