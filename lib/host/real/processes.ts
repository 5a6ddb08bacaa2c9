import { spawn as start, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { open, readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { errnoOf, XlError } from '../../base/error.ts';
import type { ExitStatus, Processes, SpawnRequest } from '../../run/ports.ts';
import { mapLimited } from '../facts/limit.ts';
import { isAlive, startTimeOf } from './identity.ts';
import { rotateLog } from './log.ts';

/** A command's output beyond this is dropped, its beginning first; in characters. */
const OUTPUT_CHARACTERS = 65_536;
/** How long a command that was told to end may take before it is killed, in milliseconds. */
const TERM_GRACE_MS = 2_000;
/** How long to read on after a command's end: its own children may keep the pipe open for ever. */
const DRAIN_MS = 100;
/** How often to look whether a process has gone, in milliseconds. */
const LOOK_MS = 20;
/** How many processes are looked at together. */
const TOGETHER = 32;

/** Marks the processes that serve a domain, so that `kill` never touches a pid that has another owner by now. */
const DOMID_VARIABLE = 'XL_TS_DOMID';

/** The machine's own processes. Commands and spawned processes inherit our environment, as libxl's scripts do. */
export const realProcesses: Processes = { spawn, kill, run };

/** Starts a process in a session of its own, its output in a log of its own: it lives on without us. */
async function spawn(request: SpawnRequest, signal: AbortSignal): ReturnType<Processes['spawn']> {
  const [program = '', ...args] = request.argv;
  await rotateLog(request.log);
  const log = await open(request.log, 'a', 0o644);
  try {
    signal.throwIfAborted();
    const child = start(program, args, {
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      env: { ...process.env, ...request.env, [DOMID_VARIABLE]: String(request.domid) },
      cwd: request.cwd,
    });
    const exited = statusOf(child);
    // Who starts a process may never look at how it ends.
    exited.catch(() => undefined);
    await started(child, program);
    child.unref();
    return { pid: child.pid!, exited };
  } finally {
    await log.close();
  }
}

async function kill({ pid, ...target }: Parameters<Processes['kill']>[0]): Promise<boolean> {
  const pids = pid === null ? await deviceModelsOf(target.domid) : [pid];
  const found = await Promise.all(pids.map((each) => killOne({ pid: each, ...target })));
  return found.some(Boolean);
}

/** Xen's device models that we have started for a domain: with our mark, and not a machine of the embedded host. */
async function deviceModelsOf(domid: number): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const ours = await mapLimited(
    pids,
    TOGETHER,
    async (pid) => (await hasMark(pid, domid)) && (await isDeviceModelOf(pid, domid)),
  );
  return pids.filter((_, index) => ours[index]);
}

/** Every device model of a Xen domain that we have started, by its domain. */
export async function markedDeviceModels(): Promise<{ pid: number; domid: number }[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await mapLimited(pids, TOGETHER, async (pid) => {
    const mark = (await strings(`/proc/${pid}/environ`)).find((word) => word.startsWith(`${DOMID_VARIABLE}=`));
    const domid = Number(mark?.slice(DOMID_VARIABLE.length + 1));
    return mark !== undefined && (await isDeviceModelOf(pid, domid)) ? [{ pid, domid }] : [];
  });
  return found.flat();
}

interface OneKill {
  readonly pid: number;
  readonly domid: number;
  readonly signal: NodeJS.Signals;
  readonly graceMs: number;
}

async function killOne({ pid, domid, signal, graceMs }: OneKill): Promise<boolean> {
  const startTime = await startTimeOf(pid);
  if (startTime === null || !(await serves(pid, domid))) return false;
  send(pid, signal);
  if (await goneWithin({ pid, startTime }, graceMs)) return true;
  if (graceMs > 0 && signal !== 'SIGKILL') {
    send(pid, 'SIGKILL');
    await goneWithin({ pid, startTime }, TERM_GRACE_MS);
  }
  return true;
}

/** Runs a command in a process group of its own; past the bound, or when the signal fires, the whole group goes. */
async function run(
  command: Parameters<Processes['run']>[0],
  signal: AbortSignal,
): Promise<ExitStatus & { output: string; timedOut: boolean }> {
  signal.throwIfAborted();
  const [program = '', ...args] = command.argv;
  const child = start(program, args, {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...command.env },
  });
  const ending = statusOf(child);
  const closed = once(child, 'close');
  for (const promise of [ending, closed]) promise.catch(() => undefined);
  await started(child, program);
  const output = collect(child);
  const over = new AbortController();
  const bound = AbortSignal.any([signal, over.signal]);
  const limit = sleep(command.timeoutMs, 'timeout' as const, { signal: bound }).catch(() => 'aborted' as const);
  const first = await Promise.race([ending.then(() => 'ended' as const), limit]);
  if (first !== 'ended') await endGroup(child, ending);
  const status = await ending;
  over.abort();
  await Promise.race([closed, sleep(DRAIN_MS, undefined, { ref: false })]);
  child.stdout.destroy();
  child.stderr.destroy();
  return { ...status, output: output.text, timedOut: first === 'timeout' };
}

/** Sends TERM to a command's group, then KILL: no bound may hang on a script that ignores us. */
async function endGroup(child: ChildProcess, ending: Promise<ExitStatus>): Promise<void> {
  send(-child.pid!, 'SIGTERM');
  const ended = await Promise.race([ending.then(() => true), sleep(TERM_GRACE_MS, false, { ref: false })]);
  if (!ended) send(-child.pid!, 'SIGKILL');
}

function statusOf(child: ChildProcess): Promise<ExitStatus> {
  return new Promise((resolve, reject) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.once('error', reject);
  });
}

/** Resolves when the program runs. Throws XlError `program-missing` or `program-failed`. */
async function started(child: ChildProcess, program: string): Promise<void> {
  try {
    await once(child, 'spawn');
  } catch (error) {
    const errno = errnoOf(error);
    throw errno === 'ENOENT'
      ? new XlError('program-missing', `there is no program ${program}`, { cause: error })
      : new XlError('program-failed', `cannot start ${program}: ${errno ?? String(error)}`, { cause: error });
  }
}

function collect(child: ChildProcess): { text: string } {
  const output = { text: '' };
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (piece: string) => {
      output.text = (output.text + piece).slice(-OUTPUT_CHARACTERS);
    });
  }
  return output;
}

/** Whether a process says that it serves this domain: by our mark, or as stock xl's QEMU by its `-xen-domid`. */
const serves = async (pid: number, domid: number): Promise<boolean> =>
  (await hasMark(pid, domid)) || isDeviceModelOf(pid, domid);

const hasMark = async (pid: number, domid: number): Promise<boolean> =>
  (await strings(`/proc/${pid}/environ`)).includes(`${DOMID_VARIABLE}=${domid}`);

async function isDeviceModelOf(pid: number, domid: number): Promise<boolean> {
  const argv = await strings(`/proc/${pid}/cmdline`);
  return argv.some((word, index) => word === '-xen-domid' && argv[index + 1] === String(domid));
}

async function strings(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.split('\0');
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error;
  }
}

async function goneWithin(process: { pid: number; startTime: string }, ms: number): Promise<boolean> {
  const deadline = performance.now() + ms;
  while (performance.now() < deadline) {
    if (!(await isAlive(process))) return true;
    await sleep(LOOK_MS);
  }
  return !(await isAlive(process));
}
