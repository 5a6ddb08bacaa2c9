import { describe, expect, test } from 'vitest';
import { errnoOf, errorFrom, unreachable, XlError, type Diagnostic } from '../../lib/base/error.ts';

const note: Diagnostic = { severity: 'note', code: 'some-note', message: 'by the way' };
const problem: Diagnostic = {
  severity: 'error',
  code: 'some-problem',
  message: 'that will not do',
  where: { source: 'web.cfg', line: 3 },
  hint: 'do this',
};

describe('an error', () => {
  test('ends a command with status 1 and its own message, unless told otherwise', () => {
    const error = new XlError('some-code', 'it failed');
    expect(error).toMatchObject({ exitCode: 1, messages: ['it failed'], diagnostics: [], evidence: [] });
    expect(error).not.toHaveProperty('cause');
    expect(new XlError('some-code', 'it failed', { exitCode: 3, cause: 'why' })).toMatchObject({
      exitCode: 3,
      cause: 'why',
    });
  });

  test('from several diagnostics speaks with the first that is an error, and brings all', () => {
    const error = errorFrom([note, problem], { exitCode: 3 });
    expect(error).toMatchObject({ code: 'some-problem', hint: 'do this', where: { line: 3 }, exitCode: 3 });
    expect(error.diagnostics).toEqual([note, problem]);
    expect(errorFrom([note]).code).toBe('some-note');
    expect(() => errorFrom([])).toThrow(RangeError);
  });
});

test('errnoOf finds the name in whatever was thrown', () => {
  expect(errnoOf(Object.assign(new Error('x'), { code: 'ENOENT' }))).toBe('ENOENT');
  expect([new Error('x'), { code: 5 }, null, 'ENOENT', undefined].map(errnoOf)).toEqual(Array(5).fill(undefined));
});

test('unreachable names the value that nobody expected', () => {
  expect(() => unreachable('seven' as never)).toThrow('"seven"');
});
