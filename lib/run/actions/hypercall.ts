import type { FilledActionOf } from '../fill.ts';
import type { ActionContext, ActionResult } from '../context.ts';

/** Asks the hypervisor; the answer's fields are those of `HypercallResult`. */
export async function performHypercall(
  { call }: FilledActionOf<'hypercall'>,
  context: ActionContext,
): Promise<ActionResult> {
  await context.acting();
  return context.ports.hypervisor.call(call, context.signal);
}
