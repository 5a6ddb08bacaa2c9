import { XlError } from '../../base/error.ts';
import type { ActionContext, ActionResult } from '../context.ts';
import { logEvidence } from '../evidence.ts';
import type { FilledActionOf } from '../fill.ts';
import type { ExitStatus } from '../ports.ts';
import { watchNode } from './watch.ts';

type Spawn = FilledActionOf<'spawn'>;

/** Starts a process that outlives us, notes its pid in the store, and waits until it says that it is ready; finds out `pid`. */
export async function performSpawn(action: Spawn, context: ActionContext): Promise<ActionResult> {
  const { processes } = context.ports;
  const { argv, env, log, ready } = action;
  await context.acting();
  const { pid, exited } = await processes.spawn({ argv, env, log, domid: Number(action.domid) }, context.signal);
  const found = { pid: String(pid) };
  await notePid(action, pid, context);
  await context.learned(found);

  const seen = await watchNode(
    {
      path: ready.path,
      subject: `${programName(action)} to be ready`,
      timeoutMs: ready.timeoutMs,
      enough: (value) => value === ready.value,
      interrupted: exited,
    },
    context,
  );
  if (seen.end === 'enough') return found;
  if (seen.end === 'interrupted') throw await exitedEarly(action, await exited, context);
  throw new XlError(
    'device-model-timeout',
    `${programName(action)} was not ready within ${ready.timeoutMs / 1000} s (${ready.path} is ${seen.value ?? 'not there'})`,
    { evidence: await logEvidence(context.ports, log), hint: `see ${log}` },
  );
}

/** Without the node nobody finds the process again, so one that cannot be noted is ended at once. */
async function notePid({ pidPath, domid }: Spawn, pid: number, { ports }: ActionContext): Promise<void> {
  try {
    await ports.store.write(pidPath, String(pid));
  } catch (error) {
    await ports.processes.kill({ pid, domid: Number(domid), signal: 'SIGKILL', graceMs: 0 });
    throw error;
  }
}

async function exitedEarly(action: Spawn, status: ExitStatus, { ports }: ActionContext): Promise<XlError> {
  const how = status.signal ?? `status ${status.code ?? 'unknown'}`;
  return new XlError('device-model-exited', `${programName(action)} ended with ${how} before it was ready`, {
    evidence: await logEvidence(ports, action.log),
    hint: `its own words are in ${action.log}`,
  });
}

/** `qemu-system-i386` of a path. */
function programName({ argv }: Spawn): string {
  const program = argv[0] ?? 'the process';
  return program.slice(program.lastIndexOf('/') + 1);
}
