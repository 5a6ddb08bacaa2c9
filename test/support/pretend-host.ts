import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { XenstoreClient } from '../../lib/xenstore/client.ts';
import { startRelay, type RelayCounts } from './xenstore-relay.ts';
import { startReal, whyNot } from '../xenstore/real/daemons.ts';

const ROOT = process.env.XL_TS_ROOT ?? '.';
const STOCK_XL = '/usr/lib/xen-4.17/bin/xl';
/** An ELF with Xen's PVH note, which Debian's xen-utils brings. */
export const KERNEL = '/usr/lib/xen-4.17/boot/xen-shim';

/** Which toolstack. */
export type Toolstack = 'ours' | 'stock';

/** How a command ended, and what it said. */
export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Directories of a Xen host that a command sees as its own; logs may stay behind, the others not. */
export const HOST_DIRECTORIES = { lib: '/var/lib/xen', run: '/run/xen', log: '/var/log/xen' } as const;

/** A host without Xen on which both toolstacks create and destroy PVH guests. */
export interface PretendHost {
  readonly store: XenstoreClient;
  /** Runs an xl to its end; the milliseconds that it took. Throws with its stderr where it fails. */
  xl(which: Toolstack, ...words: readonly string[]): Promise<number>;
  /**
   * Runs our xl in a mount namespace in which HOST_DIRECTORIES lie below `directory`, so that what it leaves can be seen and
   * nobody else's is in its way. `env` goes over the host's own.
   */
  apart(words: readonly string[], where: { directory: string; env?: NodeJS.ProcessEnv }): Promise<Outcome>;
  /** The same as xl, with a relay before xenstored that counts. */
  counted(which: Toolstack, ...words: readonly string[]): Promise<RelayCounts & { readonly hypercalls: number }>;
  stop(): Promise<void>;
}

/** Why there can be no such host here, in words, or null where there can. */
export function whyNoPretendHost(): string | null {
  if (process.getuid?.() !== 0) return 'only root can use loop devices and /var/run/xen';
  return whyNot('xenstored');
}

/**
 * Debian's C xenstored, hypercalls answered by test/support/pretend-hypervisor.c in each xl's own process, and drivers
 * that move the backends of disks as blkback does and name terminals as xenconsoled does. Both toolstacks have the same three; the hotplug scripts are Xen's own.
 */
export async function startPretendHost(): Promise<PretendHost> {
  const build = mkdtempSync(join(tmpdir(), 'xl-ts-pretend-'));
  const library = join(build, 'pretend-hypervisor.so');
  const source = join(ROOT, 'test/support/pretend-hypervisor.c');
  execFileSync('cc', ['-O1', '-Wall', '-Wextra', '-fPIC', '-shared', '-o', library, source, '-ldl']);
  const daemon = await startReal('xenstored');
  const directory = dirname(daemon.path);
  for (const [name, value] of Object.entries({ major: '4', minor: '17', extra: '.7' })) {
    writeFileSync(join(directory, `version-${name}`), `${value}\n`);
  }
  const store = await XenstoreClient.connect({ path: daemon.path });
  await fillStore(store);
  void driveBackends(store);
  void serveConsoles(store);
  const environment = {
    ...process.env,
    LD_PRELOAD: library,
    PRETEND_XEN: directory,
    XENSTORED_PATH: daemon.path,
    XENSTORED_RUNDIR: directory,
    XL_HOST: 'xen',
  };
  const programs = { stock: [STOCK_XL], ours: [process.execPath, join(ROOT, 'dist/xl.cjs')] } as const;
  const hypercalls = (): number => Number(readFileSync(join(directory, 'domains')).readBigUInt64LE(0));
  return {
    store,
    xl: (which, ...words) => {
      forgetDomids();
      return timed(programs[which], words, environment);
    },
    counted: async (which, ...words) => {
      forgetDomids();
      const socket = join(directory, 'relay');
      const relay = await startRelay(socket, daemon.path);
      const before = hypercalls();
      await timed(programs[which], words, { ...environment, XENSTORED_PATH: socket });
      relay.close();
      return { ...relay.counts(), hypercalls: hypercalls() - before };
    },
    apart: (words, { directory: own, env = {} }) =>
      apart([...programs.ours, ...words], own, { ...environment, ...env }),
    stop: async () => {
      store.close();
      await daemon.stop();
      rmSync(build, { recursive: true, force: true });
    },
  };
}

/**
 * Every guest is domain 1 here. Both toolstacks keep away from a number that had another domain in this second, be the
 * time to do so set to 0: they would make and destroy domains until it is over.
 */
const forgetDomids = (): void => rmSync('/var/run/xen/domid-history', { force: true });

/** What xen-init-dom0 writes, and what the first guest leaves. */
async function fillStore(store: XenstoreClient): Promise<void> {
  const nodes = {
    '/local/pool/0/name': 'Pool-0',
    '/local/domain/0/name': 'Domain-0',
    '/local/domain/0/domid': '0',
    '/local/domain/0/memory/target': '4194304',
    '/local/domain/0/memory/static-max': '4194304',
    '/local/domain/0/memory/freemem-slack': '0',
    '/libxl/0/dm-version': 'qemu_xen',
  };
  await store.mkdir('/vm');
  for (const [path, value] of Object.entries(nodes)) await store.write(path, value);
}

/** A backend that is there waits for its frontend (1 → 2); one that shall close does (5 → 6). */
async function driveBackends(store: XenstoreClient): Promise<void> {
  for await (const event of store.watch('/local/domain/0/backend')) {
    if (event.kind !== 'changed' || !/\/\d+\/\d+\/state$/.test(event.path)) continue;
    const state = await store.readText(event.path).catch(() => null);
    if (state === '1') await store.write(event.path, '2');
    if (state === '5') await store.write(event.path, '6');
  }
}

/** xenconsoled says which terminal a console has. */
async function serveConsoles(store: XenstoreClient): Promise<void> {
  for await (const event of store.watch('/local/domain')) {
    if (event.kind !== 'changed' || !/^\/local\/domain\/\d+\/console\/tty$/.test(event.path)) continue;
    if ((await store.readText(event.path).catch(() => null)) === '') await store.write(event.path, '/dev/pts/9');
  }
}

/** Why commands cannot be given directories of their own here, in words, or null where they can. */
export function whyNotApart(): string | null {
  try {
    execFileSync('unshare', ['--mount', 'mount', '--bind', '/tmp', '/tmp'], { stdio: 'ignore' });
    return null;
  } catch {
    return 'no mount namespace can be made here';
  }
}

function apart(command: readonly string[], directory: string, env: NodeJS.ProcessEnv): Promise<Outcome> {
  const mounts = Object.entries(HOST_DIRECTORIES).map(([name, path]) => {
    for (const each of [join(directory, name), path]) mkdirSync(each, { recursive: true });
    return `mount --bind "$0/${name}" ${path}`;
  });
  const { LD_PRELOAD: library = '', ...rest } = env;
  const script = [...mounts, 'exec env LD_PRELOAD="$PRETEND_LIBRARY" "$@"'].join(' && ');
  const child = spawn('unshare', ['--mount', 'sh', '-c', script, directory, ...command], {
    env: { ...rest, PRETEND_LIBRARY: library },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.stderr += text));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, ...said }));
  });
}

function timed(program: readonly string[], words: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const [command = '', ...first] = program;
  const begun = performance.now();
  const child = spawn(command, [...first, ...words], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    // At its exit, not when its output closes: what it leaves behind may hold that open.
    child.once('exit', (status) => {
      const took = performance.now() - begun;
      if (status === 0) resolve(took);
      else reject(new Error(`${command} ${words.join(' ')} ended with ${String(status)}: ${said}`));
    });
  });
}
