import { journalOwner, readJournal, type JournalFile, type ProcessIdentity } from './journal.ts';
import type { Ports } from './ports.ts';
import { undo } from './undo.ts';

/** A run that was killed, and what became of it. */
export interface RecoveredRun {
  readonly title: string;
  /** Ids of the steps that were taken back, in that order. */
  readonly undone: readonly string[];
  /** What could not be taken back, in words. It is not tried again. */
  readonly problems: readonly string[];
}

export interface RecoverOptions {
  readonly bootId: string;
  /** Whether the process that began with this pid and start time still runs. */
  readonly isAlive: (owner: Pick<ProcessIdentity, 'pid' | 'startTime'>) => Promise<boolean>;
  readonly signal?: AbortSignal;
}

const LOCK_MS = 30_000;

/**
 * Takes back the runs whose process was killed, and removes their journals; runs that live are left alone. Safe to
 * call from several processes at once. Returns what was found, for the user to be told.
 */
export async function recoverJournals(
  directory: string,
  ports: Ports,
  options: RecoverOptions,
): Promise<RecoveredRun[]> {
  if ((await abandoned(directory, ports, options)).length === 0) return [];
  const signal = options.signal ?? new AbortController().signal;
  const release = await ports.files.lock(`${directory}/recover.lock`, { timeoutMs: LOCK_MS, signal });
  try {
    const recovered: RecoveredRun[] = [];
    for (const name of await abandoned(directory, ports, options)) {
      const path = `${directory}/${name}`;
      const journal = readJournal((await ports.files.read(path)) ?? '');
      if (journal !== null) recovered.push(await takeBack(journal, ports, options));
      await ports.files.remove(path);
    }
    return recovered;
  } finally {
    await release();
  }
}

/** Titles of the runs that `recoverJournals` would take back. */
export async function killedRuns(directory: string, ports: Ports, options: RecoverOptions): Promise<string[]> {
  const texts = (await abandoned(directory, ports, options)).map((name) => ports.files.read(`${directory}/${name}`));
  return (await Promise.all(texts)).flatMap((text) => readJournal(text ?? '')?.title ?? []);
}

/** Names of the journals whose owner is gone, oldest first as far as names tell. */
async function abandoned(directory: string, { files }: Ports, { isAlive }: RecoverOptions): Promise<string[]> {
  const names = await files.list(directory);
  const gone = await Promise.all(
    names.map(async (name) => {
      const owner = journalOwner(name);
      return owner !== null && !(await isAlive(owner));
    }),
  );
  return names.filter((_, index) => gone[index]).sort();
}

async function takeBack(journal: JournalFile, ports: Ports, { bootId }: RecoverOptions): Promise<RecoveredRun> {
  const undone: string[] = [];
  const problems: string[] = [];
  // A reboot took the domains, processes and nodes along; their numbers may be others' by now. Files stay.
  const onlyFiles = journal.bootId !== bootId || (await isAnothers(journal, ports));
  for (const { step, undo: actions } of journal.open.toReversed()) {
    const meaningful = onlyFiles ? actions.filter(({ kind }) => kind === 'file') : actions;
    const failed = await undo(meaningful, ports);
    if (failed.length === 0) undone.push(step);
    problems.push(...failed.map((problem) => `${step}: ${problem}`));
  }
  return { title: journal.title, undone, problems };
}

/** Whether the number of the domain that the run made has gone to another domain since. */
async function isAnothers({ open }: JournalFile, { hypervisor }: Ports): Promise<boolean> {
  for (const action of open.flatMap(({ undo: actions }) => actions)) {
    if (action.kind !== 'hypercall' || action.call.op !== 'destroydomain' || action.call.uuid === undefined) continue;
    const { domid, uuid } = action.call;
    const { uuid: present } = await hypervisor.call({ op: 'getdomaininfo', domid }, new AbortController().signal);
    return present !== undefined && present !== uuid;
  }
  return false;
}
