import { executeAll } from '../../qemu/monitors.ts';
import type { Ports } from '../../run/ports.ts';
import { storePort } from '../../xenstore/port.ts';
import { realClock } from '../real/clock.ts';
import { realBlocks } from '../real/block-backends.ts';
import { realFiles } from '../real/files.ts';
import { realProcesses } from '../real/processes.ts';
import type { XenConnection } from './connect.ts';
import { domidHistory } from './domid-history.ts';
import { takeFlock } from './flock.ts';
import { xenHypervisor } from './hypervisor.ts';

/** The doors through which a plan acts on this machine's Xen. Locks are libxl's, so that stock xl heeds them. */
export function xenPorts({ xen, store, description }: XenConnection, env: Readonly<NodeJS.ProcessEnv>): Ports {
  const view = storePort(store);
  return {
    hypervisor: xenHypervisor(xen, domidHistory(description.dirs.run, env)),
    store: view,
    processes: realProcesses,
    blocks: realBlocks(view),
    files: { ...realFiles, lock: takeFlock },
    monitors: { execute: executeAll },
    clock: realClock,
  };
}
