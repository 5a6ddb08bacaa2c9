import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  encodePacket,
  encodeStrings,
  HEADER_BYTES,
  messageName,
  MessageType,
  PAYLOAD_MAX,
  Parser,
  wireStrings,
} from '../../lib/xenstore/codec.ts';
import type { Packet } from '../../lib/xenstore/codec.ts';

const uint32 = fc.nat({ max: 0xffff_ffff });
const packet: fc.Arbitrary<Packet> = fc.record({
  type: uint32,
  requestId: uint32,
  transactionId: uint32,
  payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
});

const plain = ({ type, requestId, transactionId, payload }: Packet) => ({
  type,
  requestId,
  transactionId,
  payload: payload.toString('hex'),
});

function parseInPieces(bytes: Buffer, size: number): Packet[] {
  const parser = new Parser(PAYLOAD_MAX);
  const packets: Packet[] = [];
  for (let at = 0; at < bytes.length; at += size) packets.push(...parser.feed(bytes.subarray(at, at + size)));
  return packets;
}

describe('the wire codec', () => {
  test('lays a message out as xs_wire.h says', () => {
    const bytes = encodePacket({
      type: MessageType.READ,
      requestId: 0x01020304,
      transactionId: 5,
      payload: Buffer.from('/a\0'),
    });
    expect(bytes.toString('hex')).toBe('02000000' + '04030201' + '05000000' + '03000000' + '2f6100');
  });

  test('every message passes through in pieces of every size', () => {
    for (const name of Object.keys(MessageType) as (keyof typeof MessageType)[]) {
      const sent = [
        { type: MessageType[name], requestId: 7, transactionId: 3, payload: Buffer.from('/local/domain/0\0a value') },
        { type: MessageType[name], requestId: 0xffff_ffff, transactionId: 0, payload: Buffer.alloc(0) },
      ];
      const bytes = Buffer.concat(sent.map(encodePacket));
      for (let size = 1; size <= bytes.length; size++) {
        expect(parseInPieces(bytes, size).map(plain)).toEqual(sent.map(plain));
      }
    }
  });

  test('any messages cut anywhere come out as they were', () => {
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 8 }), fc.array(fc.nat({ max: 400 })), (sent, cuts) => {
        const bytes = Buffer.concat(sent.map(encodePacket));
        const parser = new Parser(PAYLOAD_MAX);
        const got: Packet[] = [];
        let at = 0;
        for (const cut of [...cuts, bytes.length]) {
          got.push(...parser.feed(bytes.subarray(at, at + cut)));
          at += cut;
        }
        expect(got.map(plain)).toEqual(sent.map(plain));
        expect(parser.failure).toBeUndefined();
      }),
    );
  });

  test('a payload of 4096 bytes is a message and one of 4097 ends the stream, after what came before', () => {
    const longest = encodePacket({ type: 11, requestId: 1, transactionId: 0, payload: Buffer.alloc(PAYLOAD_MAX) });
    const tooLong = encodePacket({ type: 11, requestId: 2, transactionId: 0, payload: Buffer.alloc(PAYLOAD_MAX + 1) });
    for (const size of [1, 15, 16, 17, 5000, 20000]) {
      const parser = new Parser(PAYLOAD_MAX);
      const bytes = Buffer.concat([longest, tooLong, longest]);
      const got: Packet[] = [];
      for (let at = 0; at < bytes.length; at += size) got.push(...parser.feed(bytes.subarray(at, at + size)));
      expect(got.map(({ requestId }) => requestId)).toEqual([1]);
      expect(parser.failure).toMatchObject({ code: 'xenstore-bad-message' });
    }
  });

  test('any bytes at all neither throw nor make more messages than there are headers', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => {
        const packets = new Parser(PAYLOAD_MAX).feed(Buffer.from(bytes));
        expect(packets.length * HEADER_BYTES).toBeLessThanOrEqual(bytes.length);
      }),
    );
  });

  test('type numbers have names, but for the hole at 20 and what is unknown', () => {
    expect(messageName(0)).toBe('CONTROL');
    expect(messageName(23)).toBe('GET_FEATURE');
    expect(messageName(20)).toBeUndefined();
    expect(messageName(65535)).toBeUndefined();
  });

  test('strings keep every byte, and what lacks its nul is none', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ min: 1 }).map((bytes) => Buffer.from(bytes).toString('latin1'))),
        (strings) => {
          expect(wireStrings(encodeStrings(strings))).toEqual(strings);
        },
      ),
    );
    expect(wireStrings(Buffer.from('/a\0rest'))).toEqual(['/a']);
    expect(wireStrings(Buffer.alloc(0))).toEqual([]);
  });
});
