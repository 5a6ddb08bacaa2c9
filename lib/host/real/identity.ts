import { readFile } from 'node:fs/promises';
import type { ProcessIdentity } from '../../run/journal.ts';

/** Who this process is. Throws where /proc is not mounted. */
export async function ownIdentity(): Promise<ProcessIdentity> {
  const startTime = await startTimeOf(process.pid);
  if (startTime === null) throw new Error('/proc does not show this process; is it mounted?');
  return { pid: process.pid, startTime, bootId: await bootId() };
}

/** A value that is new at every boot. */
export async function bootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
}

/** Whether the process that began with this pid and start time still runs. */
export async function isAlive(owner: Pick<ProcessIdentity, 'pid' | 'startTime'>): Promise<boolean> {
  return (await startTimeOf(owner.pid)) === owner.startTime;
}

/** When a process began, in clock ticks since boot; null where it does not run (any more), a zombie included. */
export async function startTimeOf(pid: number): Promise<string | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  if (stat === null) return null;
  // proc(5): the second field is the command's name in parentheses, which may hold anything, parentheses too.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const state = fields[0];
  return state === 'Z' || state === 'X' ? null : (fields[19] ?? null);
}
