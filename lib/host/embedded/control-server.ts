import { chmod, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { decodeRequest, encodeLine, idOf, LineSplitter, toWire, type Answer, type Request } from './control.ts';

/** Does a request; the signal fires when the asker has gone. */
export type Handler = (request: Request, signal: AbortSignal) => Promise<unknown>;

/** An asker who leaves so many bytes of answers unread is dropped. */
const MOST_UNREAD_BYTES = 8 * 1024 * 1024;
/** An asker with so many requests open is not read any further until some are answered. */
const MOST_OPEN_REQUESTS = 64;

/** Serves the control socket: every asker on its own, requests of one asker side by side. */
export class ControlServer {
  readonly #server: Server;
  readonly #path: string;
  readonly #askers = new Set<Socket>();

  private constructor(path: string, handler: Handler) {
    this.#path = path;
    this.#server = createServer((socket) => {
      this.#askers.add(socket);
      socket.on('close', () => this.#askers.delete(socket));
      serveOne(socket, handler);
    });
  }

  /** Listens; a socket file that is in the way is removed, so the caller must know that its owner is gone. */
  static async listen(path: string, handler: Handler): Promise<ControlServer> {
    const control = new ControlServer(path, handler);
    await rm(path, { force: true });
    control.#server.listen(path);
    await once(control.#server, 'listening');
    // One asker who could not be let in (too many open files) must not end the daemon.
    control.#server.on('error', () => undefined);
    await chmod(path, 0o600);
    return control;
  }

  /** Takes no more requests; answers that are under way still go out. */
  async close(): Promise<void> {
    await rm(this.#path, { force: true });
    this.#server.close();
    for (const socket of this.#askers) socket.end();
  }
}

function serveOne(socket: Socket, handler: Handler): void {
  const lines = new LineSplitter();
  const gone = new AbortController();
  let open = 0;

  const answer = (message: Answer): void => {
    if (socket.destroyed || socket.writableEnded) return;
    socket.write(encodeLine(message));
    if (socket.writableLength > MOST_UNREAD_BYTES) socket.destroy();
  };

  const serve = async (line: string): Promise<void> => {
    const id = idOf(line);
    open += 1;
    if (open >= MOST_OPEN_REQUESTS) socket.pause();
    try {
      const result = await handler(decodeRequest(line), gone.signal);
      if (id !== null) answer({ id, result });
    } catch (error) {
      answer({ id, error: toWire(error) });
    } finally {
      open -= 1;
      socket.resume();
    }
  };

  socket.on('data', (bytes: Buffer) => {
    try {
      for (const line of lines.push(bytes)) if (line.trim() !== '') void serve(line);
    } catch (error) {
      answer({ id: null, error: toWire(error) });
      socket.destroySoon();
    }
  });
  socket.on('error', () => socket.destroy());
  socket.on('close', () => gone.abort());
}
