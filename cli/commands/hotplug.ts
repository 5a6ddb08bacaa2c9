import type { StoreView } from '../../lib/run/ports.ts';
import { blockScript, hotplugEvent } from '../../lib/host/real/block-hotplug.ts';
import { XenstoreClient } from '../../lib/xenstore/client.ts';
import { storePort } from '../../lib/xenstore/port.ts';
import type { CommandContext } from '../command.ts';
import { dscowRegistry, serveCommand } from '../dscow.ts';
import { usageError } from '../usage.ts';
import type { RunOf } from './index.ts';

/** `xl hotplug SCRIPT add|remove`: the work of hotplug/SCRIPT, on whatever store XENSTORED_PATH or the host has. */
export const run: RunOf<'hotplug'> = async (context, { words }) => {
  const [script = '', ...rest] = words;
  if (script !== 'block' && script !== 'block-dscow') {
    throw usageError('unknown-script', `there is no hotplug script "${script}".`);
  }
  const client = await XenstoreClient.connect({ signal: context.signal });
  try {
    const store = storePort(client);
    await (script === 'block' ? blockScript(rest, process.env, store) : dscowScript(rest, store, context));
    return 0;
  } finally {
    client.close();
  }
};

async function dscowScript(words: readonly string[], store: StoreView, context: CommandContext): Promise<void> {
  const { command, backend } = hotplugEvent(words, process.env);
  const { addDscow, removeDscow } = await import('../../lib/host/dscow/hotplug.ts');
  const hotplug = {
    backend,
    store,
    registry: await dscowRegistry(),
    serveCommand: (file: string, { name, socket, readOnly }: { name: string; socket: string; readOnly: boolean }) =>
      serveCommand(file, {
        name,
        socket,
        options: { 'read-only': readOnly, sync: undefined, 'force-base': false },
      }),
    signal: context.signal,
    log: (line: string) => context.terminal.err(`block-dscow: ${line}\n`),
  };
  await (command === 'add' ? addDscow(hotplug) : removeDscow(hotplug));
}
