import { blockScript } from '../../lib/host/real/block-hotplug.ts';
import { XenstoreClient } from '../../lib/xenstore/client.ts';
import { storePort } from '../../lib/xenstore/port.ts';
import { usageError } from '../usage.ts';
import type { RunOf } from './index.ts';

/** `xl hotplug SCRIPT add|remove`: the work of hotplug/SCRIPT, on whatever store XENSTORED_PATH or the host has. */
export const run: RunOf<'hotplug'> = async ({ signal }, { words }) => {
  const [script, ...rest] = words;
  if (script !== 'block') throw usageError('unknown-script', `there is no hotplug script "${script ?? ''}".`);
  const client = await XenstoreClient.connect({ signal });
  try {
    await blockScript(rest, process.env, storePort(client));
    return 0;
  } finally {
    client.close();
  }
};
