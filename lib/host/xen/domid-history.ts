import { readFile, rename, writeFile } from 'node:fs/promises';
import { takeFlock } from './flock.ts';

/** For how long a domid is not used again: what still acts on the old domain must not hit a new one (libxl_internal.h). */
const REUSE_SECONDS = 60;
/** The lock is held for two small file operations; whoever has it longer is stuck. */
const LOCK_MS = 10_000;

/** A domain that has died, and when, in seconds of CLOCK_MONOTONIC. */
export interface DeadDomain {
  readonly seconds: number;
  readonly domid: number;
}

/** libxl's file of domids that were in use lately (`domid-history`), one `SECONDS DOMID` a line; other lines are ignored. */
export function parseDomidHistory(text: string): DeadDomain[] {
  return [...text.matchAll(/^(\d{1,15}) (\d{1,5})$/gm)].map(([, seconds, domid]) => ({
    seconds: Number(seconds),
    domid: Number(domid),
  }));
}

/** The entries that still count. One from the future is of another boot and does not. */
export const recentDeaths = (history: readonly DeadDomain[], now: number, reuseSeconds: number): DeadDomain[] =>
  history.filter(({ seconds }) => seconds <= now && now - seconds <= reuseSeconds);

/** The history that stock xl keeps too. `run` is libxl's run directory. */
export interface DomidHistory {
  /** Whether a domain of that number died so lately that another must not have it yet. */
  isRecent(domid: number): Promise<boolean>;
  /** Notes that a domain is about to die. */
  note(domid: number, signal: AbortSignal): Promise<void>;
}

/** The history below a run directory. LIBXL_DOMID_REUSE_TIMEOUT is libxl's variable for other than 60 seconds. */
export function domidHistory(run: string, env: Readonly<NodeJS.ProcessEnv>): DomidHistory {
  const path = `${run}/domid-history`;
  const wanted = env.LIBXL_DOMID_REUSE_TIMEOUT ?? '';
  const reuseSeconds = /^\d{1,9}$/.test(wanted) ? Number(wanted) : REUSE_SECONDS;
  const recent = async (): Promise<DeadDomain[]> =>
    recentDeaths(parseDomidHistory(await readFile(path, 'utf8').catch(() => '')), monotonicSeconds(), reuseSeconds);
  return {
    // Read without the lock, as libxl does: the file is only ever replaced whole.
    isRecent: async (domid) => (await recent()).some((death) => death.domid === domid),
    note: async (domid, signal) => {
      const release = await takeFlock(`${path}.lock`, { timeoutMs: LOCK_MS, signal });
      try {
        const deaths = [...(await recent()), { seconds: monotonicSeconds(), domid }];
        await writeFile(`${path}.new`, deaths.map((death) => `${death.seconds} ${death.domid}\n`).join(''));
        await rename(`${path}.new`, path);
      } finally {
        await release();
      }
    },
  };
}

/** Node's hrtime is CLOCK_MONOTONIC, as libxl's. */
const monotonicSeconds = (): number => Number(process.hrtime.bigint() / 1_000_000_000n);
