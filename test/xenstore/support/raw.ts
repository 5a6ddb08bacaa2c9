import type { Duplex } from 'node:stream';
import {
  encodePacket,
  messageName,
  MessageType,
  Parser,
  REPLY_MAX,
  wireStrings,
  wireText,
} from '../../../lib/xenstore/codec.ts';
import type { MessageName, Packet } from '../../../lib/xenstore/codec.ts';

/** What a server answered: the reply's type by name and its payload as latin1, or how the connection ended. */
export type Answer = readonly [type: string | number, payload: string, ...more: string[]] | 'closed' | 'no answer';

/** A bare connection for tests: one request at a time, no checks of any kind, events put aside. */
export class RawConnection {
  readonly stream: Duplex;
  readonly #parser = new Parser(REPLY_MAX);
  readonly #events: string[][] = [];
  #reply: ((packet: Packet | 'closed') => void) | undefined;
  #lastId = 0;
  #closed = false;

  constructor(stream: Duplex) {
    this.stream = stream;
    stream.on('data', (chunk: Buffer) => {
      for (const packet of this.#parser.feed(chunk)) {
        if (packet.type === MessageType.WATCH_EVENT) this.#events.push(wireStrings(packet.payload));
        else this.#reply?.(packet);
      }
    });
    stream.on('error', () => this.#close());
    stream.on('close', () => this.#close());
    stream.on('end', () => this.#close());
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** The events that came since the last call, each as its path and token. */
  takeEvents(): string[][] {
    return this.#events.splice(0);
  }

  /** Sends one message and waits for its answer. */
  async request(op: MessageName | number, payload: string, transactionId = 0): Promise<Answer> {
    const type = typeof op === 'number' ? op : MessageType[op];
    const requestId = ++this.#lastId;
    const packet = { type, requestId, transactionId, payload: Buffer.from(payload, 'latin1') };
    const reply = await this.send(encodePacket(packet));
    if (typeof reply === 'string') return reply;
    const answer: Answer = [messageName(reply.type) ?? reply.type, wireText(reply.payload)];
    return reply.transactionId === transactionId ? answer : [...answer, `tx_id ${reply.transactionId}`];
  }

  /** Sends bytes as they are and waits for the first message that is no event. */
  async send(bytes: Buffer): Promise<Packet | 'closed' | 'no answer'> {
    if (this.#closed) return 'closed';
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve('no answer'), 3000);
      this.#reply = (packet) => {
        clearTimeout(timer);
        this.#reply = undefined;
        resolve(packet);
      };
      this.stream.write(bytes);
    });
  }

  destroy(): void {
    this.stream.destroy();
  }

  #close(): void {
    this.#closed = true;
    this.#reply?.('closed');
  }
}
