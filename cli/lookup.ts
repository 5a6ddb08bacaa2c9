import { commands, visibleCommands, type CommandName } from './commands/index.ts';
import { usageError } from './usage.ts';

/** A command found in the words, and the words after its name. */
export interface Found {
  readonly name: CommandName;
  readonly rest: readonly string[];
}

/**
 * Finds the command that the first word names, or the first two: by its name, or by any beginning of it that no other
 * command shares, as xl does (xl.c:cmdtable_lookup). Throws xl's `command not implemented`, exit status 1.
 */
export function findCommand(words: readonly string[]): Found {
  const [typed = '', action = ''] = words;
  if (isCommand(typed)) return { name: typed, rest: words.slice(1) };
  const hidden = `${typed} ${action}`;
  if (isCommand(hidden)) return { name: hidden, rest: words.slice(2) };

  const visible = visibleCommands().map(([name]) => name);
  const first = onlyMatch(typed, [...new Set(visible.map((name) => name.split(' ')[0]!))]);
  if (isCommand(first)) return { name: first, rest: words.slice(1) };
  const actions = visible.filter((name) => name.startsWith(`${first} `)).map((name) => name.split(' ')[1]!);
  const name = `${first} ${onlyMatch(action, actions, first)}`;
  if (isCommand(name)) return { name, rest: words.slice(2) };
  throw notImplemented(typed, visible);
}

const isCommand = (name: string): name is CommandName => Object.hasOwn(commands, name);

function onlyMatch(typed: string, names: readonly string[], group?: string): string {
  if (names.includes(typed)) return typed;
  const matches = typed === '' ? [] : names.filter((name) => name.startsWith(typed));
  if (matches.length === 1) return matches[0]!;
  throw notImplemented(typed, matches.length > 1 || group === undefined ? matches : names, group);
}

function notImplemented(typed: string, matches: readonly string[], group?: string): Error {
  const what = group === undefined ? `"${typed}"` : `"${group}"`;
  const hint =
    matches.length === 0
      ? '"xl help" lists the commands'
      : `${what} ${group === undefined ? 'may be' : 'is followed by'} ${matches.join(', ')}`;
  return usageError('unknown-command', 'command not implemented', { exitCode: 1, hint });
}
