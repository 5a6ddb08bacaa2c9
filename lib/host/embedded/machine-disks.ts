import { XlError } from '../../base/error.ts';
import type { Devid } from '../../base/units.ts';
import { tryDescribeVdev } from '../../disk/vdev.ts';
import { hotplugNames, plugCommands, unplug, type HotplugDisk } from '../../qemu/hotplug-disk.ts';
import type { PlainCommand } from '../../qemu/monitors.ts';
import type { QmpClient, QmpWait } from '../../qemu/qmp-client.ts';

/** What is needed of a monitor. */
export type Monitor = Pick<QmpClient, 'execute' | 'onEvent'>;

/** QEMU opens and closes images before it answers; a slow disk takes its time. */
const COMMAND: QmpWait = { timeoutMs: 30_000 };

const run = (monitor: Monitor, { execute, arguments: args }: PlainCommand): Promise<unknown> =>
  monitor.execute(execute, args, COMMAND);

/** Plugs a disk; the number of bytes that the guest sees. What a failure leaves half done is taken back. */
export async function plugDisk(monitor: Monitor, disk: HotplugDisk): Promise<number> {
  const done: PlainCommand[] = [];
  try {
    for (const { command, undo } of plugCommands(disk)) {
      await run(monitor, command);
      done.unshift(undo);
    }
  } catch (error) {
    // The first error is the one to tell; QEMU forgets nodes that could not be removed when it ends.
    for (const undo of done) await run(monitor, undo).catch(() => undefined);
    throw error;
  }
  return nodeSize(monitor, hotplugNames(disk.devid).image);
}

/** Asks the guest to let go of a disk and resolves when it has, however long it takes; then the image is closed. */
export async function unplugDisk(monitor: Monitor, devid: Devid): Promise<void> {
  const { request, isReleased, cleanup } = unplug(devid);
  let stop: () => void = () => undefined;
  const released = new Promise<void>((resolve) => {
    stop = monitor.onEvent((event) => {
      if (isReleased(event)) resolve();
    });
  });
  try {
    await run(monitor, request);
    await released;
  } finally {
    stop();
  }
  for (const command of cleanup) await run(monitor, command).catch(() => undefined);
}

/**
 * Closes a disk's image although the guest still has the disk: from now on every access gives the guest an I/O error.
 * The disk itself goes when the guest lets go of it.
 */
export async function cutDisk(monitor: Monitor, devid: Devid, format: string): Promise<void> {
  const { image, file } = hotplugNames(devid);
  const [nothing, dead] = [`vbd-${devid}-nothing`, `vbd-${devid}-dead`];
  const size = await nodeSize(monitor, image);
  const commands: PlainCommand[] = [
    { execute: 'blockdev-add', arguments: { driver: 'null-co', 'node-name': nothing, size } },
    {
      execute: 'blockdev-add',
      arguments: {
        driver: 'blkdebug',
        'node-name': dead,
        image: nothing,
        'inject-error': [{ event: 'none', errno: 5, once: false }],
      },
    },
    {
      execute: 'blockdev-reopen',
      arguments: { options: [{ driver: format, 'node-name': image, file: dead, ...withoutBacking(format) }] },
    },
    { execute: 'blockdev-del', arguments: { 'node-name': file } },
  ];
  for (const command of commands) await run(monitor, command);
}

/** What lies below an image is let go as well; only some formats know the word. */
const withoutBacking = (format: string): { backing?: null } =>
  format === 'qcow' || format === 'qcow2' || format === 'qed' ? { backing: null } : {};

/** The names of the drives that the machine was started with, and with which its emulated disks stand or fall. */
export async function emulatedDrives(monitor: Monitor): Promise<ReadonlySet<string>> {
  const drives = await run(monitor, { execute: 'query-block' });
  if (!Array.isArray(drives)) throw unexpected('query-block');
  return new Set(drives.map((drive: unknown) => (hasText(drive, 'device') ? drive.device : '')).filter(Boolean));
}

/**
 * Whether the machine has this disk as emulated hardware already: QEMU's names for drives by their place
 * (`if=ide,index=3` is `ide1-hd1`) and libxl's for those with an id (lib/qemu/drive.ts).
 */
export function isEmulated(vdev: string, devid: number, drives: ReadonlySet<string>): boolean {
  const disk = tryDescribeVdev(vdev)?.disk ?? null;
  if (drives.has(`ide-${devid}`)) return true;
  if (disk === null) return false;
  const byPlace = [`ide${Math.floor(disk / 2)}-hd${disk % 2}`, `ahcidisk-${disk}`, `scsi0-hd${disk}`];
  return byPlace.some((name) => drives.has(name));
}

async function nodeSize(monitor: Monitor, node: string): Promise<number> {
  const nodes = await run(monitor, { execute: 'query-named-block-nodes', arguments: { flat: true } });
  if (!Array.isArray(nodes)) throw unexpected('query-named-block-nodes');
  const found: unknown = nodes.find((entry: unknown) => hasText(entry, 'node-name') && entry['node-name'] === node);
  if (typeof found === 'object' && found !== null && 'image' in found) {
    const { image } = found;
    if (typeof image === 'object' && image !== null && 'virtual-size' in image) return Number(image['virtual-size']);
  }
  throw unexpected('query-named-block-nodes');
}

const hasText = <Key extends string>(value: unknown, key: Key): value is Record<Key, string> =>
  typeof value === 'object' &&
  value !== null &&
  key in value &&
  typeof (value as Record<Key, unknown>)[key] === 'string';

const unexpected = (command: string): XlError =>
  new XlError('qmp-unexpected', `QEMU's answer to ${command} has not the form that its schema promises`);
