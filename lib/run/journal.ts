import { XlError } from '../base/error.ts';
import type { FilledAction } from './fill.ts';
import type { Files, Ports } from './ports.ts';

/** Who runs: a pid alone may be another process tomorrow. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: clock ticks between boot and the process's start. */
  readonly startTime: string;
  /** /proc/sys/kernel/random/boot_id. */
  readonly bootId: string;
}

/** Where a run keeps its journal: a directory that exists, best on a tmpfs, and who it is. */
export interface JournalPlace {
  readonly directory: string;
  readonly identity: ProcessIdentity;
}

/** The way back of a run, on disk before each step acts, so that a killed run can be taken back by the next command. */
export interface Journal {
  /** Notes how to take a step back; again when more of it is known. On disk when it resolves. */
  will(step: string, undo: readonly FilledAction[]): Promise<void>;
  /** Notes that there is nothing (more) to take back. */
  done(step: string): Promise<void>;
  /** The run is over and nothing is to be taken back any more: the file goes. */
  end(): Promise<void>;
}

/** The journal of a run that keeps none. */
export const noJournal: Journal = {
  will: () => Promise.resolve(),
  done: () => Promise.resolve(),
  end: () => Promise.resolve(),
};

/** One line of a journal's file, as JSON. The first line of a file is a `run`. */
export type JournalEntry =
  | { readonly kind: 'run'; readonly title: string; readonly bootId: string }
  | { readonly kind: 'will'; readonly step: string; readonly undo: readonly FilledAction[] }
  | { readonly kind: 'done'; readonly step: string };

const SUFFIX = '.journal';

let runsOfThisProcess = 0;

/** Makes a journal file, readable by its owner alone. Throws XlError `journal-failed` where that cannot be done. */
export async function openJournal(place: JournalPlace, title: string, ports: Pick<Ports, 'files'>): Promise<Journal> {
  const { pid, startTime, bootId } = place.identity;
  runsOfThisProcess += 1;
  const path = `${place.directory}/${pid}-${startTime}-${runsOfThisProcess}${SUFFIX}`;
  const lines = new Lines(path, ports.files);
  try {
    await ports.files.write(path, '', 0o600);
    await lines.add({ kind: 'run', title, bootId });
  } catch (error) {
    await ports.files.remove(path).catch(() => undefined);
    throw error;
  }
  const noted = new Map<string, string>();
  return {
    will: async (step, undo) => {
      const text = JSON.stringify(undo);
      if (undo.length === 0 || noted.get(step) === text) return;
      await lines.add({ kind: 'will', step, undo });
      noted.set(step, text);
    },
    done: async (step) => {
      if (!noted.delete(step)) return;
      await lines.add({ kind: 'done', step });
    },
    end: () => ports.files.remove(path),
  };
}

/** Appends entries; those that come while others are being written share the next write to disk. */
class Lines {
  private readonly path: string;
  private readonly files: Files;
  private pending: string[] = [];
  private next: Promise<void> | null = null;
  private current: Promise<void> = Promise.resolve();

  constructor(path: string, files: Files) {
    this.path = path;
    this.files = files;
  }

  add(entry: JournalEntry): Promise<void> {
    this.pending.push(JSON.stringify(entry));
    this.next ??= this.current.catch(() => undefined).then(() => this.flush());
    return this.next;
  }

  private flush(): Promise<void> {
    const lines = this.pending.join('\n');
    this.pending = [];
    this.next = null;
    this.current = this.files.append(this.path, lines).catch((error: unknown) => {
      throw new XlError('journal-failed', `cannot write the journal ${this.path}`, {
        cause: error,
        hint: 'without a journal nothing is changed; make room on that file system',
      });
    });
    return this.current;
  }
}

/** What a journal's file says, as far as it is whole: a last line that was cut off had not begun to act. */
export interface JournalFile {
  readonly title: string;
  readonly bootId: string;
  /** Steps to take back, in the order in which they were noted. */
  readonly open: readonly { readonly step: string; readonly undo: readonly FilledAction[] }[];
}

/** The owner's pid and start time in the name of a journal's file; null for other files. */
export function journalOwner(name: string): Pick<ProcessIdentity, 'pid' | 'startTime'> | null {
  const match = /^(\d{1,7})-(\d{1,20})-\d+\.journal$/.exec(name);
  return match === null ? null : { pid: Number(match[1]), startTime: match[2]! };
}

/** Reads a journal's text; null where not even its first line is whole. */
export function readJournal(text: string): JournalFile | null {
  const entries = text.split('\n').flatMap(readEntry);
  const [head, ...rest] = entries;
  if (head?.kind !== 'run') return null;
  const open = new Map<string, readonly FilledAction[]>();
  for (const entry of rest) {
    if (entry.kind === 'run') continue;
    if (entry.kind === 'done') open.delete(entry.step);
    else open.set(entry.step, entry.undo);
  }
  return { title: head.title, bootId: head.bootId, open: [...open].map(([step, undo]) => ({ step, undo })) };
}

function readEntry(line: string): JournalEntry[] {
  try {
    const entry: unknown = JSON.parse(line);
    return isEntry(entry) ? [entry] : [];
  } catch {
    return [];
  }
}

/** Only the shape is looked at: nobody but the owner can write the file. */
function isEntry(value: unknown): value is JournalEntry {
  if (typeof value !== 'object' || value === null || !('kind' in value)) return false;
  if (value.kind === 'run') return 'title' in value && 'bootId' in value;
  if (value.kind === 'will') return 'step' in value && 'undo' in value && Array.isArray(value.undo);
  return value.kind === 'done' && 'step' in value;
}
