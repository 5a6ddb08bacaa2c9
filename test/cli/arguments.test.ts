import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readArguments } from '../../cli/arguments.ts';
import type { CommandOption } from '../../cli/command.ts';

const options = [
  { name: 'dryrun', aliases: ['dry-run'], letter: 'n', summary: '' },
  { name: 'quiet', letter: 'q', summary: '' },
  { name: 'defconfig', letter: 'f', value: 'FILE', summary: '' },
  { name: 'format', value: ['text', 'qemu'], summary: '' },
  { name: 'assume', value: 'KEY=VALUE', repeatable: true, summary: '' },
  { name: 'verbose', letter: 'v', repeatable: true, summary: '' },
] as const satisfies readonly CommandOption[];

const nothing = {
  dryrun: false,
  quiet: false,
  defconfig: undefined,
  format: undefined,
  assume: [],
  verbose: 0,
};
const read = (...words: string[]) => readArguments(words, options, { command: 'create' });

describe('a command line', () => {
  it.each<{ words: string[]; given: Partial<typeof nothing> | Record<string, unknown>; rest?: string[] }>([
    { words: [], given: {} },
    { words: ['a.cfg'], given: {}, rest: ['a.cfg'] },
    { words: ['a.cfg', '-n', 'memory=64'], given: { dryrun: true }, rest: ['a.cfg', 'memory=64'] },
    { words: ['-nq'], given: { dryrun: true, quiet: true } },
    { words: ['-qfFILE'], given: { quiet: true, defconfig: 'FILE' } },
    { words: ['-qf', 'FILE'], given: { quiet: true, defconfig: 'FILE' } },
    { words: ['-f', '-n'], given: { defconfig: '-n' } },
    { words: ['-f', ''], given: { defconfig: '' } },
    { words: ['--defconfig=FILE'], given: { defconfig: 'FILE' } },
    { words: ['--defconfig', 'FILE'], given: { defconfig: 'FILE' } },
    { words: ['--defconfig='], given: { defconfig: '' } },
    { words: ['--defconfig=a=b\nc'], given: { defconfig: 'a=b\nc' } },
    { words: ['--def', 'FILE'], given: { defconfig: 'FILE' } },
    { words: ['--dry-run'], given: { dryrun: true } },
    { words: ['--dry'], given: { dryrun: true } },
    { words: ['-f', 'one', '-f', 'two'], given: { defconfig: 'two' } },
    { words: ['-vv', '-v'], given: { verbose: 3 } },
    { words: ['--assume', 'a=1', '--assume', 'b=2'], given: { assume: ['a=1', 'b=2'] } },
    { words: ['--assume=a=1', 'word'], given: { assume: ['a=1'] }, rest: ['word'] },
    { words: ['-q', 'true'], given: { quiet: true }, rest: ['true'] },
    { words: ['--quiet', 'false'], given: { quiet: true }, rest: ['false'] },
    { words: ['--', '-n', '--'], given: {}, rest: ['-n', '--'] },
    { words: ['-'], given: {}, rest: ['-'] },
    { words: ['0x10', '007', '1e3'], given: {}, rest: ['0x10', '007', '1e3'] },
    { words: ['"quoted"', "'quoted'"], given: {}, rest: ['"quoted"', "'quoted'"] },
    { words: ['-f', "'a'"], given: { defconfig: "'a'" } },
  ])('reads $words', ({ words, given, rest = [] }) => {
    expect(read(...words)).toEqual({ options: { ...nothing, ...given }, words: rest });
  });

  it.each([
    [['-X'], "option `X' not supported."],
    [['-qX'], "option `X' not supported."],
    [['-1'], "option `1' not supported."],
    [['--bogus'], "option `--bogus' not supported."],
    [['--__proto__=x'], "option `--__proto__' not supported."],
    [['--quiet=yes'], "option `--quiet' takes no value."],
    [['-f'], "option `f' requires an argument, FILE."],
    [['--format'], "option `--format' requires an argument, text|qemu."],
    [['--format=pdf'], 'option `--format\' does not know "pdf".'],
  ])('refuses %j with exit status 2', (words, message) => {
    expect(() => read(...words)).toThrow(expect.objectContaining({ message, exitCode: 2 }) as Error);
  });

  it('stops at the first word before the command', () => {
    const { options: given, words } = readArguments(['-v', 'list', '-n'], options, { command: null, stopAtWord: true });
    expect(given.verbose).toBe(1);
    expect(words).toEqual(['list', '-n']);
  });

  it('refuses an unknown global option as xl does', () => {
    const refused = { message: 'unknown global option', exitCode: 1 };
    expect(() => readArguments(['-X', 'list'], options, { command: null, stopAtWord: true })).toThrow(
      expect.objectContaining(refused) as Error,
    );
  });

  it('keeps every word that is no option, whatever it looks like', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (words) => {
        expect(read('-q', '--', ...words).words).toEqual(words);
      }),
    );
  });

  it('takes any text as the value of an option', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        expect(read('-f', value).options.defconfig).toBe(value);
        expect(read(`--defconfig=${value}`).options.defconfig).toBe(value);
      }),
    );
  });
});
