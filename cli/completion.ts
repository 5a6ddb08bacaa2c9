import type { CommandOption, CommandSummary, WordKind } from './command.ts';
import { commonOptions, globalOptions, visibleCommands } from './commands/index.ts';

/** The shells that have a completion. */
export type Shell = 'bash' | 'zsh';

/**
 * The completion script for a shell, made from the command table. Nothing of ours runs while the user types, except
 * `xl list` where a domain is to be named.
 */
export function completionScript(shell: Shell): string {
  const names = visibleCommands().map(([name]) => name);
  const firstWords = [...new Set(names.map((name) => name.split(' ')[0]!))];
  const groups = firstWords.filter((word) => !names.some((name) => name === word));
  const before = [...globalOptions, ...commonOptions].flatMap(spellings);
  return lines(
    '# Completion of xl. Put it to use with:  source <(xl completion ' + shell + ')',
    ...(shell === 'zsh' ? ['autoload -U +X bashcompinit && bashcompinit'] : []),
    '_xl_words() { COMPREPLY=($(compgen -W "$1" -- "$2")); }',
    '_xl_files() { compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$1")); }',
    '_xl_domains() { _xl_words "$(xl list 2>/dev/null | sed 1d | cut -d" " -f1)" "$1"; }',
    '_xl() {',
    '  local word=${COMP_WORDS[COMP_CWORD]} command= position=0 index',
    '  for ((index = 1; index < COMP_CWORD; index++)); do',
    '    case ${COMP_WORDS[index]} in',
    '      -*) ;;',
    `      *) case $command in`,
    ...groups.map((group) => `           ${group}) command="$command \${COMP_WORDS[index]}" ;;`),
    '           "") command=${COMP_WORDS[index]} ;;',
    '           *) ((position++)) ;;',
    '         esac ;;',
    '    esac',
    '  done',
    '  case $command in',
    `    "") _xl_words "${[...firstWords, ...before].join(' ')}" "$word"; return ;;`,
    ...groups.map(
      (group) =>
        `    ${group}) _xl_words "${names
          .filter((name) => name.startsWith(`${group} `))
          .map((name) => name.slice(group.length + 1))
          .join(' ')}" "$word"; return ;;`,
    ),
    '  esac',
    '  case $command:${COMP_WORDS[COMP_CWORD-1]} in',
    ...visibleCommands().flatMap(([name, command]) => valueCases(name, command)),
    '  esac',
    '  case $command:$word in',
    ...visibleCommands().map(
      ([name, { options }]) =>
        `    "${name}":-*) _xl_words "${[...options, ...commonOptions].flatMap(spellings).join(' ')}" "$word"; return ;;`,
    ),
    '  esac',
    '  case $command:$position in',
    ...visibleCommands().flatMap(([name, command]) => wordCases(name, command)),
    '  esac',
    '}',
    'complete -F _xl xl',
  );
}

/** After an option that takes a value: its members where it has a list of them, else files. */
function valueCases(name: string, { options }: CommandSummary): string[] {
  return [...options, ...commonOptions]
    .filter((option: CommandOption) => option.value !== undefined)
    .map((option: CommandOption) => {
      const pattern = spellings(option)
        .map((spelling) => `"${name}":${spelling}`)
        .join('|');
      const offer =
        typeof option.value === 'string' ? '_xl_files "$word"' : `_xl_words "${option.value!.join(' ')}" "$word"`;
      return `    ${pattern}) ${offer}; return ;;`;
    });
}

function wordCases(name: string, { words }: CommandSummary): string[] {
  return words.map((kind, index) => {
    const last = index === words.length - 1;
    return `    "${name}":${last ? '*' : index}) ${offerFor(kind)} ;;`;
  });
}

function offerFor(kind: WordKind): string {
  switch (kind) {
    case 'domain':
      return '_xl_domains "$word"';
    case 'file':
    case 'disk-spec':
      return '_xl_files "$word"';
    case 'command':
      return `_xl_words "${visibleCommands()
        .map(([name]) => name)
        .join(' ')}" "$word"`;
    case 'device':
    case 'word':
      return ':';
  }
}

const spellings = ({ name, aliases = [], letter, hidden }: CommandOption): string[] =>
  hidden === true
    ? []
    : [...(letter === undefined ? [] : [`-${letter}`]), ...[name, ...aliases].map((long) => `--${long}`)];

const lines = (...all: readonly string[]): string => `${all.join('\n')}\n`;
