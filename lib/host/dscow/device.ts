import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { XlError } from '../../base/error.ts';
import { realFiles } from '../real/files.ts';
import { bootId, isAlive, startTimeOf } from '../real/identity.ts';
import { loopDevices } from '../real/loop-devices.ts';
import type { DeviceRecord, Registry, ServerRecord } from './registry.ts';

/** How long a device may take to be there, or to go. */
const DEVICE_TIMEOUT_MS = 20_000;
const LOOK_AGAIN_MS = 10;

export interface AttachOptions {
  /** The one way to take; null for the first that this machine has. */
  readonly via: DeviceRecord['via'] | null;
  readonly signal: AbortSignal;
}

/**
 * Gives a served overlay a block device, or finds the one that it has. The way is noted before the device is there, so
 * that `detachDevice` finds what a killed command has left. Throws XlError `dscow-no-device` that says what each way lacks.
 */
export async function attachDevice(
  registry: Registry,
  server: ServerRecord,
  options: AttachOptions,
): Promise<DeviceRecord> {
  const before = await registry.device(server.name);
  if (before !== null && (await isThere(before))) return before;
  if (before !== null) await detachDevice(registry, server.name);
  const via = await wayOf(options.via);
  return via === 'nbd' ? attachNbd(registry, server, options.signal) : attachLoop(registry, server, options.signal);
}

/** Gives back the block device of this name; null where there was none. May be called again until it succeeds. */
export async function detachDevice(registry: Registry, name: string): Promise<DeviceRecord | null> {
  const record = await registry.device(name);
  if (record === null) return null;
  if (record.via === 'nbd') {
    if (await hasNbdClient(record.device)) await run('nbd-client', ['-d', record.device]);
  } else await detachLoop(record);
  await registry.removeDevice(name);
  return record;
}

/** Who has connected to a server's socket, as pids; as far as we may look. */
export async function usersOf(socket: string): Promise<readonly number[]> {
  return usersIn(await run('ss', ['-xpH', 'state', 'connected']).catch(() => ''), socket);
}

/**
 * Reads ss(8): a line a socket, with its own path and inode and those of its peer. The server's end carries the path, and
 * the other end is found by the inode.
 */
export function usersIn(output: string, socket: string): readonly number[] {
  const ends = output.split('\n').flatMap((line) => {
    const match = /\s(\S+)\s(\d+)\s+\S+\s(\d+)\s*(.*)$/.exec(line);
    if (match === null) return [];
    return [{ path: match[1], inode: match[2], peer: match[3], pid: /pid=(\d+)/.exec(match[4]!)?.[1] }];
  });
  const peers = new Set(ends.filter(({ path }) => path === socket).map(({ peer }) => peer));
  return [...new Set(ends.flatMap(({ inode, pid }) => (peers.has(inode) && pid !== undefined ? [Number(pid)] : [])))];
}

/** What a way lacks on this machine, in words; null where it is open. */
async function lacks(via: DeviceRecord['via']): Promise<string | null> {
  if (via === 'nbd') {
    if (!(await exists('/sys/module/nbd')) && !(await succeeds('modprobe', ['nbd'])))
      return 'the kernel has no module nbd';
    return (await succeeds('nbd-client', ['-V'])) ? null : 'nbd-client is not installed (package nbd-client)';
  }
  if (!(await exists('/dev/fuse'))) return 'there is no /dev/fuse (modprobe fuse)';
  if (!(await succeeds('qemu-storage-daemon', ['--version']))) {
    return 'qemu-storage-daemon is not installed (package qemu-system-common)';
  }
  return (await exists('/dev/loop-control')) ? null : 'there is no /dev/loop-control (modprobe loop)';
}

async function wayOf(wanted: DeviceRecord['via'] | null): Promise<DeviceRecord['via']> {
  const ways = wanted === null ? (['nbd', 'loop'] as const) : [wanted];
  const lacking: string[] = [];
  for (const way of ways) {
    const what = await lacks(way);
    if (what === null) return way;
    lacking.push(`${way}: ${what}`);
  }
  throw new XlError('dscow-no-device', 'this machine cannot make a block device of an NBD server', {
    evidence: [{ title: 'what is missing', lines: lacking }],
    hint: 'one of the two is enough; QEMU itself needs neither: give it the socket of `xl dscow serve`',
  });
}

/** Takes the first nbd device that nobody has. nbd-client asks the kernel, which gives a device to one only. */
async function attachNbd(registry: Registry, server: ServerRecord, signal: AbortSignal): Promise<DeviceRecord> {
  const devices = (await readdir('/sys/block')).filter((name) => /^nbd\d+$/.test(name));
  const inOrder = devices.sort((one, other) => Number(one.slice(3)) - Number(other.slice(3)));
  let refused: unknown = null;
  for (const name of inOrder) {
    const device = `/dev/${name}`;
    if (await hasNbdClient(device)) continue;
    const record: DeviceRecord = { name: server.name, device, via: 'nbd', daemon: null, mountpoint: null };
    try {
      await run('nbd-client', ['-unix', server.socket, device, '-name', server.name, '-block-size', '512']);
      await registry.writeDevice(record);
      await until(() => hasSize(device), `${device} to have a size`, signal);
      return record;
    } catch (error) {
      refused = error;
      if (await registry.device(server.name)) await detachDevice(registry, server.name);
    }
  }
  throw new XlError('dscow-no-device', 'no nbd device could be had', {
    cause: refused,
    hint: 'modprobe nbd nbds_max=32 makes more of them',
  });
}

/** QEMU's storage daemon shows the disk as a file, and a loop device makes a block device of that. */
async function attachLoop(registry: Registry, server: ServerRecord, signal: AbortSignal): Promise<DeviceRecord> {
  const mountpoint = registry.mountpointOf(server.name);
  await writeFile(mountpoint, '', { mode: 0o600 });
  const daemon = await startStorageDaemon(registry, server, mountpoint);
  const record: DeviceRecord = { name: server.name, device: '', via: 'loop', daemon, mountpoint };
  await registry.writeDevice(record);
  try {
    await until(
      async () => (await stat(mountpoint)).size > 0 || !(await isAlive(daemon)),
      'the disk as a file',
      signal,
    );
    if (!(await isAlive(daemon))) throw await storageDaemonFailed(registry, server.name);
    const loops = await loopDevices();
    const note = (device: string) => registry.writeDevice({ ...record, device });
    const device = await loops.attach(mountpoint, { readOnly: server.readOnly }, note);
    return { ...record, device };
  } catch (error) {
    await detachDevice(registry, server.name).catch(() => undefined);
    throw error;
  }
}

async function startStorageDaemon(registry: Registry, server: ServerRecord, mountpoint: string) {
  const blockdev = {
    driver: 'nbd',
    'node-name': 'disk',
    server: { type: 'unix', path: server.socket },
    export: server.name,
    'read-only': server.readOnly,
  };
  const exported = { type: 'fuse', id: 'file', 'node-name': 'disk', mountpoint, writable: !server.readOnly };
  const log = await open(storageLog(registry, server.name), 'w', 0o600);
  try {
    const child = spawn(
      'qemu-storage-daemon',
      ['--blockdev', JSON.stringify(blockdev), '--export', JSON.stringify(exported)],
      { detached: true, cwd: '/', stdio: ['ignore', log.fd, log.fd] },
    );
    await once(child, 'spawn');
    child.unref();
    return { pid: child.pid!, startTime: (await startTimeOf(child.pid!)) ?? '', bootId: await bootId() };
  } finally {
    await log.close();
  }
}

async function storageDaemonFailed(registry: Registry, name: string): Promise<XlError> {
  const path = storageLog(registry, name);
  return new XlError('dscow-device-failed', `qemu-storage-daemon could not show ${name} as a file`, {
    evidence: [{ title: path, lines: await realFiles.tail(path, 10) }],
  });
}

const storageLog = (registry: Registry, name: string): string => registry.logOf(`${name}.device`);

/** First the loop device, then what is below it: the other way round the last writes would be lost. */
async function detachLoop({ device, daemon, mountpoint }: DeviceRecord): Promise<void> {
  if (device !== '' && (await loopFile(device)) === mountpoint) {
    await (await loopDevices()).detach(device);
    // losetup says nothing of a device that is still in use: the kernel lets it go when its last user does.
    await until(async () => (await loopFile(device)) !== mountpoint, `${device} to be free`, neverAborted);
  }
  if (daemon !== null && daemon.bootId === (await bootId()) && (await isAlive(daemon))) {
    process.kill(daemon.pid, 'SIGTERM');
    await until(async () => !(await isAlive(daemon)), 'qemu-storage-daemon to end', neverAborted);
  }
  // One that was killed leaves its mount behind.
  if (mountpoint !== null) {
    if ((await readFile('/proc/mounts', 'utf8')).includes(` ${mountpoint} `))
      await run('umount', ['--lazy', mountpoint]);
    await rm(mountpoint, { force: true });
  }
}

const neverAborted = new AbortController().signal;

async function isThere(record: DeviceRecord): Promise<boolean> {
  if (record.device === '') return false;
  if (record.via === 'nbd') return hasNbdClient(record.device);
  const alive = record.daemon !== null && record.daemon.bootId === (await bootId()) && (await isAlive(record.daemon));
  return alive && (await loopFile(record.device)) === record.mountpoint;
}

const loopFile = async (device: string): Promise<string | null> =>
  (await readFile(`/sys/block/${basename(device)}/loop/backing_file`, 'utf8').catch(() => null))?.trim() ?? null;
const hasNbdClient = (device: string): Promise<boolean> => exists(`/sys/block/${basename(device)}/pid`);
const hasSize = async (device: string): Promise<boolean> =>
  (await readFile(`/sys/block/${basename(device)}/size`, 'utf8')).trim() !== '0';
const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

async function until(condition: () => Promise<boolean>, what: string, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + DEVICE_TIMEOUT_MS;
  while (!(await condition())) {
    if (performance.now() > deadline) {
      throw new XlError('dscow-device-timeout', `waited ${DEVICE_TIMEOUT_MS / 1000} s for ${what}`, {
        hint: 'see who uses the device: lsof, or `xl block-list` of the guests',
      });
    }
    await sleep(LOOK_AGAIN_MS, undefined, { signal });
  }
}

const succeeds = (program: string, words: readonly string[]): Promise<boolean> =>
  run(program, words).then(
    () => true,
    () => false,
  );

async function run(program: string, words: readonly string[]): Promise<string> {
  const { execa } = await import('execa');
  const { exitCode, stdout, stderr } = await execa(program, [...words], {
    reject: false,
    stdin: 'ignore',
    timeout: DEVICE_TIMEOUT_MS,
    env: { LC_ALL: 'C' },
  });
  if (exitCode === 0) return stdout;
  throw new XlError('program-failed', `${program} failed: ${stderr.trim()}`);
}
