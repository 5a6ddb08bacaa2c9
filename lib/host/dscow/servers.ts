import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, realpath } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { XlError } from '../../base/error.ts';
import { realFiles } from '../real/files.ts';
import { isAlive } from '../real/identity.ts';
import type { Registry, ServerRecord } from './registry.ts';

export interface StartServer {
  readonly registry: Registry;
  readonly name: string;
  readonly file: string;
  /** The command that serves in its own process: `xl dscow serve FILE --foreground …`. */
  readonly command: readonly string[];
  readonly signal: AbortSignal;
}

const START_TIMEOUT_MS = 20_000;
/** Ending flushes; a slow disk takes its time. */
const STOP_TIMEOUT_MS = 60_000;
const LOOK_AGAIN_MS = 10;

/** The server of a file that lives, whatever its name. */
export async function serverOf(registry: Registry, file: string): Promise<ServerRecord | null> {
  const real = await realpath(file).catch(() => file);
  return (await registry.servers()).find((record) => record.file === real) ?? null;
}

/** Starts a server in a process of its own and waits until it serves. Throws XlError `dscow-serve-failed` with its last words. */
export async function startServer({ registry, name, command, signal }: StartServer): Promise<ServerRecord> {
  const [program = '', ...args] = command;
  const logPath = registry.logOf(name);
  const log = await open(logPath, 'w', 0o600);
  const child = spawn(program, args, { detached: true, cwd: '/', stdio: ['ignore', log.fd, log.fd] });
  const end = { come: false };
  child.on('error', () => (end.come = true));
  child.on('exit', () => (end.come = true));
  try {
    await Promise.race([once(child, 'spawn'), once(child, 'error')]).catch(() => undefined);
    child.unref();
    const deadline = performance.now() + START_TIMEOUT_MS;
    for (;;) {
      const record = await registry.server(name);
      if (record !== null && record.pid === child.pid) return record;
      if (end.come || performance.now() > deadline) throw await serveFailed(name, logPath);
      await sleep(LOOK_AGAIN_MS, undefined, { signal });
    }
  } catch (error) {
    // A server that nobody knows of would keep the file for itself.
    if (!end.come && child.pid !== undefined) child.kill('SIGTERM');
    throw error;
  } finally {
    await log.close();
  }
}

/** Ends a server in good order; resolves when it has gone. Throws XlError `dscow-stop-failed`. */
export async function stopServer(record: ServerRecord): Promise<void> {
  if (!(await isAlive(record))) return;
  process.kill(record.pid, 'SIGTERM');
  const deadline = performance.now() + STOP_TIMEOUT_MS;
  while (await isAlive(record)) {
    if (performance.now() > deadline) {
      throw new XlError('dscow-stop-failed', `the server of ${record.name}, process ${record.pid}, does not end`, {
        hint: 'it still flushes, or its disk hangs; what was not flushed is lost if it is killed',
      });
    }
    await sleep(LOOK_AGAIN_MS);
  }
}

async function serveFailed(name: string, logPath: string): Promise<XlError> {
  const lines = await realFiles.tail(logPath, 10);
  return new XlError('dscow-serve-failed', `the server of ${name} did not start`, {
    evidence: lines.length === 0 ? [] : [{ title: logPath, lines }],
  });
}

/**
 * The server of this name, started where it does not run. Throws XlError `dscow-name-taken` where the name stands for
 * another file, `dscow-in-use` where the file is served under another name.
 */
export async function serverNamed(options: StartServer): Promise<ServerRecord> {
  const { registry, name, file } = options;
  const real = await realpath(file).catch(() => file);
  const running = await registry.server(name);
  if (running !== null && running.file !== real) {
    throw new XlError('dscow-name-taken', `${name} is ${running.file} already`, { hint: 'choose another name' });
  }
  const other = running === null ? await serverOf(registry, file) : null;
  if (other !== null) {
    throw new XlError('dscow-in-use', `${file} is served as ${other.name} already, by process ${other.pid}`, {
      hint: `xl dscow detach ${other.name}`,
    });
  }
  return running ?? startServer(options);
}
