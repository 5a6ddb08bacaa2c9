import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { XlError } from '../../lib/base/error.ts';
import { decodeText, encodeText } from '../../lib/config/bytes.ts';
import { parseConfig, type ListItem } from '../../lib/config/parse.ts';

const name = fc.stringMatching(/^[a-z][._0-9a-z]{0,8}$/);
// A string of a configuration is one line, and holds no NUL.
const text = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((value) => !/[\n\0]/.test(value));
const { item } = fc.letrec<{ item: ListItem }>((tie) => ({
  item: fc.oneof({ maxDepth: 4 }, text, fc.array(tie('item'), { maxLength: 4 })),
}));

const print = (value: ListItem): string =>
  typeof value === 'string' ? `"${value.replace(/["\\]/g, '\\$&')}"` : `[ ${value.map(print).join(', ')} ]`;

/** Pieces that a text of any sort is made of. */
const scrap = fc.oneof(
  fc.constantFrom(
    'a',
    'b',
    '=',
    '+=',
    '[',
    ']',
    ',',
    ';',
    '\n',
    '\r\n',
    '#',
    '"',
    "'",
    '\\',
    ' ',
    '1',
    '"x"',
    '$',
    '-',
    'A',
  ),
  fc.string({ maxLength: 3 }),
);

function settingsOf(source: string | Uint8Array, dialect: 'xl' | 'extended'): unknown {
  try {
    return parseConfig(source, { dialect }).settings;
  } catch (error) {
    if (error instanceof XlError) return null;
    throw error;
  }
}

describe('a text', () => {
  test('that was printed is read as it was', () => {
    fc.assert(
      fc.property(fc.dictionary(name, item, { noNullPrototype: true }), (settings) => {
        const source = Object.entries(settings).map(([key, value]) => `${key} = ${print(value)}\n`);
        const parsed = parseConfig(source.join(''), { dialect: 'xl' }).settings;
        const read = Object.entries(parsed).map(([key, setting]): [string, ListItem] => [
          key,
          'list' in setting ? setting.list : setting.string,
        ]);
        expect(Object.fromEntries(read)).toEqual(settings);
      }),
    );
  });

  test('of any sort is taken or refused, with at least one reason, whose place is in it', () => {
    fc.assert(
      fc.property(fc.array(scrap, { maxLength: 30 }), fc.constantFrom('xl', 'extended'), (scraps, dialect) => {
        const source = scraps.join('');
        try {
          parseConfig(source, { dialect });
        } catch (error) {
          if (!(error instanceof XlError)) throw error;
          expect(error.messages.length).toBeGreaterThan(0);
          for (const { where, hint } of error.diagnostics) {
            expect(hint).toBeTruthy();
            expect(source.split('\n')[(where?.line ?? 0) - 1]).toContain(where?.text);
          }
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('that xl takes says the same to the extended dialect', () => {
    fc.assert(
      fc.property(fc.array(scrap, { maxLength: 12 }), (scraps) => {
        const source = scraps.join('');
        const strict = settingsOf(source, 'xl');
        if (strict !== null) expect(settingsOf(source, 'extended')).toEqual(strict);
      }),
      { numRuns: 2000 },
    );
  });

  test('of any bytes is taken or refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        settingsOf(bytes, 'xl');
        settingsOf(bytes, 'extended');
      }),
    );
  });
});

describe('bytes', () => {
  test('come out as they went in, whether they are UTF-8 or not', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(encodeText(decodeText(bytes).text)).toEqual(bytes);
      }),
    );
  });

  test('that are UTF-8 are read as it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (value) => {
        expect(decodeText(Buffer.from(value))).toEqual({ text: value, firstBadByte: null });
      }),
    );
  });

  test.each([
    ['a byte of Latin-1', [0x61, 0xe9, 0x62], 'a\udce9b', 1],
    ['a sequence cut short', [0xe2, 0x82], '\udce2\udc82', 0],
    ['an overlong sequence', [0xc0, 0x80], '\udcc0\udc80', 0],
    ['a surrogate', [0xed, 0xa0, 0x80], '\udced\udca0\udc80', 0],
    ['a byte order mark, kept', [0xef, 0xbb, 0xbf, 0x61], '\ufeffa', null],
  ])('%s', (_, bytes, text, firstBadByte) => {
    expect(decodeText(Uint8Array.from(bytes))).toEqual({ text, firstBadByte });
  });
});
