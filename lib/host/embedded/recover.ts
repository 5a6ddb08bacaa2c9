import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errnoOf } from '../../base/error.ts';
import type { LostDomain } from './control.ts';
import { readNotes, stillRuns, type MachineNote } from './machine-notes.ts';
import type { StateDir } from './state-dir.ts';

/** A killed process that still has memory to give back takes a moment. */
const GONE_TIMEOUT_MS = 5_000;
const LOOK_MS = 20;

/**
 * Clears away what a killed daemon left: its QEMUs, which nobody can look after any more because the store that described
 * them died with it, and its sockets and files. Only call it under the daemon's lock. Says which domains were lost.
 */
export async function recover(dir: StateDir): Promise<LostDomain[]> {
  const lost = await Promise.all((await readNotes(dir)).map(endLeftover));
  await removeFiles(dir.machines, () => true);
  await removeFiles(dir.lib, (name) => name.startsWith('userdata-'));
  await removeFiles(dir.root, (name) => name.endsWith('.sock') || name.startsWith('qmp-'));
  return lost;
}

async function endLeftover(note: MachineNote): Promise<LostDomain> {
  const { domid, name, pid } = note;
  if (!(await stillRuns(note))) return { domid, name, killed: false };
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error;
  }
  const deadline = performance.now() + GONE_TIMEOUT_MS;
  while ((await stillRuns(note)) && performance.now() < deadline) await sleep(LOOK_MS);
  return { domid, name, killed: true };
}

async function removeFiles(directory: string, isOurs: (name: string) => boolean): Promise<void> {
  const names = await readdir(directory);
  await Promise.all(names.filter(isOurs).map((name) => rm(join(directory, name), { force: true })));
}
