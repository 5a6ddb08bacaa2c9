import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { shellQuote } from '../../../lib/base/shell.ts';
import { takeLock } from '../../../lib/host/real/lock.ts';
import type { QmpClient } from '../../../lib/qemu/qmp-client.ts';
import { isBuilt } from './build.ts';
import { consoleSays, endMachine, launch, MACHINE, runningPid, withMonitor } from './machine.ts';
import { BOOT, CACHE, checkCachePath, fingerprint, hostError, LOCK, RUN, SAVED, say } from './places.ts';
import { closeWayIn, openWayIn, runInDom0 } from './way-in.ts';

/** An emulated machine has slow spells; these bounds are for a machine that is lost. */
const BOOT_SECONDS = 600;
const ANSWER_SECONDS = 180;
const MONITOR = { timeoutMs: 60_000 } as const;

/** Lets one process at a time build or start a machine. */
export async function alone(work: () => Promise<void> | void): Promise<void> {
  mkdirSync(CACHE, { recursive: true });
  const release = await takeLock(LOCK, { timeoutMs: 1_200_000, signal: new AbortController().signal });
  try {
    await work();
  } finally {
    await release();
  }
}

/** Starts a fresh host from its saved state, which the first start makes. Throws where one runs, or none is built. */
export async function start(): Promise<void> {
  checkCachePath();
  if (runningPid() !== null) throw hostError('the Xen host runs already', 'node scripts/xen-host.mjs stop');
  if (!isBuilt()) throw hostError('the Xen host is not built', 'node scripts/xen-host.mjs build');
  const saved = join(SAVED, savedName());
  try {
    if (!existsSync(saved)) await save(saved);
    overlay(join(saved, 'disk.qcow2'), RUN.disk);
    await launch(RUN.disk, ['-incoming', 'defer']);
    await withMonitor((monitor) => restore(monitor, join(saved, 'state')));
    await openWayIn(ANSWER_SECONDS);
    // All that is as it was when the state was saved: the time, and what chance there is.
    const now = Math.floor(Date.now() / 1000);
    const seed = randomBytes(64).toString('base64');
    await runInDom0(['sh', '-c', `cat > /dev/urandom; date -u -s @${now}`], seed);
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Ends the host; what was changed in dom0 is gone with it. */
export async function stop(): Promise<void> {
  if (runningPid() !== null) closeWayIn();
  await endMachine();
}

/** Boots once, and keeps the ready machine: its memory as a file beside its disk. */
async function save(saved: string): Promise<void> {
  const begun = performance.now();
  const took = (): string => `${((performance.now() - begun) / 1000).toFixed(0)} s`;
  say('booting Xen and dom0, once');
  const draft = `${saved}.new`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true });
  overlay(BOOT.disk, join(draft, 'disk.qcow2'));
  await launch(join(draft, 'disk.qcow2'));
  await consoleSays('xen-host: dom0 is ready', BOOT_SECONDS);
  await openWayIn(ANSWER_SECONDS);
  const { status, stderr } = await runInDom0(['/etc/xen-host/first-steps']);
  if (status !== 0) throw hostError(`dom0 is not as it should be: ${stderr.trim()}`, `see ${RUN.console}`);
  closeWayIn();
  await withMonitor(async (monitor) => {
    await monitor.execute('stop', undefined, MONITOR);
    await monitor.execute('migrate-set-parameters', { 'max-bandwidth': 2 ** 33 }, MONITOR);
    await monitor.execute('migrate', { uri: `exec:cat > ${shellQuote(join(draft, 'state'))}` }, MONITOR);
    await migrated(monitor);
  });
  await endMachine();
  renameSync(draft, saved);
  say(`dom0 was ready and saved after ${took()}; later starts take a second or two`);
}

async function restore(monitor: QmpClient, state: string): Promise<void> {
  await monitor.execute('migrate-incoming', { uri: `exec:cat ${shellQuote(state)}` }, MONITOR);
  await migrated(monitor);
  await monitor.execute('cont', undefined, MONITOR);
}

async function migrated(monitor: QmpClient): Promise<void> {
  for (;;) {
    const { status, ...more } = (await monitor.execute('query-migrate', undefined, MONITOR)) as { status?: string };
    if (status === 'completed') return;
    if (status === 'failed' || status === 'cancelled') {
      throw hostError(`the machine's state cannot be moved: ${JSON.stringify(more)}`);
    }
    await sleep(20);
  }
}

function overlay(below: string, image: string): void {
  rmSync(image, { force: true });
  mkdirSync(join(image, '..'), { recursive: true });
  const words = ['create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', below, image];
  const { status, stderr } = spawnSync('qemu-img', words, { stdio: ['ignore', 'ignore', 'pipe'] });
  if (status !== 0) throw hostError(`${image} cannot be made: ${stderr.toString().trim()}`);
}

/** All that a saved state must agree with: the QEMU, the machine, the disk. */
function savedName(): string {
  const { stdout } = spawnSync('qemu-system-x86_64', ['--version'], { encoding: 'utf8' });
  const { mtimeMs, size } = statSync(BOOT.disk);
  return fingerprint([stdout, MACHINE.join('\n'), `${mtimeMs} ${size}`]);
}
