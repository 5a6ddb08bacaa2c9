import { XlError } from '../base/error.ts';

/** Message types of the wire (xen/include/public/io/xs_wire.h). There is a hole at 20: RESTRICT is gone. */
export const MessageType = {
  CONTROL: 0,
  DIRECTORY: 1,
  READ: 2,
  GET_PERMS: 3,
  WATCH: 4,
  UNWATCH: 5,
  TRANSACTION_START: 6,
  TRANSACTION_END: 7,
  INTRODUCE: 8,
  RELEASE: 9,
  GET_DOMAIN_PATH: 10,
  WRITE: 11,
  MKDIR: 12,
  RM: 13,
  SET_PERMS: 14,
  WATCH_EVENT: 15,
  ERROR: 16,
  IS_DOMAIN_INTRODUCED: 17,
  RESUME: 18,
  SET_TARGET: 19,
  RESET_WATCHES: 21,
  DIRECTORY_PART: 22,
  GET_FEATURE: 23,
} as const;

/** The name of a message type that this project speaks. */
export type MessageName = keyof typeof MessageType;

const nameOfType: ReadonlyMap<number, MessageName> = new Map(
  (Object.keys(MessageType) as MessageName[]).map((name) => [MessageType[name], name]),
);

/** The name of a message type, or undefined for one that is not spoken here. */
export const messageName = (type: number): MessageName | undefined => nameOfType.get(type);

/** Bytes of every message's header: type, req_id, tx_id and len, each 32 bits in the machine's order (little-endian). */
export const HEADER_BYTES = 16;

/** The longest payload that may be sent, in bytes (XENSTORE_PAYLOAD_MAX). */
export const PAYLOAD_MAX = 4096;

/** The longest payload that a client takes: oxenstored answers longer than PAYLOAD_MAX, a stream out of step says anything. */
export const REPLY_MAX = 1024 * 1024;

/** One message. `requestId` is 0 in watch events only, `transactionId` is 0 outside transactions. */
export interface Packet {
  readonly type: number;
  readonly requestId: number;
  readonly transactionId: number;
  readonly payload: Buffer;
}

/** Writes a header at `offset` of `buffer`, which must have room for HEADER_BYTES. */
export function writeHeader(
  buffer: Buffer,
  offset: number,
  type: number,
  requestId: number,
  transactionId: number,
  length: number,
): void {
  buffer.writeUInt32LE(type, offset);
  buffer.writeUInt32LE(requestId, offset + 4);
  buffer.writeUInt32LE(transactionId, offset + 8);
  buffer.writeUInt32LE(length, offset + 12);
}

/** The message as bytes. The payload's length is not checked: a server may have to send what a client may not. */
export function encodePacket(packet: Packet): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + packet.payload.length);
  writeHeader(bytes, 0, packet.type, packet.requestId, packet.transactionId, packet.payload.length);
  packet.payload.copy(bytes, HEADER_BYTES);
  return bytes;
}

/** Text on the wire is bytes: latin1 gives every byte a character and back. */
export const wireText = (bytes: Buffer): string => bytes.toString('latin1');

/** The strings of a payload, each ended by a nul; what follows the last nul is not a string and is left out. */
export function wireStrings(payload: Buffer): string[] {
  return wireText(payload).split('\0').slice(0, -1);
}

/** A payload of strings, each with its nul, as latin1 bytes. */
export const encodeStrings = (strings: readonly string[]): Buffer =>
  Buffer.from(strings.map((text) => `${text}\0`).join(''), 'latin1');

/**
 * Makes messages of bytes that come in pieces of any size. It is fed bytes and never reads a socket. A payload longer
 * than `limit` is no message: the messages before it are still given, then `failure` says so and nothing more is taken.
 */
export class Parser {
  readonly #limit: number;
  readonly #header = Buffer.allocUnsafe(HEADER_BYTES);
  #headerBytes = 0;
  #payload: Buffer | undefined;
  #payloadBytes = 0;
  #failure: XlError | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Why the stream cannot be followed any further (`xenstore-bad-message`), if so. */
  get failure(): XlError | undefined {
    return this.#failure;
  }

  /** The messages that these bytes complete. Payloads may share memory with `chunk`: it must not be written to again. */
  feed(chunk: Buffer): Packet[] {
    const packets: Packet[] = [];
    let at = 0;
    while (at < chunk.length && this.#failure === undefined) {
      if (this.#payload === undefined && this.#headerBytes === 0 && this.#takeWhole(chunk, at, packets)) {
        at += HEADER_BYTES + packets.at(-1)!.payload.length;
      } else {
        at += this.#payload === undefined ? this.#takeHeader(chunk, at) : this.#takePayload(this.#payload, chunk, at);
        this.#finish(packets);
      }
    }
    return packets;
  }

  /** The common case: a whole message lies in the chunk, and is taken without a copy. */
  #takeWhole(chunk: Buffer, at: number, packets: Packet[]): boolean {
    if (chunk.length - at < HEADER_BYTES) return false;
    const length = chunk.readUInt32LE(at + 12);
    if (length > this.#limit || chunk.length - at - HEADER_BYTES < length) return false;
    const start = at + HEADER_BYTES;
    packets.push(packetOf(chunk, at, chunk.subarray(start, start + length)));
    return true;
  }

  #takeHeader(chunk: Buffer, at: number): number {
    const taken = chunk.copy(this.#header, this.#headerBytes, at, at + HEADER_BYTES - this.#headerBytes);
    this.#headerBytes += taken;
    if (this.#headerBytes < HEADER_BYTES) return taken;
    const length = this.#header.readUInt32LE(12);
    if (length <= this.#limit) this.#payload = Buffer.allocUnsafe(length);
    else {
      this.#failure = new XlError(
        'xenstore-bad-message',
        `a xenstore message announces ${length} bytes of payload, and at most ${this.#limit} are allowed`,
        { hint: 'the other end speaks another protocol, or the stream has lost its step: connect anew' },
      );
    }
    return taken;
  }

  #takePayload(payload: Buffer, chunk: Buffer, at: number): number {
    const taken = chunk.copy(payload, this.#payloadBytes, at);
    this.#payloadBytes += taken;
    return taken;
  }

  #finish(packets: Packet[]): void {
    if (this.#payload === undefined || this.#payloadBytes < this.#payload.length) return;
    packets.push(packetOf(this.#header, 0, this.#payload));
    this.#headerBytes = 0;
    this.#payload = undefined;
    this.#payloadBytes = 0;
  }
}

function packetOf(header: Buffer, at: number, payload: Buffer): Packet {
  return {
    type: header.readUInt32LE(at),
    requestId: header.readUInt32LE(at + 4),
    transactionId: header.readUInt32LE(at + 8),
    payload,
  };
}
