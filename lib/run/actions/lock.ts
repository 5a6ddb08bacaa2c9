import type { ActionContext, ActionResult } from '../context.ts';
import type { FilledActionOf } from '../fill.ts';

/** Takes a lock file and keeps it until the run is over. */
export async function performLock(action: FilledActionOf<'lock'>, context: ActionContext): Promise<ActionResult> {
  const release = await context.ports.files.lock(action.path, {
    timeoutMs: action.timeoutMs,
    signal: context.signal,
  });
  context.keep(release);
  return {};
}
