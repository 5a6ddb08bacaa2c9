import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diagnosticLines, errorLines, printError } from '../../cli/print/error.ts';
import { XlError } from '../../lib/base/error.ts';
import { plainStyle, recordingTerminal } from './recording-terminal.ts';

const where = { source: 'web.cfg', line: 3, column: 9, length: 7, text: 'disk = [phy:/x,xvda,q]' };

describe('an error for people', () => {
  it('says what, where with a caret, why and what to do', () => {
    const error = new XlError('disk-access', 'unknown access "q"', {
      where: { ...where, column: 21, length: 1 },
      hint: 'write r, ro, w or rw',
      evidence: [{ title: 'last lines of the log', lines: ['one', 'two'] }],
      cause: new Error('no such letter', { cause: new Error('deeper') }),
    });
    expect(errorLines(error, plainStyle)).toEqual([
      'error: unknown access "q"',
      '  at web.cfg:3:21',
      '    3 | disk = [phy:/x,xvda,q]',
      '                            ^',
      '  hint  write r, ro, w or rw',
      '  last lines of the log:',
      '    one',
      '    two',
      '  caused by  no such letter',
      '  caused by  deeper',
    ]);
  });

  it('prints every problem of a file, warnings too', () => {
    const error = new XlError('a', 'first', {
      diagnostics: [
        { severity: 'error', code: 'a', message: 'first', where: { source: 'x', line: 1, column: 2 } },
        { severity: 'warning', code: 'b', message: 'second', hint: 'do' },
      ],
    });
    expect(errorLines(error, plainStyle)).toEqual(['error: first', '  at x:1:2', 'warning: second', '  hint  do']);
  });

  it('says of a mistake of ours that it is one, and keeps the stack for the report', () => {
    const lines = errorLines(new TypeError('boom'), plainStyle);
    expect(lines[0]).toBe('error: boom');
    expect(lines[1]).toContain('report');
    expect(lines.length).toBeGreaterThan(2);
  });

  it('prints a wrong command line bare, as xl does', () => {
    expect(errorLines(new XlError('usage-unknown-option', "option `x' not supported."), plainStyle)).toEqual([
      "option `x' not supported.",
    ]);
  });

  it('gives its exit status, and the same content as JSON', () => {
    const terminal = recordingTerminal();
    const error = new XlError('gone', 'it is gone', { exitCode: 3, hint: 'look', cause: new Error('why') });
    expect(printError(error, terminal, { json: true })).toBe(3);
    expect(JSON.parse(terminal.stderr())).toEqual({
      error: {
        code: 'gone',
        message: 'it is gone',
        hint: 'look',
        exitCode: 3,
        cause: { code: 'internal', message: 'why' },
      },
    });
    expect(terminal.stdout()).toBe('');
  });

  it('keeps the caret under its text on a line of any length', () => {
    fc.assert(
      fc.property(fc.nat(3000), fc.nat(3000), fc.integer({ min: 40, max: 200 }), (before, after, width) => {
        const text = `${'a'.repeat(before)}HERE${'b'.repeat(after)}`;
        const place = { source: 's', line: 1, column: before + 1, length: 4, text };
        const lines = diagnosticLines(
          { severity: 'error', code: 'c', message: 'm', where: place },
          { ...plainStyle, width },
        );
        const [excerpt, caret] = lines.slice(-2) as [string, string];
        expect(excerpt.slice(caret.indexOf('^'), caret.indexOf('^') + 4)).toBe('HERE');
        expect(excerpt.length).toBeLessThanOrEqual(width + 1);
      }),
    );
  });

  it('never lets a control character of the input reach the terminal', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), fc.nat(100), (nasty, column) => {
        const error = new XlError('c', `m${nasty}`, {
          where: { source: nasty, line: 1, column: column + 1, length: 3, text: nasty },
          hint: nasty,
          evidence: [{ title: nasty, lines: [nasty] }],
          cause: new Error(nasty),
        });

        expect(errorLines(error, plainStyle).join('')).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
      }),
    );
  });
});
