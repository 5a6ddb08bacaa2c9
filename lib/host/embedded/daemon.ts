import { XlError } from '../../base/error.ts';
import { XenstoreClient } from '../../xenstore/client.ts';
import { storePort } from '../../xenstore/port.ts';
import { StoreServer } from '../../xenstore/server.ts';
import { StoreServerCore } from '../../xenstore/store/core.ts';
import { takeLock } from '../real/lock.ts';
import { ControlServer } from './control-server.ts';
import { Domains } from './domains.ts';
import { EmbeddedHost, readNextDomid } from './host.ts';
import { domainOverlays } from '../dscow/domain-overlays.ts';
import { recover } from './recover.ts';
import { prepareStateDir, type StateDir } from './state-dir.ts';

export interface DaemonOptions {
  readonly dir: StateDir;
  readonly uid: number;
  /** Ends the daemon, and every domain before it. */
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

/** A daemon that has been told to stop still holds the lock for a moment. */
const LOCK_TIMEOUT_MS = 3_000;

/**
 * The embedded host's daemon, from its lock to its end: a store, a domain table and backends, until somebody stops it.
 * Resolves to `already-running` at once where another daemon has the state directory. Whoever can connect to the control
 * socket finds everything else in place.
 */
export async function runDaemon({ dir, uid, signal, log }: DaemonOptions): Promise<'stopped' | 'already-running'> {
  await prepareStateDir(dir, uid);
  const unlock = await lockOrNull(dir, signal);
  if (unlock === null) return 'already-running';
  const stopped = new AbortController();
  const ending = AbortSignal.any([signal, stopped.signal]);
  try {
    const lost = await recover(dir);
    const overlays = domainOverlays({ stateRoot: dir.root, xl: [process.execPath, process.argv[1] ?? ''], log });
    await overlays.closeAll();
    const domains = new Domains(await readNextDomid(dir));
    const core = new StoreServerCore({ domainExists: (domid) => domid === 0 || domains.get(domid) !== undefined });
    const server = await StoreServer.listen(core, dir.xenstored);
    const client = await XenstoreClient.connect({ path: dir.xenstored });
    const host = new EmbeddedHost({
      dir,
      core,
      domains,
      store: storePort(client),
      lost,
      log,
      overlays,
      // After the answer to whoever asked for it.
      stop: () => setImmediate(() => stopped.abort()),
    });
    const running = host.run(ending);
    const control = await ControlServer.listen(dir.control, (request, gone) => host.handle(request, gone));
    log(`ready; the store is at ${dir.xenstored}`);
    for (const { domid, name } of lost) log(`domain ${domid} (${name}) was lost with the daemon before this one`);
    try {
      await running;
    } catch (error) {
      if (!ending.aborted) throw error;
    } finally {
      await host.destroyAll();
      await overlays.closeAll();
      await control.close();
      client.close();
      await server.close();
    }
    return 'stopped';
  } finally {
    await unlock();
  }
}

async function lockOrNull(dir: StateDir, signal: AbortSignal): Promise<(() => Promise<void>) | null> {
  try {
    return await takeLock(dir.lock, { timeoutMs: LOCK_TIMEOUT_MS, signal });
  } catch (error) {
    if (error instanceof XlError && error.code === 'lock-timeout') return null;
    throw error;
  }
}
