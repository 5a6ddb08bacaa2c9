import { resolve } from 'node:path';
import { serveOverlay } from '../../lib/host/dscow/serve.ts';
import { serverOf, startServer } from '../../lib/host/dscow/servers.ts';
import { checkName } from '../../lib/host/dscow/registry.ts';
import { dscowRegistry, nameOfFile, serveCommand } from '../dscow.ts';
import { printDiagnostics } from '../print/error.ts';
import type { RunOf } from './index.ts';

/** `xl dscow serve FILE`: in the background, started once for a file however often it is asked for. */
export const run: RunOf<'dscow serve'> = async ({ terminal, global, signal }, { options, words: [file = ''] }) => {
  const registry = await dscowRegistry();
  const name = options.name === undefined ? nameOfFile(file) : checkName(options.name);
  const socket = options.socket === undefined ? registry.socketOf(name) : resolve(options.socket);
  if (options.foreground) {
    await serveOverlay({
      file,
      name,
      socket,
      registry,
      readOnly: options['read-only'],
      forceBase: options['force-base'],
      alwaysFua: options.sync === 'a',
      signal,
      log: (line) => terminal.err(`${new Date().toISOString()} ${line}\n`),
      warn: (warnings) => printDiagnostics(warnings, terminal),
    });
    return 0;
  }
  const command = serveCommand(file, { name, socket, options });
  const record = (await serverOf(registry, file)) ?? (await startServer({ registry, name, file, command, signal }));
  terminal.out(global.json ? `${JSON.stringify(record, null, 2)}\n` : `${record.socket}\n`);
  return 0;
};
