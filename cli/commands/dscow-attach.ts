import { attachDevice } from '../../lib/host/dscow/device.ts';
import { checkName } from '../../lib/host/dscow/registry.ts';
import { serverNamed } from '../../lib/host/dscow/servers.ts';
import { dscowRegistry, serveCommand } from '../dscow.ts';
import type { RunOf } from './index.ts';

/** `xl dscow attach NAME FILE`: a server and a block device; the same again where both are there. */
export const run: RunOf<'dscow attach'> = async (
  { terminal, global, signal },
  { options, words: [given = '', file = ''] },
) => {
  const registry = await dscowRegistry();
  const name = checkName(given);
  const socket = registry.socketOf(name);
  const command = serveCommand(file, { name, socket, options });
  const server = await serverNamed({ registry, name, file, command, signal });
  const device = await attachDevice(registry, server, { via: options.via ?? null, signal });
  terminal.out(global.json ? `${JSON.stringify({ ...server, ...device }, null, 2)}\n` : `${device.device}\n`);
  return 0;
};
