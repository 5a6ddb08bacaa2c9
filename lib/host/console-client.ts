import { once } from 'node:events';
import { createConnection } from 'node:net';
import type { Duplex } from 'node:stream';
import { XlError } from '../base/error.ts';

/** Connects to the socket on which a domain's console is served. Throws XlError `console-gone` where nobody serves it. */
export async function openConsole(path: string, signal: AbortSignal): Promise<Duplex> {
  const socket = createConnection(path);
  try {
    await once(socket, 'connect', { signal });
    return socket;
  } catch (error) {
    socket.destroy();
    throw new XlError('console-gone', 'Unable to attach console', {
      cause: error,
      hint: '`xl list` shows whether the domain still runs',
    });
  }
}
