import { XlError } from '../../lib/base/error.ts';
import { gatherRemains } from '../../lib/host/remains.ts';
import { bootId, isAlive } from '../../lib/host/real/identity.ts';
import { findRemains, type Finding } from '../../lib/plan/gc.ts';
import { runPlan } from '../../lib/run/executor.ts';
import { killedRuns } from '../../lib/run/recover.ts';
import type { CommandContext } from '../command.ts';
import type { Host } from '../host.ts';
import { withHost } from '../open-host.ts';
import { printError } from '../print/error.ts';
import type { RunOf } from './index.ts';

/** `xl gc [-n]`: takes away what dead domains of ours have left; in a dry run says what that is. */
export const run: RunOf<'gc'> = (context, { options }) => {
  const dryRun = options.dryrun || context.global.dryRun;
  return withHost(
    context,
    async (host) => {
      const runs = dryRun
        ? await killedRuns(host.journal.directory, host.ports, { bootId: await bootId(), isAlive })
        : [];
      const findings = await look(host);
      const failed = dryRun ? 0 : await clearAway(findings, host, context);
      say({ dryRun, runs, findings }, context);
      return failed === 0 ? 0 : 1;
    },
    { recover: !dryRun },
  );
};

async function look(host: Host): Promise<Finding[]> {
  const { ports, description } = host;
  const domains = await host.domains();
  return findRemains(await gatherRemains(domains, ports, description.dirs), description);
}

/** Each on its own: one that cannot go does not keep the others. How many could not. */
async function clearAway(findings: readonly Finding[], host: Host, { signal, terminal, global }: CommandContext) {
  let failed = 0;
  for (const { what, plan } of findings) {
    try {
      await runPlan(plan, host.ports, { signal, journal: host.journal });
    } catch (error) {
      signal.throwIfAborted();
      failed += 1;
      const message = `${what} could not be cleared away: ${error instanceof Error ? error.message : String(error)}`;
      printError(new XlError('gc-failed', message, { cause: error }), terminal, global);
    }
  }
  return failed;
}

interface Report {
  readonly dryRun: boolean;
  /** Titles of killed runs that the next command takes back. */
  readonly runs: readonly string[];
  readonly findings: readonly Finding[];
}

function say({ dryRun, runs, findings }: Report, { terminal, global }: CommandContext): void {
  if (global.json) {
    const found = findings.map(({ what, ours, dead, plan }) => ({
      what,
      ours,
      dead,
      does: plan.steps.map(({ title }) => title),
    }));
    terminal.out(`${JSON.stringify({ dryRun, runs, found }, null, 2)}\n`);
    return;
  }
  if (runs.length === 0 && findings.length === 0) {
    terminal.err('nothing is left of dead domains\n');
    return;
  }
  const verb = dryRun ? 'would clear away' : 'cleared away';
  const lines = [
    ...runs.map((title) => `would take back what "${title}" did before it was killed`),
    ...findings.flatMap(({ what, ours, dead }) => [`${verb} ${what}`, `  ours: ${ours}`, `  dead: ${dead}`]),
  ];
  terminal.out(`${lines.join('\n')}\n`);
}
