import { XlError } from '../../base/error.ts';
import type { HostFacts } from '../../base/facts.ts';
import { XenstoreClient } from '../../xenstore/client.ts';
import { storePort } from '../../xenstore/port.ts';
import { gatherFacts } from '../facts.ts';
import { describeXen } from './describe.ts';

/**
 * What a plan for this machine's Xen would know, or null where no Xen runs here. Nothing is changed and no hypercall is
 * made, so that a user who may not act can still see a plan: where xenstored does not answer, only domain 0 is known.
 */
export async function xenFacts(
  paths: readonly string[],
  { env, signal }: { readonly env: Readonly<NodeJS.ProcessEnv>; readonly signal: AbortSignal },
): Promise<HostFacts | null> {
  const description = await describeXen(env).catch(nullIfCode('not-xen'));
  if (description === null) return null;
  const client = await XenstoreClient.connect({ signal }).catch(nullIfCode('xenstore-unreachable'));
  try {
    return await gatherFacts(description, { paths, store: client === null ? null : storePort(client) });
  } finally {
    client?.close();
  }
}

const nullIfCode =
  (code: string) =>
  (error: unknown): null => {
    if (error instanceof XlError && error.code === code) return null;
    throw error;
  };
