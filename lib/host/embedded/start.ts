import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { XlError } from '../../base/error.ts';
import { XenstoreClient } from '../../xenstore/client.ts';
import { realFiles } from '../real/files.ts';
import { ControlClient } from './control-client.ts';
import type { HostStatus } from './control.ts';
import type { DomainInfo } from './domains.ts';
import { prepareStateDir, type StateDir } from './state-dir.ts';

/** A command's connection to the embedded host. */
export interface HostConnection {
  readonly dir: StateDir;
  /** As it was on connecting; `lost` is for the user to see. */
  readonly status: HostStatus;
  readonly control: ControlClient;
  readonly store: XenstoreClient;
  close(): void;
}

export interface StartOptions {
  readonly dir: StateDir;
  readonly uid: number;
  /** The command that runs the daemon in its own process (`node dist/xl.js host daemon`); it gets XL_STATE_DIR. */
  readonly daemon: readonly string[];
  readonly signal: AbortSignal;
}

/** A start takes a fraction of a second; ending what a killed daemon left behind may take longer. */
const START_TIMEOUT_MS = 20_000;
const LOOK_AGAIN_MS = 10;

/** Connects to the daemon, and starts it first where none runs. Throws XlError `host-start-failed` with its last words. */
export async function connectHost(options: StartOptions): Promise<HostConnection> {
  const { dir, uid, signal } = options;
  const running = await connectRunning(dir, signal);
  if (running !== null) return running;
  await prepareStateDir(dir, uid);
  const started = await startDaemon(options);
  const deadline = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    // Where several commands start a daemon at once, one daemon stays and the others end: any that answers is right.
    const connection = await connectRunning(dir, signal);
    if (connection !== null) return connection;
    if (started.failed() || performance.now() > deadline) throw await startFailed(dir);
    await sleep(LOOK_AGAIN_MS, undefined, { signal });
  }
}

/** Connects to the daemon if one runs, else null. */
export async function connectRunning(dir: StateDir, signal: AbortSignal): Promise<HostConnection | null> {
  const control = await ControlClient.connect(dir.control, { signal }).catch((error: unknown) => {
    if (error instanceof XlError && error.code === 'host-unreachable') return null;
    throw error;
  });
  if (control === null) return null;
  try {
    const [status, store] = await Promise.all([
      control.ask({ op: 'status' }, signal),
      XenstoreClient.connect({ path: dir.xenstored, signal }),
    ]);
    const close = (): void => {
      control.close();
      store.close();
    };
    return { dir, status, control, store, close };
  } catch (error) {
    control.close();
    // Between the two connections the daemon may have been told to stop.
    if (error instanceof XlError && (error.code === 'host-gone' || error.code === 'xenstore-unreachable')) return null;
    throw error;
  }
}

/** Every domain of the embedded host, in the order of their numbers. */
export const listDomains = ({ control }: HostConnection, signal?: AbortSignal): Promise<readonly DomainInfo[]> =>
  control.ask({ op: 'list' }, signal);

/** Destroys every domain and ends the daemon; resolves when it has gone. */
export async function stopHost({ control }: HostConnection, signal?: AbortSignal): Promise<void> {
  await control.ask({ op: 'stop' }, signal);
  await control.closed;
}

async function startDaemon({ dir, daemon }: StartOptions): Promise<{ failed: () => boolean }> {
  const [program = '', ...args] = daemon;
  const log = await open(dir.daemonLog, 'a', 0o600);
  try {
    const child = spawn(program, args, {
      detached: true,
      cwd: '/',
      stdio: ['ignore', log.fd, log.fd],
      env: { ...process.env, XL_STATE_DIR: dir.root },
    });
    let failed = false;
    child.on('error', () => (failed = true));
    child.on('exit', (code) => (failed = code !== 0));
    await Promise.race([once(child, 'spawn'), once(child, 'error')]).catch(() => undefined);
    child.unref();
    return { failed: () => failed };
  } finally {
    await log.close();
  }
}

async function startFailed(dir: StateDir): Promise<XlError> {
  const lines = await realFiles.tail(dir.daemonLog, 10);
  return new XlError('host-start-failed', 'the embedded host did not start', {
    evidence: lines.length === 0 ? [] : [{ title: dir.daemonLog, lines }],
    hint: 'XL_STATE_DIR names another state directory',
  });
}
