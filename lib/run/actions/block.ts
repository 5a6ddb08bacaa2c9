import { XlError } from '../../base/error.ts';
import type { ActionContext, ActionResult } from '../context.ts';
import type { FilledActionOf } from '../fill.ts';

/** What a script would have answered by its exit status: on removal no reason to stop. Anything else is a fault of ours. */
const REFUSALS: readonly string[] = ['hotplug-error', 'loop-failed', 'lock-timeout'];

/** Gives a backend its block device, or takes back what it was given. */
export async function performBlock(action: FilledActionOf<'block'>, context: ActionContext): Promise<ActionResult> {
  const { backend, timeoutMs } = action;
  const { blocks } = context.ports;
  await context.acting();
  try {
    await blocks[action.op](backend, { timeoutMs, signal: context.signal });
  } catch (error) {
    context.signal.throwIfAborted();
    if (action.failure === 'error' || !(error instanceof XlError) || !REFUSALS.includes(error.code)) throw error;
    context.warn({ severity: 'warning', code: error.code, message: error.message });
  }
  return {};
}
