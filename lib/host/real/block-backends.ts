import { mkdir } from 'node:fs/promises';
import type { Blocks, StoreView } from '../../run/ports.ts';
import { takeFlock } from '../xen/flock.ts';
import { addBlock, removeBlock, type BlockHotplug } from './block-hotplug.ts';
import { realBlockLook } from './block-look.ts';
import { loopDevices, type LoopDevices } from './loop-devices.ts';

/** Where Xen's scripts keep their locks (locking.sh: LOCK_BASEDIR). */
const LOCKS = '/var/run/xen-hotplug';

/**
 * What Xen's `block` script does, done by ourselves: with its rules and its nodes, and under its lock, so that both
 * toolstacks keep out of each other's way.
 */
export function realBlocks(store: StoreView): Blocks {
  let loops: Promise<LoopDevices> | undefined;
  const locked = async (
    backend: string,
    bounds: Parameters<Blocks['connect']>[1],
    work: (hotplug: BlockHotplug) => Promise<void>,
  ): Promise<void> => {
    loops ??= loopDevices();
    const hotplug = { backend, store, loops: await loops, look: realBlockLook };
    await mkdir(LOCKS, { recursive: true });
    const release = await takeFlock(`${LOCKS}/block`, bounds);
    try {
      await work(hotplug);
    } finally {
      await release();
    }
  };
  return {
    connect: (backend, bounds) => locked(backend, bounds, addBlock),
    release: (backend, bounds) => locked(backend, bounds, removeBlock),
  };
}
