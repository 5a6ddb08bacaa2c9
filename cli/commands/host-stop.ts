import { connectRunning, stopHost } from '../../lib/host/embedded/start.ts';
import { embeddedStateDir } from '../embedded.ts';
import type { RunOf } from './index.ts';

/** `xl host stop`: ends the embedded host with all its domains; fine where it does not run. */
export const run: RunOf<'host stop'> = async ({ terminal, signal }) => {
  const connection = await connectRunning(embeddedStateDir(), signal);
  if (connection === null) {
    terminal.err('the embedded host does not run\n');
    return 0;
  }
  try {
    await stopHost(connection, signal);
  } finally {
    connection.close();
  }
  return 0;
};
