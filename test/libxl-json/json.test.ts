import fc from 'fast-check';
import { expect, test } from 'vitest';
import { printJson, sparse, type JsonValue } from '../../lib/libxl-json/json.ts';

test('the text is laid out as libxl lays it out', () => {
  const value = { type: 'pv', list: [1, { a: true }], empty: {}, none: [] };
  expect(printJson(value)).toBe(`{
    "type": "pv",
    "list": [
        1,
        {
            "a": true
        }
    ],
    "empty": {

    },
    "none": [

    ]
}
`);
});

test('strings are escaped as yajl escapes them', () => {
  expect(printJson('a\\b"c\u0007\f\n\r\t\b/\u007fé\u001b')).toBe('"a\\\\b\\"c\\u0007\\f\\n\\r\\t\\b/\u007fé\\u001B"\n');
});

test('what is printed says what it was made from', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(JSON.stringify(JSON.parse(printJson(value as JsonValue)))).toBe(JSON.stringify(value));
    }),
  );
});

test('a field without a value is left out, and an empty text is one', () => {
  expect(sparse({ a: null, b: undefined, c: '', d: 0, e: false })).toEqual({ c: '', d: 0, e: false });
});
