import { mkdir } from 'node:fs/promises';
import type { Blocks, StoreView } from '../../run/ports.ts';
import { takeFlock } from '../xen/flock.ts';
import { addBlock, removeBlock, type BlockHotplug } from './block-hotplug.ts';
import { realBlockLook } from './block-look.ts';
import { loopDevices, type LoopDevices } from './loop-devices.ts';
import { rememberingBackends } from './remembered-backends.ts';
import { sharedLock } from './shared-lock.ts';

/** Where Xen's scripts keep their locks (locking.sh: LOCK_BASEDIR). */
const LOCKS = '/var/run/xen-hotplug';

type Bounds = Parameters<Blocks['connect']>[1];

/**
 * What Xen's `block` script does, done by ourselves: with its rules and its nodes, and under its lock, so that both
 * toolstacks keep out of each other's way. A guest's disks are given out under one hold of it.
 */
export function realBlocks(store: StoreView): Blocks {
  let loops: Promise<LoopDevices> | undefined;
  const withLock = sharedLock(async (bounds: Bounds) => {
    await mkdir(LOCKS, { recursive: true });
    const release = await takeFlock(`${LOCKS}/block`, bounds);
    return { held: rememberingBackends(store), release };
  });
  const locked = (backend: string, bounds: Bounds, work: (hotplug: BlockHotplug) => Promise<void>): Promise<void> =>
    withLock(bounds, async (held) => {
      loops ??= loopDevices();
      await work({ backend, store: held, loops: await loops, look: realBlockLook });
    });
  return {
    connect: (backend, bounds) => locked(backend, bounds, addBlock),
    release: (backend, bounds) => locked(backend, bounds, removeBlock),
  };
}
