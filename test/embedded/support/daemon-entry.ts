// The daemon alone, as a program: what `xl host daemon` runs.
import { runDaemon } from '../../../lib/host/embedded/daemon.ts';
import { stateDir } from '../../../lib/host/embedded/state-dir.ts';

const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
await runDaemon({
  dir: stateDir(process.env.XL_STATE_DIR ?? ''),
  uid: process.getuid?.() ?? 0,
  signal: stop.signal,
  log: (line) => console.log(line),
});
process.exit(0);
