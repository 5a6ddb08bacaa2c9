import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { XlError } from '../../lib/base/error.ts';
import { parseConfig, type ListItem, type ParseOptions } from '../../lib/config/parse.ts';

const fixtures = join(import.meta.dirname, '../fixtures/config');

/** What libxlutil 4.17.7 says of a text: settings by key, or the lines of its report, or that it aborted. */
type Answer =
  | { readonly settings: Readonly<Record<string, AnswerSetting>> }
  | { readonly error: readonly string[] }
  | { readonly crash: true };
type AnswerSetting =
  | { readonly line: number; readonly string: string; readonly long: number | string | null }
  | { readonly line: number; readonly list: readonly ListItem[] };

function answer(text: string | Uint8Array, options: ParseOptions = { dialect: 'xl' }): Answer {
  const parsed = errorOr(() => parseConfig(text, options));
  if (parsed instanceof XlError) return { error: parsed.messages.map((line) => printable(line)) };
  const settings = Object.entries(parsed.settings).map(([name, setting]): [string, AnswerSetting] => {
    const { line } = setting.position;
    if ('list' in setting) return [name, { line, list: setting.list.map(wellFormed) }];
    return [name, { line, string: printable(setting.string), long: setting.long }];
  });
  return { settings: Object.fromEntries(settings) };
}

const printable = (text: string): string => Buffer.from(text).toString();

/** The corpora were written with U+FFFD for each byte that is no UTF-8. */
const wellFormed = (item: ListItem): ListItem => (typeof item === 'string' ? printable(item) : item.map(wellFormed));

function errorOr<T>(run: () => T): T | XlError {
  try {
    return run();
  } catch (error) {
    if (error instanceof XlError) return error;
    throw error;
  }
}

function refusal(text: string | Uint8Array, options: ParseOptions = {}): XlError {
  const result = errorOr(() => parseConfig(text, options));
  if (result instanceof XlError) return result;
  throw new Error('the text was taken');
}

describe('dialect xl says what libxlutil says', () => {
  const corpus = join(fixtures, 'corpus');
  const names = readdirSync(corpus).filter((name) => name.endsWith('.cfg'));

  test.each(names)('of %s', (name) => {
    const expected = JSON.parse(readFileSync(join(corpus, name.replace(/cfg$/, 'json')), 'utf8')) as {
      settings?: Record<string, AnswerSetting & { long?: unknown }>;
      error?: { report: string[] };
    };
    const said = answer(readFileSync(join(corpus, name)));
    if (expected.error !== undefined) {
      expect(said).toEqual({ error: expected.error.report });
      return;
    }
    const settings = Object.entries(expected.settings ?? {}).map(([key, setting]): [string, unknown] => {
      if ('list' in setting) return [key, setting];
      const { line, string, long } = setting;
      return [key, { line, string, long: typeof long === 'object' ? null : long }];
    });
    expect(said).toEqual({ settings: Object.fromEntries(settings) });
  });

  test('of 500 texts of all sorts, right and wrong', () => {
    const cases = readFileSync(join(fixtures, 'differential.jsonl'), 'utf8').trimEnd().split('\n');
    expect(cases.length).toBe(500);
    for (const line of cases) {
      const { hex, answer: expected } = JSON.parse(line) as { hex: string; answer: Answer };
      const text = Buffer.from(hex, 'hex');
      const said = answer(text);
      // A NUL in a string makes libxlutil abort.
      if ('crash' in expected) expect(said, text.toString('latin1')).toHaveProperty('error');
      else expect(said, text.toString('latin1')).toEqual(expected);
    }
  });
});

describe('values', () => {
  test.each([
    ['4096', 4096],
    ['0x1f', 31],
    ['0755', 493],
    ['" 42"', 42],
    ['"-1"', -1],
    ['"+7"', 7],
    ['0', 0],
    ['9223372036854775807', '9223372036854775807'],
    ['"-9223372036854775808"', '-9223372036854775808'],
    ['9223372036854775808', null],
    ['09', null],
    ['"42 "', null],
    ['""', null],
    ['12ab', null],
    ['"0x"', null],
  ])('%s reads as %s', (text, long) => {
    expect(parseConfig(`a = ${text}`).settings.a).toMatchObject({ long });
  });

  test('a number of a million digits is too large, and soon found so', () => {
    expect(parseConfig(`a = ${'9'.repeat(1_000_000)}`).settings.a).toMatchObject({ long: null });
  });

  test('a string put together with += is no number', () => {
    expect(parseConfig('a = "5"\na += "12"').settings.a).toMatchObject({ string: '512', long: null, appended: true });
  });

  test('a later value wins over an earlier one', () => {
    expect(parseConfig('a = 1\na = [ 2 ]').settings.a).toMatchObject({ list: ['2'] });
  });

  test('a list keeps the place of each item, also of those that += added', () => {
    const { a } = parseConfig('a = [ "x",\n  "y" ]\na += [ "z" ]').settings;
    expect(a).toMatchObject({ list: ['x', 'y', 'z'], position: { line: 3, column: 6 } });
    const lines = a !== undefined && 'list' in a ? a.itemPositions.map(({ line, column }) => [line, column]) : [];
    expect(lines).toEqual([
      [1, 7],
      [2, 3],
      [3, 8],
    ]);
  });

  test.each(['constructor', 'valueof', 'prototype'])('%s is a key as any other', (name) => {
    const { settings } = parseConfig(`${name} = 1`);
    expect(Object.keys(settings)).toEqual([name]);
    expect(parseConfig('').settings[name]).toBeUndefined();
  });

  test('bytes that are no UTF-8 do not spoil the rest', () => {
    const parsed = parseConfig(Buffer.from([...Buffer.from('a = "grö'), 0xff, ...Buffer.from('ße"\n')]));
    expect(parsed.settings.a).toMatchObject({ string: 'grö\udcffße' });
    expect(parsed.warnings).toMatchObject([{ code: 'config-not-utf8', where: { line: 1, column: 9 } }]);
  });
});

describe('the command line', () => {
  test('its words are lines behind the file, and have a place of their own', () => {
    const error = refusal('name = "x"\n', { dialect: 'xl', source: 'web.cfg', overrides: ['memory = q'] });
    expect(error.messages[0]).toMatch(/^web\.cfg:3: config parsing error near `q'/);
    expect(error.where).toEqual({ source: 'command line', line: 1, column: 10, length: 1, text: 'memory = q' });
  });

  test('its words win over the file', () => {
    const { settings } = parseConfig('memory = 1', { overrides: ['memory=2', 'extra="a b"'] });
    expect(settings).toMatchObject({ memory: { long: 2 }, extra: { string: 'a b' } });
  });

  test('a word of several lines does not shift the next', () => {
    const error = refusal('', { overrides: ['a=1\nb=2', 'c d'] });
    expect(error.where).toMatchObject({ source: 'command line', line: 3, column: 3 });
  });
});

describe('the extended dialect', () => {
  test.each([
    ['DOS line ends', 'a = 1\r\nb = [ 2,\r\n3 ]\r\n', 'config-carriage-return', { line: 1, column: 6 }],
    [
      'a comment on a last line without newline',
      'a = 1\nb = [2,3] # end',
      'config-last-comment',
      { line: 2, column: 11 },
    ],
    ['a byte order mark', '\uFEFFa = 1\nb = [2,3]\n', 'config-byte-order-mark', { line: 1, column: 1 }],
  ])('takes %s, with a warning', (_, text, code, place) => {
    const { settings, warnings } = parseConfig(text);
    expect(settings).toMatchObject({ a: { long: 1 }, b: { list: ['2', '3'] } });
    expect(warnings).toMatchObject([{ severity: 'warning', code, where: place }]);
    expect(refusal(text, { dialect: 'xl' }).code).toBe('config-character');
  });

  test('warns once of a thousand DOS line ends', () => {
    expect(parseConfig('a = 1\r\n'.repeat(1000)).warnings).toHaveLength(1);
  });

  test('warns of the lone last character that libxlutil overlooks', () => {
    expect(parseConfig('a = 1\n$').warnings).toMatchObject([{ code: 'config-last-character', where: { line: 2 } }]);
  });
});

describe('what is wrong is told with its place and a way out', () => {
  test.each([
    ['import os\n', 'config-operator', 1, 8, 'expected `=` or `+=`, not `os`', /KEY = VALUE/],
    ['a =\n', 'config-value', 1, 4, 'expected a value, not the end of the line', /list/],
    ['a = yes\n', 'config-value', 1, 5, 'expected a value, not `yes`', /quotes/],
    ['a\n= 1\n', 'config-operator', 1, 2, 'expected `=` or `+=`, not the end of the line', /same line/],
    ['disk = [ "a"\nmemory = 1\n', 'config-bracket', 2, 1, 'expected `,` or `]`, not `memory`', /not closed/],
    ['disk = [ "a" "b" ]\n', 'config-bracket', 1, 14, 'expected `,` or `]`, not `"b"`', /comma is missing/],
    ['disk = [ , ]\n', 'config-bracket', 1, 10, 'expected `,` or `]`, not `,`', /before this comma/],
    ["a = 'it''s'\n", 'config-trailing', 1, 9, "expected the end of the line, not `'s'`", /quote inside/],
    ['"x"\n', 'config-statement', 1, 1, 'no line begins with `"x"`', /KEY = VALUE/],
    ['a = "x\n', 'config-character', 1, 5, 'the string does not end on its line', /missing/],
    ['a = -1\n', 'config-character', 1, 5, '`-1` is neither a key nor a value', /quotes/],
    ['a = True\n', 'config-character', 1, 5, '`True` is neither a key nor a value', /write 1/],
    ['Name = 1\n', 'config-character', 1, 1, '`Name` is neither a key nor a value', /lower case/],
    ['a = "b\\q"\n', 'config-escape', 1, 7, 'invalid character after backslash in quoted string', /\\\\/],
    ['a = 1\na += [ 2 ]\n', 'config-mixed-append', 2, 10, 'a list cannot be added to a string', /string so far/],
    ['a = "x\0y"\n', 'config-escape', 1, 7, 'NUL character in quoted string', /./],
  ])('%j', (text, code, line, column, message, hint) => {
    const [first] = refusal(text).diagnostics;
    expect(first).toMatchObject({ severity: 'error', code, message, where: { source: 'config', line, column } });
    expect(first?.hint).toMatch(hint);
    expect(first?.where?.text).toBe(text.split('\n')[line - 1]);
  });

  test('all of it in one run, also behind the point where libxlutil gives up', () => {
    const error = refusal('a = 1 2\n\nb = \n\nc = 3\n\nd = $x\n');
    expect(error.diagnostics.map(({ code, where }) => [code, where?.line])).toEqual([
      ['config-trailing', 1],
      ['config-value', 3],
      ['config-character', 7],
    ]);
    expect(error.messages).toHaveLength(1);
  });
});

describe('hostile text', () => {
  test('lists nest 500 deep, and not deeper', () => {
    expect(parseConfig(`a = ${'['.repeat(500)}${']'.repeat(500)}`).settings.a).toHaveProperty('list');
    for (const depth of [501, 10_000, 100_000]) {
      const error = refusal(`a = ${'['.repeat(depth)}`);
      expect(error.code).toBe('config-depth');
      expect(error.messages).toEqual(["config:1: config parsing error near `[': memory exhausted"]);
    }
  });

  test('a file of 100,000 lines is read to its end', () => {
    const text = Array.from({ length: 100_000 }, (_, index) => `key${index} = ${index}\n`).join('');
    const { settings } = parseConfig(text);
    expect(settings.key99999).toMatchObject({ long: 99_999, position: { line: 100_000 } });
  });

  test('a string of 1 MiB keeps every letter', () => {
    const { a } = parseConfig(`a = "${'x'.repeat(1 << 20)}"`).settings;
    expect(a !== undefined && 'string' in a && a.string.length).toBe(1 << 20);
  });

  // Each of these would take minutes and more, were anything of it read over and over.
  test.each([
    ['+= on each of 20,000 lines', 'disk += [ "abc" ]\n'.repeat(20_000)],
    ['a string of escapes', `a = "${'\\n'.repeat(1 << 17)}"`],
    ['a list of 20,000 strings', `a = [ ${'"abc",\n'.repeat(20_000)} ]`],
    ['a list that never ends', `a = [ ${'\n'.repeat(1 << 17)}`],
    ['comments on a last line without newline', '# '.repeat(1 << 16)],
    ['strings that never end', '"\\ '.repeat(1 << 16)],
    ['single quotes and double quotes', `"' `.repeat(1 << 16)],
    ['nothing but brackets', ']'.repeat(1 << 16)],
    ['text of no kind', '$ '.repeat(1 << 16)],
    ['an error on each of 20,000 lines', 'a b\n\n\n'.repeat(20_000)],
    ['lists within lists with room between', `a = ${'['.repeat(400)}${`1,${' \n'.repeat(100)}]`.repeat(400)}`],
  ])('%s', (_, text) => {
    for (const dialect of ['xl', 'extended'] as const) {
      const result = errorOr(() => parseConfig(text, { dialect }));
      expect(result instanceof XlError ? result.diagnostics.length : Object.keys(result.settings).length).toBeLessThan(
        30_000,
      );
    }
  });
});
