import { detachDevice } from '../../lib/host/dscow/device.ts';
import { checkName } from '../../lib/host/dscow/registry.ts';
import { stopServer } from '../../lib/host/dscow/servers.ts';
import { dscowRegistry } from '../dscow.ts';
import type { RunOf } from './index.ts';

/** `xl dscow detach NAME`: nothing of that name is left afterwards, whatever was there before. */
export const run: RunOf<'dscow detach'> = async ({ terminal, global }, { words: [given = ''] }) => {
  const registry = await dscowRegistry();
  const name = checkName(given);
  const device = await detachDevice(registry, name);
  const server = await registry.server(name);
  if (server !== null) await stopServer(server);
  const was = { device: device?.device ?? null, file: server?.file ?? null };
  if (global.json) terminal.out(`${JSON.stringify({ name, ...was })}\n`);
  else if (server === null && device === null) terminal.err(`there is no overlay ${name} served\n`);
  return 0;
};
