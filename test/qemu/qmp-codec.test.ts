import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { XlError } from '../../lib/base/error.ts';
import { encodeCommand, QmpDecoder, type QmpMessage } from '../../lib/qemu/qmp-codec.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = (text: string): QmpMessage[] => [...new QmpDecoder().push(bytes(text))];

describe('a message', () => {
  test.each<[string, QmpMessage]>([
    [
      '{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "x"}, "capabilities": ["oob"]}}',
      { kind: 'greeting', version: '7.2.22' },
    ],
    ['{"return": {}, "id": 1}', { kind: 'return', id: 1, value: {} }],
    ['{"return": [1, "é"], "id": 2}', { kind: 'return', id: 2, value: [1, 'é'] }],
    [
      '{"id": 3, "error": {"class": "DeviceNotFound", "desc": "Device \'x\' not found"}}',
      { kind: 'error', id: 3, errorClass: 'DeviceNotFound', description: "Device 'x' not found" },
    ],
    ['{"error": {}}', { kind: 'error', id: undefined, errorClass: 'GenericError', description: '' }],
    [
      '{"timestamp": {"seconds": 10, "microseconds": 500000}, "event": "STOP"}',
      { kind: 'event', name: 'STOP', data: {}, time: 10.5 },
    ],
    [
      '{"timestamp": {"seconds": -1, "microseconds": -1}, "event": "RESET", "data": {"guest": true}}',
      { kind: 'event', name: 'RESET', data: { guest: true }, time: null },
    ],
  ])('%s', (line, message) => {
    expect(decode(`${line}\r\n`)).toEqual([message]);
  });

  test('comes out the same however the bytes are cut, and blank lines are nothing', () => {
    const stream = bytes('\r\n{"return": "é€😀", "id": 1}\r\n\n{"event": "STOP"}\n{"return": {}, "id": 2}\n');
    const whole = [...new QmpDecoder().push(stream)];
    expect(whole).toHaveLength(3);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 20 })), (lengths) => {
        const decoder = new QmpDecoder();
        const messages: QmpMessage[] = [];
        let at = 0;
        for (const length of [...lengths, stream.length]) {
          messages.push(...decoder.push(stream.slice(at, at + length)));
          at += length;
        }
        expect(messages).toEqual(whole);
      }),
    );
  });

  test('that is not finished is not there yet', () => {
    expect(decode('{"return": {}, "id": 1}')).toEqual([]);
  });
});

describe('what is no QMP is refused', () => {
  test.each([
    ['HTTP/1.1 400 Bad Request', 'no JSON'],
    ['[1]', 'no JSON object'],
    ['{}', 'no known kind'],
    ['{"QMP": {}}', 'greeting without a version'],
    ['{"event": 3}', 'no known kind'],
    ['"'.repeat(50), 'no JSON'],
  ])('%s', (line, words) => {
    const error = thrownBy(() => decode(`${line}\n`));
    expect(error.code).toBe('qmp-malformed');
    expect(error.message).toContain(words);
  });

  test('after the messages before it', () => {
    const messages: QmpMessage[] = [];
    const error = thrownBy(() => {
      for (const message of new QmpDecoder().push(bytes('{"return": 1, "id": 1}\nrubbish\n'))) messages.push(message);
    });
    expect(error.code).toBe('qmp-malformed');
    expect(messages).toEqual([{ kind: 'return', id: 1, value: 1 }]);
  });

  test('a line beyond the limit, as soon as it is', () => {
    const decoder = new QmpDecoder({ lineLimit: 100 });
    for (let length = 0; length < 100; length += 10) expect([...decoder.push(bytes('x'.repeat(10)))]).toEqual([]);
    expect(thrownBy(() => [...decoder.push(bytes('x'))]).message).toContain('more than 100 bytes');
    expect(thrownBy(() => [...new QmpDecoder({ lineLimit: 3 }).push(bytes('{"a":1}\n'))]).code).toBe('qmp-malformed');
  });

  test('any bytes end in messages or in that error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        try {
          for (const message of new QmpDecoder().push(noise)) expect(message.kind).toBeTruthy();
        } catch (error) {
          expect(error).toMatchObject({ code: 'qmp-malformed' });
        }
      }),
    );
  });
});

test('a command is one line, arguments only where there are any', () => {
  expect(encodeCommand(1, 'cont')).toBe('{"execute":"cont","id":1}\n');
  expect(encodeCommand(2, 'eject', { id: 'a\nb' })).toBe('{"execute":"eject","arguments":{"id":"a\\nb"},"id":2}\n');
});

function thrownBy(action: () => unknown): XlError {
  try {
    action();
  } catch (error) {
    if (error instanceof XlError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
