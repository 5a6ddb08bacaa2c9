import type { HostFacts } from '../lib/base/facts.ts';
import { chooseAccel, readAccelFacts } from '../lib/host/embedded/accel.ts';
import { connectRunning } from '../lib/host/embedded/start.ts';
import { embeddedDirs, stateDir, stateDirPath, type StateDir } from '../lib/host/embedded/state-dir.ts';
import { gatherFacts, type HostDescription } from '../lib/host/facts.ts';
import { storePort } from '../lib/xenstore/port.ts';

/** The Xen whose behaviour the embedded host follows: Debian 12's. */
const EMBEDDED_FOLLOWS = '4.17';
const EMBEDDED_QEMU = 'qemu-system-x86_64';

/** The embedded host's state directory, by XL_STATE_DIR or the user's runtime directory. */
export const embeddedStateDir = (): StateDir => stateDir(stateDirPath(process.env, userId()));

/** The user's number; the embedded host's files are for that user alone. */
export const userId = (): number => process.getuid?.() ?? 0;

/** The embedded host as far as it is known without looking at domains and files. XL_QEMU names another QEMU. */
export async function describeEmbedded(dir: StateDir): Promise<HostDescription> {
  const { accel, reason } = chooseAccel(await readAccelFacts(process.env));
  return {
    host: 'embedded',
    xenVersion: EMBEDDED_FOLLOWS,
    dirs: embeddedDirs(dir),
    qemu: { path: process.env.XL_QEMU ?? EMBEDDED_QEMU, accel, accelReason: reason },
  };
}

/** The embedded host as it is, running or not. */
export async function embeddedFacts(paths: readonly string[], signal: AbortSignal): Promise<HostFacts> {
  const dir = embeddedStateDir();
  const [description, connection] = await Promise.all([describeEmbedded(dir), connectRunning(dir, signal)]);
  try {
    return await gatherFacts(description, { paths, store: connection === null ? null : storePort(connection.store) });
  } finally {
    connection?.close();
  }
}
