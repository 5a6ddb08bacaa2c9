import { once } from 'node:events';
import type { Diagnostic } from '../../base/error.ts';
import { NbdServer } from '../nbd/server.ts';
import { ownIdentity } from '../real/identity.ts';
import { exportOf } from './export.ts';
import { openOverlay, type OpenOptions } from './open.ts';
import type { Registry } from './registry.ts';

export interface ServeOptions extends OpenOptions {
  readonly file: string;
  readonly name: string;
  readonly socket: string;
  readonly registry: Registry;
  /** Acknowledge a write only when it is durable: cowd's `--sync=a`. */
  readonly alwaysFua: boolean;
  /** Ends the server in good order. */
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
  readonly warn: (warnings: readonly Diagnostic[]) => void;
}

/** Serves an overlay over NBD until the signal fires; then everything is flushed and the file is marked as closed. */
export async function serveOverlay(options: ServeOptions): Promise<void> {
  const { file, name, socket, registry, alwaysFua, signal, log } = options;
  const opened = await openOverlay(file, options);
  try {
    options.warn(opened.warnings);
    const exports = [exportOf(opened.overlay, name)];
    const server = await NbdServer.listen({ path: socket, exports, alwaysFua, log });
    try {
      await registry.writeServer({
        ...(await ownIdentity()),
        name,
        file: opened.path,
        base: opened.overlay.header.base.path,
        socket,
        readOnly: options.readOnly,
        startedAt: Math.floor(Date.now() / 1000),
      });
      log(`serving ${opened.path} as ${name} at ${socket}`);
      if (!signal.aborted) await once(signal, 'abort');
      log('ending');
    } finally {
      await server.close();
    }
  } finally {
    await opened.close();
    // Last: while the record is there, nobody thinks that the file is free.
    await registry.removeServer(name);
  }
}
