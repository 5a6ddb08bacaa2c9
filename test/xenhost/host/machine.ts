import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { QmpClient } from '../../../lib/qemu/qmp-client.ts';
import { BOOT, hostError, readIfThere, RUN } from './places.ts';

const MACHINE_MIB = 3584;
/** What is left is for guests: about 2000 MiB. */
const DOM0_MIB = 1536;
const CPUS = 2;

/** What the machine is, whichever disk it runs on: part of what a saved state must agree with. */
export const MACHINE = [
  ...['-name', 'xl-ts-xen-host', '-nodefaults', '-no-user-config', '-display', 'none', '-M', 'pc,hpet=on'],
  // SVM with nested paging is what Xen's HVM and PVH guests take; QEMU emulates it.
  ...['-accel', 'tcg,thread=multi,tb-size=512', '-cpu', 'qemu64,+svm,+npt'],
  ...['-smp', `${CPUS}`, '-m', `${MACHINE_MIB}`],
  ...['-kernel', BOOT.xen, '-append', xenCommandLine()],
  ...['-initrd', `${BOOT.kernel} console=hvc0 mitigations=off nokaslr audit=0,${BOOT.initrd}`],
] as const;

function xenCommandLine(): string {
  return [
    `dom0_mem=${DOM0_MIB}M,max:${DOM0_MIB}M dom0_max_vcpus=${CPUS}`,
    'console=com1 com1=115200 loglvl=all guest_loglvl=all',
    // Guards against what an emulated CPU does not do, and a watchdog that an emulated clock would set off.
    'spec-ctrl=no xpti=no watchdog=0 noreboot',
  ].join(' ');
}

/** The pid of the QEMU that is the host, or null where none runs. */
export function runningPid(): number | null {
  const pid = readIfThere(RUN.pid);
  if (pid === null || !/^\d+$/.test(pid)) return null;
  const commandLine = `/proc/${pid}/cmdline`;
  // Its number may have become another process's; this one's command line has our monitor's path.
  return existsSync(commandLine) && readFileSync(commandLine, 'latin1').includes(RUN.monitor) ? Number(pid) : null;
}

/** Starts QEMU on a disk image; it goes on in the background. `extra` are more of its options. */
export async function launch(disk: string, extra: readonly string[] = []): Promise<void> {
  mkdirSync(RUN.directory, { recursive: true, mode: 0o700 });
  for (const path of [RUN.monitor, RUN.ssh, RUN.pid]) rmSync(path, { force: true });
  writeFileSync(RUN.console, '');
  const port = await freePort();
  writeFileSync(RUN.port, `${port}\n`);
  const words = [
    ...MACHINE,
    ...['-serial', `file:${RUN.console}`],
    ...['-drive', `file=${disk},if=none,id=disk,format=qcow2,cache=unsafe,discard=unmap`],
    ...['-device', 'virtio-blk-pci,drive=disk'],
    ...['-netdev', `user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:${port}-10.0.2.15:22`],
    ...['-device', 'virtio-net-pci,netdev=net,romfile=', '-device', 'virtio-rng-pci'],
    ...['-qmp', `unix:${RUN.monitor},server=on,wait=off`, '-pidfile', RUN.pid, '-daemonize'],
    ...extra,
  ];
  const { status, stderr } = spawnSync('qemu-system-x86_64', words, { stdio: ['ignore', 'ignore', 'pipe'] });
  if (status !== 0) throw hostError(`QEMU does not start: ${stderr.toString().trim()}`);
}

/** A conversation with the machine's QEMU. */
export async function withMonitor<T>(work: (monitor: QmpClient) => Promise<T>): Promise<T> {
  const monitor = await QmpClient.connect(RUN.monitor, { timeoutMs: 30_000 });
  try {
    return await work(monitor);
  } finally {
    monitor.close();
  }
}

/** Waits until the text stands on the serial line. */
export async function consoleSays(text: string, seconds: number): Promise<void> {
  const deadline = performance.now() + seconds * 1000;
  while (!readFileSync(RUN.console, 'latin1').includes(text)) {
    if (runningPid() === null) throw hostError(`the machine ended before it said '${text}'`, `see ${RUN.console}`);
    if (performance.now() > deadline) throw hostError(`no '${text}' within ${seconds} s`, `see ${RUN.console}`);
    await sleep(200);
  }
}

/** Ends the machine, by its monitor or by force, and waits until it is gone. Does nothing where none runs. */
export async function endMachine(): Promise<void> {
  const pid = runningPid();
  if (pid !== null) {
    await withMonitor((monitor) => monitor.execute('quit', undefined, { timeoutMs: 5_000 })).catch(() => undefined);
    if (!(await isGone())) process.kill(pid, 'SIGKILL');
    if (!(await isGone())) throw hostError(`QEMU, process ${pid}, does not end`);
  }
  for (const path of [RUN.pid, RUN.monitor, RUN.ssh, RUN.disk]) rmSync(path, { force: true });
}

async function isGone(): Promise<boolean> {
  for (let look = 0; look < 200 && runningPid() !== null; look += 1) await sleep(50);
  return runningPid() === null;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
