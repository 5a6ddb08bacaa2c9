import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { temporaryDirectory } from '../support/daemon.ts';
import type { Daemon } from '../support/daemon.ts';
import { RawConnection } from '../support/raw.ts';
import { RingStream } from './ring.ts';

/** Debian's two store daemons. */
export type DaemonKind = 'xenstored' | 'oxenstored';

const DEATH_PORT = 1;
const FIRST_RING_PORT = 1000;

/** Where Debian's xen-utils keeps the program, or null. */
function programOf(kind: DaemonKind): string | null {
  const homes = existsSync('/usr/lib') ? readdirSync('/usr/lib').filter((name) => /^xen-\d/.test(name)) : [];
  return homes.map((home) => `/usr/lib/${home}/bin/${kind}`).find((path) => existsSync(path)) ?? null;
}

/** Why the real daemon cannot be run here, in words, or null where it can. */
export function whyNot(kind: DaemonKind): string | null {
  if (programOf(kind) === null) return `${kind} is not installed (Debian: xen-utils-4.17)`;
  if (!existsSync('/usr/include/xenctrl.h')) return 'the headers of libxen-dev are not installed';
  try {
    execFileSync('cc', ['--version'], { stdio: 'ignore' });
    return null;
  } catch {
    return 'there is no C compiler to make the pretend hypervisor with (Debian: gcc)';
  }
}

/** The pretend hypervisor as a library to preload, made anew when its source changes. */
function pretendXen(): string {
  // Not by import.meta.url: the bench bundles this file to elsewhere.
  const root = process.env.XL_TS_ROOT ?? '.';
  const source = join(root, 'test/xenstore/real/pretend-xen.c');
  const cache = resolve(root, 'node_modules/.cache/xl-ts');
  const library = join(cache, `pretend-xen-${createHash('sha256').update(readFileSync(source)).digest('hex')}.so`);
  if (existsSync(library)) return library;
  mkdirSync(cache, { recursive: true });
  // Tests run side by side: each compiles its own, and the last to be renamed stays.
  const own = `${library}.${process.pid}`;
  execFileSync('cc', ['-O1', '-Wall', '-Wextra', '-fPIC', '-shared', '-o', own, source, '-ldl']);
  renameSync(own, library);
  return library;
}

const oxenstoredSettings = (directory: string): string =>
  `pid-file = ${directory}/pid
quota-activate = true
quota-maxentity = 1000
quota-maxsize = 2048
quota-maxwatch = 100
quota-transaction = 10
quota-path-max = 1024
persistent = false
xenstored-kva = ${directory}/xsd_kva
xenstored-port = ${directory}/xsd_port
xenstored-log-file = ${directory}/oxenstored.log
access-log-file = ${directory}/access.log
`;

/** Starts the real daemon on a pretend hypervisor; it answers on its socket when this settles. */
export async function startReal(kind: DaemonKind): Promise<Daemon & { readonly pid: number }> {
  const directory = await temporaryDirectory();
  const path = join(directory, 'socket');
  writeFileSync(join(directory, 'xsd_kva'), Buffer.alloc(4096));
  writeFileSync(join(directory, 'xsd_port'), '1');
  writeFileSync(join(directory, 'settings'), oxenstoredSettings(directory));
  const args = kind === 'xenstored' ? ['-N', '-R'] : ['--no-fork', '--config-file', join(directory, 'settings')];
  const log = await open(join(directory, 'log'), 'w');
  const child = spawn(programOf(kind)!, args, {
    stdio: ['ignore', log.fd, log.fd],
    env: {
      ...process.env,
      LD_PRELOAD: pretendXen(),
      PRETEND_XEN: directory,
      XENSTORED_RUNDIR: directory,
      XENSTORED_PATH: path,
    },
  });
  await log.close();
  const stop = async (): Promise<void> => {
    const exited = new Promise((ended) => child.once('exit', ended));
    if (child.exitCode === null && child.kill('SIGKILL')) await exited;
    rmSync(directory, { recursive: true });
  };
  try {
    await untilItAnswers(child, path, join(directory, 'log'));
  } catch (error) {
    await stop();
    throw error;
  }
  const events = await open(join(directory, 'events'), 'r+');
  const fire = (port: number): Promise<unknown> => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(port);
    return events.write(bytes);
  };
  return {
    pid: child.pid!,
    path,
    makeDomain: (domid) => writeFileSync(join(directory, `dom-${domid}`), ''),
    killDomain: async (domid) => {
      rmSync(join(directory, `dom-${domid}`), { force: true });
      await fire(DEATH_PORT);
      // The daemon takes the event whenever it wakes: nothing on its sockets tells that it has.
      await sleep(100);
      rmSync(join(directory, `ring-${domid}`), { force: true });
    },
    connectDomain: (domid) =>
      Promise.resolve(new RingStream(join(directory, `ring-${domid}`), () => void fire(FIRST_RING_PORT + domid))),
    stop: async () => {
      await events.close();
      await stop();
    },
  };
}

async function untilItAnswers(child: ChildProcess, path: string, log: string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (child.exitCode !== null) break;
    if (await answers(path)) return;
    await sleep(25);
  }
  throw new Error(`the daemon does not answer on ${path}:\n${readFileSync(log, 'utf8')}`);
}

/** It listens before it is ready: only an answer tells. */
async function answers(path: string): Promise<boolean> {
  const connection = new RawConnection(createConnection(path));
  const answer = await connection.request('GET_DOMAIN_PATH', '0\0');
  connection.destroy();
  return answer !== 'closed';
}
