import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { chmod, rm } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What a newcomer sees of the past, in bytes. */
export const BACKLOG_BYTES = 64 * 1024;
/** A listener that lags behind by so many bytes is dropped: a guest must not fill our memory through a slow terminal. */
const MOST_UNREAD_BYTES = 1024 * 1024;
/** How long the end of a machine's connection may lag behind the end of its process, in milliseconds. */
const LAST_WORDS_MS = 500;
/** The log keeps growing no further than this, in bytes (as QEMU's console limit on Xen, XSA-180). */
const LOG_LIMIT_BYTES = 1024 * 1024;

/** The end of everything that was said so far, bounded. */
export class Backlog {
  readonly #limit: number;
  #pieces: Buffer[] = [];
  #length = 0;

  constructor(limit = BACKLOG_BYTES) {
    this.#limit = limit;
  }

  push(bytes: Buffer): void {
    this.#pieces.push(bytes);
    this.#length += bytes.length;
    // Joined at twice the limit, so that each byte is copied once on average.
    if (this.#length > 2 * this.#limit) {
      this.#pieces = [Buffer.from(this.content())];
      this.#length = this.#pieces[0]!.length;
    }
  }

  /** The last bytes, at most the limit. */
  content(): Buffer {
    const all = Buffer.concat(this.#pieces, this.#length);
    return all.subarray(Math.max(0, all.length - this.#limit));
  }
}

/**
 * A domain's console for any number of listeners: each gets what was said before it came and then everything live; what
 * any of them types goes to the guest. The guest's words also go to a log. Without listeners the guest is never held up.
 */
export class Console {
  readonly #backlog = new Backlog();
  readonly #clients = new Set<Socket>();
  readonly #server: Server;
  readonly #path: string;
  readonly #log: WriteStream;
  #logged = 0;
  #machine: Socket | null = null;

  private constructor(path: string, log: string) {
    this.#path = path;
    this.#log = createWriteStream(log, { flags: 'w', mode: 0o600 });
    // A full disk costs the log, not the guest.
    this.#log.on('error', () => (this.#logged = LOG_LIMIT_BYTES));
    this.#server = createServer((client) => this.#welcome(client));
  }

  /** Listens on a Unix socket for those who want the console. */
  static async serve(path: string, log: string): Promise<Console> {
    const served = new Console(path, log);
    await rm(path, { force: true });
    served.#server.listen(path);
    await once(served.#server, 'listening');
    // A listener that could not be let in is not the guest's trouble.
    served.#server.on('error', () => undefined);
    await chmod(path, 0o600);
    return served;
  }

  /** Connects to the machine's end. Do so before the guest runs, else its first words are lost. */
  async attach(machine: string): Promise<void> {
    const socket = createConnection(machine);
    await once(socket, 'connect');
    socket.on('data', (bytes: Buffer) => this.#say(bytes));
    socket.on('error', () => socket.destroy());
    this.#machine = socket;
  }

  #say(bytes: Buffer): void {
    this.#backlog.push(bytes);
    if (this.#logged < LOG_LIMIT_BYTES) {
      this.#logged += bytes.length;
      this.#log.write(bytes);
    }
    for (const client of this.#clients) {
      client.write(bytes);
      if (client.writableLength > MOST_UNREAD_BYTES) client.destroy();
    }
  }

  #welcome(client: Socket): void {
    client.write(this.#backlog.content());
    this.#clients.add(client);
    client.on('data', (bytes: Buffer) => {
      if (this.#machine === null || this.#machine.destroyed) return;
      // A guest that does not read its console must not have us keep what people type into it.
      if (this.#machine.writableLength < MOST_UNREAD_BYTES) this.#machine.write(bytes);
    });
    client.on('error', () => client.destroy());
    client.on('close', () => this.#clients.delete(client));
  }

  /** The guest is gone: listeners get its last words, then the end; the socket goes. */
  async close(): Promise<void> {
    if (this.#machine?.destroyed === false) {
      await Promise.race([once(this.#machine, 'close'), sleep(LAST_WORDS_MS)]);
      this.#machine.destroy();
    }
    this.#server.close();
    for (const client of this.#clients) client.end();
    this.#clients.clear();
    this.#log.end();
    await rm(this.#path, { force: true });
  }
}
