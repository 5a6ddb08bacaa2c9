import { XlError } from '../../base/error.ts';
import type { ActionContext, ActionResult } from '../context.ts';
import { outputEvidence, printable } from '../evidence.ts';
import type { FilledActionOf } from '../fill.ts';
import type { ExitStatus } from '../ports.ts';

type Hotplug = FilledActionOf<'hotplug'>;
type Outcome = ExitStatus & { output: string; timedOut: boolean };

/** Runs a hotplug script to its end. Its exit status counts, as for libxl; its words are in `hotplug-error`. */
export async function performHotplug(action: Hotplug, context: ActionContext): Promise<ActionResult> {
  const { processes } = context.ports;
  await context.acting();
  const outcome = await processes.run(
    { argv: action.argv, env: action.env, timeoutMs: action.timeoutMs },
    context.signal,
  );
  if (outcome.code === 0 && !outcome.timedOut) return {};
  context.signal.throwIfAborted();
  const error = await failure(action, outcome, context);
  if (action.failure === 'error') throw error;
  context.warn({ severity: 'warning', code: error.code, message: error.message });
  return {};
}

async function failure(action: Hotplug, outcome: Outcome, { ports }: ActionContext): Promise<XlError> {
  const written = await ports.store.read(action.errorPath).catch(() => null);
  // Xen's scripts break their sentences into lines.
  const words = written?.trim().replaceAll(/\s*\n\s*/g, ' ') ?? '';
  const command = action.argv.join(' ');
  return new XlError(
    outcome.timedOut ? 'hotplug-timeout' : 'hotplug-failed',
    `${command} ${describe(action, outcome)}${words === '' ? '' : `: ${printable(words)}`}`,
    { evidence: outputEvidence(`output of ${command}`, outcome.output) },
  );
}

function describe({ timeoutMs }: Hotplug, { code, signal, timedOut }: Outcome): string {
  if (timedOut) return `did not end within ${timeoutMs / 1000} s`;
  return signal === null ? `exited with status ${code ?? 'unknown'}` : `was ended by ${signal}`;
}
