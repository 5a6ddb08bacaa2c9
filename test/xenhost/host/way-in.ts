import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, statSync } from 'node:fs';
import { posix } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { shellQuote } from '../../../lib/base/shell.ts';
import { BOOT, hostError, readIfThere, RUN } from './places.ts';
import { runningPid } from './machine.ts';

/** How a command in dom0 ended and what it said. */
export interface Outcome {
  /** 128 and the number of a signal that ended it; 255 where dom0 does not answer. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** ssh to dom0: one connection, made once, carries all commands. */
const ssh = (...words: readonly string[]): string[] => [
  ...['ssh', '-F', 'none', '-q', '-i', BOOT.key, '-p', readIfThere(RUN.port) ?? '', '-S', RUN.ssh],
  ...['BatchMode=yes', 'IdentitiesOnly=yes', 'ConnectTimeout=10', 'ServerAliveInterval=15', 'ServerAliveCountMax=8']
    // A dom0 is as new as its image, and nobody else is on its network.
    .concat(['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'GlobalKnownHostsFile=/dev/null'])
    .flatMap((option) => ['-o', option]),
  ...words,
];

/** The command line that runs a command in dom0, its words as they are. `terminal`: on one of dom0's. */
export function commandInDom0(command: readonly string[], terminal = false): string[] {
  if (runningPid() === null) throw hostError('the Xen host does not run', 'node scripts/xen-host.mjs start');
  // The shell stays until the end, so that a death by a signal is told as 128 and its number.
  const line = `${command.map(shellQuote).join(' ')}; exit $?`;
  return ssh(terminal ? '-tt' : '-T', 'root@127.0.0.1', line);
}

/** Runs a command in dom0 to its end. */
export function runInDom0(command: readonly string[], input: string | Readable = ''): Promise<Outcome> {
  return collect(commandInDom0(command), input);
}

/** Waits until dom0 answers, and opens the connection that all commands use. */
export async function openWayIn(seconds: number): Promise<void> {
  const deadline = performance.now() + seconds * 1000;
  const [program = '', ...words] = ssh('-M', '-N', '-f', 'root@127.0.0.1');
  // With its own output open for the connection's whole life, nobody could wait for its end.
  while (spawnSync(program, words, { stdio: 'ignore' }).status !== 0) {
    if (runningPid() === null) throw hostError('the machine ended while starting', `see ${RUN.console}`);
    if (performance.now() > deadline) throw hostError(`dom0 does not answer within ${seconds} s`, `see ${RUN.console}`);
    await sleep(200);
  }
}

/** Closes the connection; its process ends. */
export function closeWayIn(): void {
  const [program = '', ...words] = ssh('-O', 'exit', 'root@127.0.0.1');
  spawnSync(program, words, { stdio: 'ignore' });
}

/** Copies a file, or what is in a directory, into dom0; what lies there already stays. */
export async function push(source: string, destination: string): Promise<void> {
  const quoted = shellQuote(destination);
  const what = statSync(source);
  const script = what.isDirectory()
    ? `mkdir -p ${quoted} && tar -C ${quoted} -xf - --no-same-owner`
    : `mkdir -p ${shellQuote(posix.dirname(destination))} && cat > ${quoted} && chmod ${(what.mode & 0o777).toString(8)} ${quoted}`;
  const { status, stderr } = await runInDom0(
    ['sh', '-c', script],
    what.isDirectory() ? tar(source) : createReadStream(source),
  );
  if (status !== 0) throw hostError(`push of ${source} ended with ${String(status)}: ${stderr.trim()}`);
}

const tar = (directory: string): Readable =>
  spawn('tar', ['-C', directory, '--exclude=.git', '-cf', '-', '.'], { stdio: ['ignore', 'pipe', 'inherit'] }).stdout;

/** Runs a command on this machine to its end. */
export async function collect(
  [program = '', ...words]: readonly string[],
  input: string | Readable = '',
): Promise<Outcome> {
  const child = spawn(program, words, { stdio: 'pipe' });
  const said = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.stderr += text));
  // A command may end without reading its input.
  child.stdin.on('error', () => undefined);
  if (typeof input === 'string') child.stdin.end(input);
  else input.pipe(child.stdin);
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, ...said };
}
