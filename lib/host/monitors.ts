import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { XlError } from '../base/error.ts';
import type { HostDirs } from '../base/facts.ts';
import { monitorNoteFile } from '../device/files.ts';
import type { ProcessIdentity } from '../run/journal.ts';
import { realFiles } from './real/files.ts';
import { bootId, isAlive, startTimeOf } from './real/identity.ts';
import { rotateLog } from './real/log.ts';

/** The process that looks after a domain, or should. */
export interface MonitorNote {
  readonly uuid: string;
  readonly pid: number;
  readonly alive: boolean;
}

type Dirs = Pick<HostDirs, 'state'>;

const LOCK_MS = 10_000;
/** How long a monitor may take to see that its domain is gone, in milliseconds. */
const END_MS = 10_000;
const LOOK_MS = 10;

/** The monitor that a domain has, or had; null where none was ever to look after it. */
export async function readMonitor(dirs: Dirs, uuid: string): Promise<MonitorNote | null> {
  const owner = parse((await realFiles.read(monitorNoteFile(dirs, uuid))) ?? '');
  if (owner === null) return null;
  return { uuid, pid: owner.pid, alive: owner.bootId === (await bootId()) && (await isAlive(owner)) };
}

/** All monitors that are noted. */
export async function listMonitors(dirs: Dirs): Promise<MonitorNote[]> {
  const names = await realFiles.list(dirs.state);
  const uuids = names.flatMap((name) => /^monitor-([0-9a-f-]{36})\.json$/.exec(name)?.[1] ?? []);
  const notes = await Promise.all(uuids.map((uuid) => readMonitor(dirs, uuid)));
  return notes.filter((note) => note !== null);
}

/**
 * Has a process be the domain's monitor, noted before anything else can be. `become` gives the process. Throws XlError
 * `monitor-runs` where another one looks after the domain.
 */
export async function appointMonitor(
  dirs: Dirs,
  uuid: string,
  become: () => Promise<ProcessIdentity>,
  signal: AbortSignal,
): Promise<void> {
  const path = monitorNoteFile(dirs, uuid);
  const release = await realFiles.lock(`${path}.lock`, { timeoutMs: LOCK_MS, signal });
  try {
    const present = await readMonitor(dirs, uuid);
    if (present?.alive === true && present.pid !== process.pid) {
      throw new XlError('monitor-runs', `process ${present.pid} looks after the domain already`, {
        hint: 'two would both act at its end',
      });
    }
    await realFiles.write(path, JSON.stringify(await become()), 0o600);
  } finally {
    await release();
  }
}

/** The domain has no monitor any more, and needs none. */
export const dismissMonitor = (dirs: Dirs, uuid: string): Promise<void> =>
  realFiles.remove(monitorNoteFile(dirs, uuid));

/** Starts a program in a session of its own, which outlives us, its output in a log of its own (the older ones are kept). */
export async function startDetached(argv: readonly string[], log: string): Promise<ProcessIdentity> {
  const [program = '', ...words] = argv;
  await rotateLog(log);
  const file = await open(log, 'a', 0o644);
  try {
    const child = spawn(program, words, { detached: true, cwd: '/', stdio: ['ignore', file.fd, file.fd] });
    await once(child, 'spawn');
    child.unref();
    const pid = child.pid!;
    return { pid, startTime: (await startTimeOf(pid)) ?? '', bootId: await bootId() };
  } finally {
    await file.close();
  }
}

/** Waits until the monitor of a domain that is gone has seen it; false where it does not. What a killed one left is removed. */
export async function monitorEnded(dirs: Dirs, uuid: string): Promise<boolean> {
  const deadline = performance.now() + END_MS;
  for (;;) {
    const note = await readMonitor(dirs, uuid);
    if (note?.alive !== true) {
      if (note !== null) await dismissMonitor(dirs, uuid);
      return true;
    }
    if (performance.now() > deadline) return false;
    await sleep(LOOK_MS);
  }
}

function parse(text: string): ProcessIdentity | null {
  try {
    const { pid, startTime, bootId: boot } = (JSON.parse(text) ?? {}) as Partial<ProcessIdentity>;
    if (typeof pid !== 'number' || typeof startTime !== 'string' || typeof boot !== 'string') return null;
    return { pid, startTime, bootId: boot };
  } catch {
    return null;
  }
}
