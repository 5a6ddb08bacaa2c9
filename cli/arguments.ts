import { Parser } from 'yargs/helpers';
import type { Arguments, CommandOption, OptionValues } from './command.ts';
import { spellOut, type Reading } from './getopt.ts';
import { usageError } from './usage.ts';

/**
 * Sorts words into options, each with the type that its row declares, and the rest. Throws a usage error, in xl's words
 * and with its exit status, on what the rows do not allow.
 */
export function readArguments<const Options extends readonly CommandOption[]>(
  words: readonly string[],
  options: Options,
  reading: Reading,
): Arguments<Options> {
  const valued = options.filter((option) => option.value !== undefined).map((option) => option.name);
  const parsed = Parser.detailed(spellOut(words, options, reading), {
    string: [...valued, '_'],
    count: options.filter((option) => option.value === undefined).map((option) => option.name),
    narg: Object.fromEntries(valued.map((name) => [name, 1])),
    configuration: {
      'boolean-negation': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'nargs-eats-options': true,
      'parse-numbers': false,
      'parse-positional-numbers': false,
    },
  });
  const values = options.map((option) => [option.name, valueOf(option, parsed.argv[option.name])] as const);
  return { options: Object.fromEntries(values) as OptionValues<Options>, words: parsed.argv._.map(String) };
}

/** The value as the row declares it; of an option that is given again though it is no list the last one counts. */
function valueOf(option: CommandOption, given: unknown): unknown {
  if (option.value === undefined) return option.repeatable === true ? given : given !== 0;
  const all: readonly unknown[] = given === undefined ? [] : Array.isArray(given) ? given : [given];
  if (Array.isArray(option.value)) for (const value of all) requireMember(option, option.value, value);
  return option.repeatable === true ? all : all.at(-1);
}

function requireMember(option: CommandOption, members: readonly unknown[], value: unknown): void {
  if (members.includes(value)) return;
  const spelling = option.letter === undefined ? `--${option.name}` : `-${option.letter}, --${option.name}`;
  throw usageError('unknown-value', `option \`${spelling}' does not know "${String(value)}".`, {
    hint: `it takes ${members.join(', ')}`,
  });
}
