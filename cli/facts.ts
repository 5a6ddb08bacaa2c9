import type { HostFacts, PathFacts } from '../lib/base/facts.ts';
import type { Bindings } from '../lib/base/text.ts';
import { chooseAccel, readAccelFacts } from '../lib/host/embedded/accel.ts';
import { connectRunning } from '../lib/host/embedded/start.ts';
import { embeddedDirs, stateDir, stateDirPath, type StateDir } from '../lib/host/embedded/state-dir.ts';
import {
  assumedFacts,
  completeFacts,
  gatherFacts,
  parseAssumptions,
  readFacts,
  type AssumeOptions,
  type HostDescription,
} from '../lib/host/facts.ts';
import { pathFacts } from '../lib/host/facts/paths.ts';
import { readInput, systemReason } from '../lib/host/input.ts';
import { storePort } from '../lib/xenstore/port.ts';
import { XlError } from '../lib/base/error.ts';
import type { CommandContext } from './command.ts';
import { chooseHost, type Host } from './host.ts';
import type { PlanningOptions } from './intent.ts';

/** What a plan that is only to be shown is made on. */
export interface PlanningFacts {
  readonly facts: HostFacts;
  /** Values that the user wants assumed for holes: `domid=7`. */
  readonly bindings: Bindings;
}

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

/** The facts for a plan that is to run on this host. */
export const hostFacts = ({ description, ports }: Host, paths: readonly string[]): Promise<HostFacts> =>
  gatherFacts(description, { paths, store: ports.store });

/**
 * The facts for a plan that is only shown: from a file, assumed where the plan is for a Xen that this machine has not,
 * else read here. Nothing is started for it.
 */
export async function factsForPlan(
  context: CommandContext,
  { facts: file, assume }: Pick<PlanningOptions, 'facts' | 'assume'>,
  paths: readonly string[],
): Promise<PlanningFacts> {
  const assumptions = parseAssumptions(assume);
  const options: AssumeOptions = { paths, assumptions };
  const { bindings } = assumptions;
  if (file !== undefined) return { facts: await completeFacts(await readFactsFile(file), options), bindings };
  if (chooseHost(context).kind === 'xen') return { facts: await assumedFacts(options), bindings };
  return { facts: await completeFacts(await embeddedFacts(paths, context.signal), options), bindings };
}

/** The embedded host as it is, running or not. */
async function embeddedFacts(paths: readonly string[], signal: AbortSignal): Promise<HostFacts> {
  const dir = embeddedStateDir();
  const [description, connection] = await Promise.all([describeEmbedded(dir), connectRunning(dir, signal)]);
  try {
    return await gatherFacts(description, { paths, store: connection === null ? null : storePort(connection.store) });
  } finally {
    connection?.close();
  }
}

/** What files are that no configuration names. */
export const gatherPaths = (paths: readonly string[]): Promise<Record<string, PathFacts>> =>
  pathFacts(paths, process.cwd());

async function readFactsFile(file: string): Promise<HostFacts> {
  let bytes: Uint8Array;
  try {
    bytes = await readInput(file);
  } catch (error) {
    throw new XlError('facts-unreadable', `cannot read the facts in ${file}: ${systemReason(error)}`, { cause: error });
  }
  return readFacts(new TextDecoder().decode(bytes), file);
}
