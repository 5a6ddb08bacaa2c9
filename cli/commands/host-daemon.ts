import { runDaemon } from '../../lib/host/embedded/daemon.ts';
import { embeddedStateDir, userId } from '../embedded.ts';
import type { RunOf } from './index.ts';

/** `xl host daemon`: is the embedded host until it is told to stop. A second one for a state directory ends at once. */
export const run: RunOf<'host daemon'> = async ({ terminal, signal }) => {
  const log = (line: string): void => terminal.err(`${new Date().toISOString()} ${line}\n`);
  await runDaemon({ dir: embeddedStateDir(), uid: userId(), signal, log });
  return 0;
};
