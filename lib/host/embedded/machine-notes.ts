import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { realFiles } from '../real/files.ts';
import { startTimeOf } from '../real/identity.ts';
import type { StateDir } from './state-dir.ts';

/** What is kept on disk of a QEMU that runs, so that it can be found when its daemon is no more. */
export interface MachineNote {
  readonly domid: number;
  readonly name: string;
  readonly pid: number;
  /** In clock ticks since boot: with the pid it names one process for ever (proc(5)). */
  readonly startTime: string;
  /** A word of its command line that no other program's has: the path of its monitor in this state directory. */
  readonly marker: string;
}

const notePath = (dir: StateDir, domid: number): string => join(dir.machines, `${domid}.json`);

/** Notes a machine that has just been started; one that has ended already is not noted. */
export async function noteMachine(dir: StateDir, machine: Omit<MachineNote, 'startTime'>): Promise<void> {
  const startTime = await startTimeOf(machine.pid);
  if (startTime === null) return;
  const note: MachineNote = { ...machine, startTime };
  await realFiles.write(notePath(dir, machine.domid), JSON.stringify(note), 0o600);
}

export const forgetMachine = (dir: StateDir, domid: number): Promise<void> => rm(notePath(dir, domid), { force: true });

/** All notes that can be read. */
export async function readNotes(dir: StateDir): Promise<MachineNote[]> {
  const names = await readdir(dir.machines);
  const notes = await Promise.all(
    names.filter((name) => /^\d+\.json$/.test(name)).map((name) => readNote(join(dir.machines, name))),
  );
  return notes.filter((note) => note !== null).sort((a, b) => a.domid - b.domid);
}

/** A note that something else has written to is no note. */
async function readNote(path: string): Promise<MachineNote | null> {
  try {
    const note = JSON.parse(await readFile(path, 'utf8')) as Partial<MachineNote> | null;
    const { domid, name, pid, startTime, marker } = note ?? {};
    if (typeof domid !== 'number' || typeof name !== 'string' || typeof pid !== 'number') return null;
    if (typeof startTime !== 'string' || typeof marker !== 'string' || marker === '') return null;
    return { domid, name, pid, startTime, marker };
  } catch {
    return null;
  }
}

/** Whether the process of a note still runs, and is the one that was noted. */
export async function stillRuns({ pid, startTime, marker }: MachineNote): Promise<boolean> {
  if ((await startTimeOf(pid)) !== startTime) return false;
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return commandLine.includes(marker);
}
