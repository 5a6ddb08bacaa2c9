import type { Plan } from '../lib/plan/step.ts';
import { runPlan, type RunResult } from '../lib/run/executor.ts';
import type { CommandContext } from './command.ts';
import type { Host } from './host.ts';
import { progress, silentProgress } from './print/progress.ts';
import { timingLines } from './print/timing.ts';

/** How much of a run is shown. */
export interface Showing {
  /** Errors only. */
  readonly quiet: boolean;
}

/** Runs a plan on a host, with its progress on stderr and, if asked, where the time went. */
export async function carryOut(plan: Plan, host: Host, context: CommandContext, showing: Showing): Promise<RunResult> {
  const { terminal, global, signal } = context;
  const shown = showing.quiet || global.json ? silentProgress : progress(plan, terminal);
  try {
    const result = await runPlan(plan, host.ports, { signal, journal: host.journal, onEvent: shown.onEvent });
    shown.end();
    if (global.timing && !global.json) {
      terminal.err(`${timingLines(result.timings, terminal.errStyle).join('\n')}\n`);
    }
    return result;
  } finally {
    shown.end();
  }
}
