import { mkdir } from 'node:fs/promises';
import { XenstoreClient } from '../../xenstore/client.ts';
import type { HostDescription } from '../facts.ts';
import { physinfo } from './hypercalls.ts';
import { describeXen } from './describe.ts';
import { openXen, type Xen } from './version.ts';

/** A command's connection to this machine's Xen. */
export interface XenConnection {
  readonly description: HostDescription;
  readonly xen: Xen;
  readonly store: XenstoreClient;
  close(): void;
}

/**
 * Connects to the hypervisor and to xenstored. Throws what describeXen, openXen and XenstoreClient.connect throw, in
 * this order: no Xen at all is the better reason than a device that is missing.
 */
export async function connectXen(
  env: Readonly<NodeJS.ProcessEnv>,
  { signal }: { readonly signal: AbortSignal },
): Promise<XenConnection> {
  const description = await describeXen(env);
  const xen = await openXen();
  try {
    const store = await XenstoreClient.connect({ signal });
    await mkdir(description.dirs.state, { recursive: true, mode: 0o700 });
    return {
      description: { ...description, freeMemoryKiB: freeMemoryKiB(xen) },
      xen,
      store,
      close: () => {
        store.close();
        xen.close();
      },
    };
  } catch (error) {
    xen.close();
    throw error;
  }
}

const KIB_PER_PAGE = 4;

/** What is neither given nor promised to a domain. Pages that still have to be wiped are free. */
function freeMemoryKiB(xen: Xen): number {
  const { freePages, scrubPages, outstandingPages } = physinfo(xen);
  return Math.max(0, freePages + scrubPages - outstandingPages) * KIB_PER_PAGE;
}
