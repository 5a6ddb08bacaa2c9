import type { HostFacts, PathFacts } from '../lib/base/facts.ts';
import type { Bindings } from '../lib/base/text.ts';
import {
  assumedFacts,
  completeFacts,
  gatherFacts,
  parseAssumptions,
  readFacts,
  type AssumeOptions,
  type DomainQuestion,
} from '../lib/host/facts.ts';
import { pathFacts } from '../lib/host/facts/paths.ts';
import { readInput, systemReason } from '../lib/host/input.ts';
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

/**
 * The facts for a plan that is to run on this host. Of other domains' images only those at `paths` are looked for, or at
 * fewer where the plan says which of them are disks: what it does not ask is not read of a thousand domains.
 */
export const hostFacts = (
  { description, ports }: Host,
  paths: readonly string[],
  { images = paths, uuids = true }: Partial<DomainQuestion> = {},
): Promise<HostFacts> => gatherFacts(description, { paths, store: ports.store, domains: { images, uuids } });

/**
 * The facts for a plan that is only shown: from a file, else read here, or assumed where the plan is for a Xen that this
 * machine has not. Nothing is started for it.
 */
export async function factsForPlan(
  context: CommandContext,
  { facts: file, assume }: Pick<PlanningOptions, 'facts' | 'assume'>,
  paths: readonly string[],
): Promise<PlanningFacts> {
  const assumptions = parseAssumptions(assume);
  const options: AssumeOptions = { paths, assumptions };
  const { bindings } = assumptions;
  if (file !== undefined) return { facts: await completeFacts(readFactsFile(file), options), bindings };
  const read = await readHere(context, paths);
  return { facts: read === null ? await assumedFacts(options) : await completeFacts(read, options), bindings };
}

/** This host as it is; null for a Xen that this machine has not. Each host's code is loaded only where it is needed. */
async function readHere(context: CommandContext, paths: readonly string[]): Promise<HostFacts | null> {
  const { signal } = context;
  if (chooseHost(context).kind === 'embedded') return (await import('./embedded.ts')).embeddedFacts(paths, signal);
  const { xenFacts } = await import('../lib/host/xen/facts.ts');
  return xenFacts(paths, { env: process.env, signal });
}

/** What files are that no configuration names. */
export const gatherPaths = (paths: readonly string[]): Promise<Record<string, PathFacts>> =>
  pathFacts(paths, process.cwd());

function readFactsFile(file: string): HostFacts {
  let bytes: Uint8Array;
  try {
    bytes = readInput(file);
  } catch (error) {
    throw new XlError('facts-unreadable', `cannot read the facts in ${file}: ${systemReason(error)}`, { cause: error });
  }
  return readFacts(new TextDecoder().decode(bytes), file);
}
