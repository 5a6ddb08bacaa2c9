import type { CommandOption } from './command.ts';
import { usageError } from './usage.ts';

/** How a list of words is to be read. */
export interface Reading {
  /** The command's name, for hints; null before it is known. */
  readonly command: string | null;
  /** Stop at the first word that is no option, as xl does before the command's name (getopt's leading `+`). */
  readonly stopAtWord?: boolean;
}

/**
 * Spells a command line out as yargs reads it best, `--name value … -- words`, from all the ways in which getopt_long
 * lets people write it: options after words, `-qfFILE` for `-q -f FILE`, unambiguous beginnings of long names, values
 * that begin with a dash. Throws a usage error on an option that is unknown or lacks its value.
 */
export function spellOut(words: readonly string[], options: readonly CommandOption[], reading: Reading): string[] {
  const spelled: string[] = [];
  const rest: string[] = [];
  let index = 0;
  const nextWord = (): string | undefined => words[++index];
  for (; index < words.length; index++) {
    const word = words[index]!;
    if (word === '--') {
      rest.push(...words.slice(index + 1));
      break;
    }
    if (word.startsWith('--')) spelled.push(...spellLong(word.slice(2), options, nextWord, reading));
    else if (word.startsWith('-') && word !== '-')
      spelled.push(...spellLetters(word.slice(1), options, nextWord, reading));
    else if (reading.stopAtWord === true) {
      rest.push(...words.slice(index));
      break;
    } else rest.push(word);
  }
  return [...spelled, '--', ...rest];
}

function spellLong(
  body: string,
  options: readonly CommandOption[],
  nextWord: () => string | undefined,
  reading: Reading,
): string[] {
  const equals = body.indexOf('=');
  const typed = equals < 0 ? body : body.slice(0, equals);
  const attached = equals < 0 ? undefined : body.slice(equals + 1);
  const option = longOption(typed, options);
  if (option === undefined) throw unknownOption(`--${typed}`, reading);
  if (option.value === undefined) {
    if (attached === undefined) return [`--${option.name}`];
    throw usageError('value-not-taken', `option \`--${option.name}' takes no value.`, hintFor(reading));
  }
  return [`--${option.name}`, attached ?? nextWord() ?? missingValue(`--${option.name}`, option, reading)];
}

function spellLetters(
  letters: string,
  options: readonly CommandOption[],
  nextWord: () => string | undefined,
  reading: Reading,
): string[] {
  const spelled: string[] = [];
  for (const [index, letter] of Array.from(letters).entries()) {
    const option = options.find((candidate) => candidate.letter === letter);
    if (option === undefined) throw unknownOption(letter, reading);
    if (option.value !== undefined) {
      const attached = Array.from(letters)
        .slice(index + 1)
        .join('');
      const value = attached === '' ? nextWord() : attached;
      return [...spelled, `--${option.name}`, value ?? missingValue(letter, option, reading)];
    }
    spelled.push(`--${option.name}`);
  }
  return spelled;
}

/** The option of that long name, or the only one whose name begins so. */
function longOption(typed: string, options: readonly CommandOption[]): CommandOption | undefined {
  const names = (option: CommandOption) => [option.name, ...(option.aliases ?? [])];
  const exact = options.find((option) => names(option).includes(typed));
  if (exact !== undefined) return exact;
  const matches = options.filter((option) => names(option).some((name) => name.startsWith(typed)));
  return matches.length === 1 ? matches[0] : undefined;
}

function unknownOption(typed: string, reading: Reading): Error {
  if (reading.command === null) {
    return usageError('unknown-option', 'unknown global option', {
      exitCode: 1,
      hint: `\`${typed}' may belong after the command's name; "xl help" lists the global options`,
    });
  }
  return usageError('unknown-option', `option \`${typed}' not supported.`, hintFor(reading));
}

function missingValue(typed: string, option: CommandOption, reading: Reading): never {
  const value = typeof option.value === 'string' ? option.value : option.value?.join('|');
  throw usageError('missing-value', `option \`${typed}' requires an argument, ${value ?? 'a word'}.`, hintFor(reading));
}

const hintFor = ({ command }: Reading) => (command === null ? {} : { hint: `"xl help ${command}" lists its options` });
