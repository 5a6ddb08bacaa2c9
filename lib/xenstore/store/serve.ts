import { Duplex } from 'node:stream';
import { encodePacket, PAYLOAD_MAX, Parser } from '../codec.ts';
import type { StoreConnection } from './connection.ts';
import type { StoreServerCore } from './core.ts';

/**
 * Serves one connection over a stream until either side ends it. While the other side does not read its replies, no
 * further request is read; events still queue, up to the store's bound. A payload over 4096 bytes ends the connection.
 */
export function serveStream(core: StoreServerCore, stream: Duplex, domid: number): StoreConnection {
  const parser = new Parser(PAYLOAD_MAX);
  let scheduled = false;
  let blocked = false;
  const flush = (): void => {
    scheduled = false;
    if (blocked || stream.destroyed || connection.queuedBytes === 0) return;
    blocked = !stream.write(Buffer.concat(connection.take().map(encodePacket)));
    if (blocked) stream.pause();
  };
  const schedule = (): void => {
    if (scheduled) return;
    scheduled = true;
    process.nextTick(flush);
  };
  const connection = core.connect({ domid, onOutput: schedule, onClosed: () => stream.destroy() });
  stream.on('data', (chunk: Buffer) => {
    for (const packet of parser.feed(chunk)) connection.handle(packet);
    if (parser.failure !== undefined) connection.close();
  });
  stream.on('drain', () => {
    blocked = false;
    stream.resume();
    flush();
  });
  stream.on('error', () => connection.close());
  stream.on('close', () => connection.close());
  return connection;
}

/** Opens a connection to a store in this process, as a stream: a XenstoreClient takes it as its `socket`. */
export function connectInProcess(core: StoreServerCore, domid = 0): Duplex {
  const [here, there] = streamPair();
  serveStream(core, there, domid);
  return here;
}

/** Two streams, each reading what the other writes; the end of one ends the other. */
function streamPair(): [Duplex, Duplex] {
  const one = new PairedStream();
  const other = new PairedStream();
  one.peer = other;
  other.peer = one;
  return [one, other];
}

class PairedStream extends Duplex {
  peer: PairedStream | undefined;
  /** Tells the writer on the other side that its chunk was taken. */
  #taken: (() => void) | undefined;

  override _read(): void {
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (this.peer === undefined) done();
    else this.peer.#take(chunk, done);
  }

  override _final(done: () => void): void {
    this.peer?.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const { peer } = this;
    this.peer = undefined;
    if (peer !== undefined) process.nextTick(() => peer.destroy());
    done(error);
  }

  #take(chunk: Buffer, done: () => void): void {
    if (this.push(chunk)) done();
    else this.#taken = done;
  }
}
