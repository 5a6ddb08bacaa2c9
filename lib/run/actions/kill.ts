import { XlError } from '../../base/error.ts';
import type { ActionContext, ActionResult } from '../context.ts';
import type { FilledActionOf } from '../fill.ts';

/** Linux's largest pid (PID_MAX_LIMIT, 2^22). */
const LARGEST_PID = 4_194_304;

/**
 * Ends a process of a domain; one that is gone is fine. A pid that is nowhere noted may be that of a process which a
 * killed run had just started: whatever we have started for the domain is ended.
 */
export async function performKill(action: FilledActionOf<'kill'>, context: ActionContext): Promise<ActionResult> {
  const noted = 'path' in action.pid ? await context.ports.store.read(action.pid.path) : action.pid.value;
  await context.acting();
  await context.ports.processes.kill({
    pid: noted === null || noted === '' ? null : readPid(noted),
    domid: Number(action.domid),
    signal: action.signal,
    graceMs: action.graceMs,
  });
  return {};
}

/** A pid of a process other than init. Throws XlError `pid-invalid`: killing what is not one could hit anybody. */
function readPid(text: string): number {
  const pid = /^\d{1,7}$/.test(text) ? Number(text) : 0;
  if (pid <= 1 || pid > LARGEST_PID) throw new XlError('pid-invalid', `"${text.slice(0, 40)}" is no process's number`);
  return pid;
}
