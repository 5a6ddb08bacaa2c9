import type { CommandOption, CommandSummary } from './command.ts';
import { commands, commonOptions, globalOptions, visibleCommands, type CommandName } from './commands/index.ts';
import { columns } from './print/columns.ts';
import { wrap } from './print/text.ts';

/** The list of all commands: what `xl help` prints. */
export function helpText(width: number): string {
  const rows = (ours: boolean) =>
    visibleCommands()
      .filter(([, command]) => (command.ours === true) === ours)
      .map(([name, command]) => [name, command.summary] as const);
  const table = (entries: readonly (readonly [string, string])[]) => columns(entries, { width, indent: 1 });
  return text([
    'Usage: xl [-vfNtT] <subcommand> [args]',
    '',
    'xl full list of subcommands:',
    '',
    ...table(rows(false)),
    '',
    'Beyond stock xl:',
    '',
    ...table(rows(true)),
    '',
    'Options before the subcommand:',
    '',
    ...optionTable([...globalOptions, ...commonOptions], width),
    '',
    'Any beginning of a subcommand that no other shares will do. "xl help <subcommand>" tells more.',
  ]);
}

/** What `xl help COMMAND` and `xl COMMAND --help` print. */
export function commandHelpText(name: CommandName, width: number): string {
  const command: CommandSummary = commands[name];
  const shown = command.options.filter((option) => option.hidden !== true);
  return text([
    `Usage: xl [-v] ${name} ${command.synopsis}`.trimEnd(),
    '',
    `${command.summary}.`,
    ...(command.description === undefined ? [] : ['', ...wrap(command.description, width)]),
    '',
    'Options:',
    '',
    ...optionTable([...shown, ...commonOptions], width),
  ]);
}

function optionTable(options: readonly CommandOption[], width: number): string[] {
  return columns(
    options.map((option) => [spelling(option), option.summary]),
    { width, indent: 1 },
  );
}

/** `-f, --defconfig FILE` */
function spelling({ name, letter, value }: CommandOption): string {
  const short = letter === undefined ? '    ' : `-${letter}, `;
  const operand = value === undefined ? '' : ` ${typeof value === 'string' ? value : value.join('|')}`;
  return `${short}--${name}${operand}`;
}

const text = (lines: readonly string[]): string => `${lines.join('\n')}\n`;
