import { Duplex } from 'node:stream';
import { encodePacket, MessageType, Parser, REPLY_MAX } from '../../../lib/xenstore/codec.ts';
import type { MessageName, Packet } from '../../../lib/xenstore/codec.ts';

/** The other end of a client's connection, played by the test: it sees each request and says every byte of the answers. */
export class ScriptedServer extends Duplex {
  readonly requests: Packet[] = [];
  /** How many writes the requests came in. */
  writes = 0;
  readonly #parser = new Parser(REPLY_MAX);

  override _read(): void {
    // The test pushes what is to be read.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.writes++;
    this.requests.push(...this.#parser.feed(Buffer.from(chunk)));
    done();
  }

  /** Waits until that many requests have come; the last of them. */
  async request(count: number): Promise<Packet> {
    while (this.requests.length < count) await new Promise((resolve) => setImmediate(resolve));
    return this.requests[count - 1]!;
  }

  say(...messages: readonly Buffer[]): void {
    this.push(Buffer.concat(messages));
  }
}

/** An answer to a request. */
export const answer = (request: Packet, payload: string, type = request.type): Buffer =>
  encodePacket({ ...request, type, payload: Buffer.from(payload, 'latin1') });

export const refusal = (request: Packet, name: string): Buffer => answer(request, `${name}\0`, MessageType.ERROR);

export const event = (path: string, token: string): Buffer => message('WATCH_EVENT', `${path}\0${token}\0`);

export const message = (name: MessageName, payload: string, requestId = 0): Buffer =>
  encodePacket({ type: MessageType[name], requestId, transactionId: 0, payload: Buffer.from(payload, 'latin1') });

/** The token of a WATCH request. */
export const tokenOf = (request: Packet): string => request.payload.toString('latin1').split('\0')[1]!;
