import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { shellLine, shellLines, shellQuote, shellQuoteText } from '../../lib/base/shell.ts';
import { hole, t } from '../../lib/base/text.ts';

/** The words that a shell makes of a command line. */
function readByShell(line: string, env: Record<string, string> = {}): string[] {
  const { stdout } = spawnSync('/bin/sh', ['-c', `printf '%s\\0' ${line}`], { encoding: 'utf8', env });
  return stdout.split('\0').slice(0, -1);
}

describe('a quoted word', () => {
  test.each([
    ['plain', 'plain'],
    ['/a/b-c_d.e', '/a/b-c_d.e'],
    ['if=none,id=a', 'if=none,id=a'],
    ['', "''"],
    ['a b', "'a b'"],
    ["it's", String.raw`'it'\''s'`],
    ['$HOME', "'$HOME'"],
    ['~', "'~'"],
    ['é', "'é'"],
  ])('%j is %s', (word, quoted) => {
    expect(shellQuote(word)).toBe(quoted);
  });

  test('is read back as it was, whatever it is', () => {
    // Shells cannot carry the zero byte, nor half a surrogate pair.
    const words = fc.array(
      fc.string({ unit: 'grapheme' }).map((word) => word.replaceAll('\0', '')),
      { minLength: 1, maxLength: 200 },
    );
    fc.assert(
      fc.property(words, (all) => {
        expect(readByShell(shellLine(all))).toEqual(all);
      }),
      { numRuns: 20 },
    );
  });
});

describe('a hole', () => {
  const text = t`vif${hole('domid')}.0 "$x" \`y\` \\`;

  test('is a variable of the shell', () => {
    expect(shellQuoteText(t`vif${hole('domid')}.0-emu`)).toBe('"vif${domid}.0-emu"');
    expect(readByShell(shellQuoteText(text), { domid: '7', x: 'no' })).toEqual(['vif7.0 "$x" `y` \\']);
  });

  test('that is bound is a word like any other', () => {
    expect(shellQuoteText(hole('domid'), { domid: '7' })).toBe('7');
    expect(shellQuoteText(text, { domid: '7' })).toBe(String.raw`'vif7.0 "$x" ${'`y`'} \'`);
  });
});

describe('a long command', () => {
  test('has an option with its argument a line', () => {
    expect(shellLines(['/usr/bin/qemu', '-S', '-name', 'a b', '-serial', 'pty', t`-m${hole('memory')}`])).toEqual([
      '/usr/bin/qemu \\',
      '  -S \\',
      "  -name 'a b' \\",
      '  -serial pty \\',
      '  "-m${memory}"',
    ]);
    expect(shellLines(['a', 'b', 'c'])).toEqual(['a \\', '  b c']);
    expect(shellLines(['a'])).toEqual(['a']);
    expect(shellLines([])).toEqual([]);
  });

  test('is one command to the shell', () => {
    const words = ['a', '-append', 'x  y', '-', "'", '-z', 'line\nbreak'];
    expect(readByShell(shellLines(words).join('\n'))).toEqual(words);
  });
});
