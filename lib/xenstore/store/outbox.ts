import { HEADER_BYTES, MessageType } from '../codec.ts';
import type { Packet } from '../codec.ts';

/**
 * What waits to be sent to one connection. A watch event that waits already is not queued again, as in C xenstored: it
 * tells that a path changed, and has not told it yet.
 */
export class Outbox {
  #packets: Packet[] = [];
  readonly #events = new Set<string>();
  #bytes = 0;

  /** Bytes that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  push(packet: Packet): void {
    if (packet.type === MessageType.WATCH_EVENT) {
      const key = packet.payload.toString('latin1');
      if (this.#events.has(key)) return;
      this.#events.add(key);
    }
    this.#packets.push(packet);
    this.#bytes += HEADER_BYTES + packet.payload.length;
  }

  /** All that waits, in order; the box is empty then. */
  take(): Packet[] {
    const packets = this.#packets;
    this.#packets = [];
    this.#events.clear();
    this.#bytes = 0;
    return packets;
  }
}
