import { readArguments } from './arguments.ts';
import type { Arguments, CommandContext, CommandSummary, GlobalOptions } from './command.ts';
import { commands, commonOptions, globalOptions } from './commands/index.ts';
import { implementations } from './commands/load.ts';
import { commandHelpText, helpText } from './help.ts';
import { findCommand, type Found } from './lookup.ts';
import type { Terminal } from './terminal.ts';
import { EXIT_USAGE, usageError } from './usage.ts';

/** What a run of the program stands on, beside its words: given by cli/xl.ts, made up by tests. */
export interface Surroundings {
  readonly terminal: Terminal;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/** Runs one command line; the number is the process's exit status. Whatever goes wrong is printed here. */
export async function main(words: readonly string[], surroundings: Surroundings): Promise<number> {
  const { terminal } = surroundings;
  let json = words.includes('--json');
  try {
    const before = readArguments(words, [...globalOptions, ...commonOptions], { command: null, stopAtWord: true });
    if (before.options.version) return await runCommand({ name: 'version', rest: [] }, before, surroundings);
    if (before.options.help || before.words.length === 0) {
      terminal.out(helpText(terminal.outStyle.width));
      return before.options.help ? 0 : 1;
    }
    json = before.options.json || json;
    return await runCommand(findCommand(before.words), before, surroundings);
  } catch (error) {
    const { printError } = await import('./print/error.ts');
    return printError(error, terminal, { json });
  }
}

type Before = Arguments<readonly [...typeof globalOptions, ...typeof commonOptions]>;

async function runCommand({ name, rest }: Found, before: Before, surroundings: Surroundings): Promise<number> {
  const { terminal, environment } = surroundings;
  const command: CommandSummary = commands[name];
  const { options, words } = readArguments(rest, [...command.options, ...commonOptions], { command: name });
  if (options.help) {
    terminal.out(commandHelpText(name, terminal.outStyle.width));
    return 0;
  }
  if (before.options.dryrun && command.dryRun !== true) {
    throw usageError('no-dry-run', 'command does not implement -N (dryrun) option', { exitCode: 1 });
  }
  if (words.length < command.minWords) {
    const { minWords } = command;
    terminal.err(`'xl ${name}' requires at least ${minWords} argument${minWords === 1 ? '' : 's'}.\n\n`);
    terminal.out(commandHelpText(name, terminal.outStyle.width));
    return EXIT_USAGE;
  }
  const context: CommandContext = {
    terminal: before.options.timestamps ? withTimestamps(terminal) : terminal,
    global: globalsOf(before, options, environment),
    // A getter, so that signal handlers are set up only for commands that have something to take back.
    get signal() {
      return surroundings.signal;
    },
  };
  const implementation: AnyCommand = await implementations[name]();
  return await implementation.run(context, { options, words });
}

/**
 * Any command. The table ties each one's options to its code; here, where they were just read by that very table, only
 * their common shape is left, and a method's parameters may be taken for more special ones.
 */
interface AnyCommand {
  run(context: CommandContext, given: Arguments): Promise<number> | number;
}

function globalsOf(
  before: Before,
  after: Readonly<Record<string, unknown>>,
  environment: Surroundings['environment'],
): GlobalOptions {
  return {
    verbose: before.options.verbose,
    dryRun: before.options.dryrun,
    timestamps: before.options.timestamps,
    json: before.options.json || after.json === true,
    timing: before.options.timing || after.timing === true,
    host: hostChoice(typeof after.host === 'string' ? after.host : (before.options.host ?? environment.XL_HOST)),
  };
}

function hostChoice(value: string | undefined): GlobalOptions['host'] {
  if (value === undefined || value === '') return null;
  if (value === 'xen' || value === 'embedded') return value;
  throw usageError('unknown-value', `XL_HOST does not know "${value}".`, { hint: 'it takes xen, embedded' });
}

/** xl's `-T`: every line of the talk begins with the moment at which it was said. */
function withTimestamps(terminal: Terminal): Terminal {
  let atLineStart = true;
  return {
    out: (text) => terminal.out(text),
    err: (text) => {
      const stamp = `${new Date().toISOString().replace('T', ' ').slice(0, 19)} UTC [${process.pid}] `;
      terminal.err(text.replace(/^(?=.)/gms, (_, offset: number) => (offset > 0 || atLineStart ? stamp : '')));
      atLineStart = text.endsWith('\n');
    },
    get outStyle() {
      return terminal.outStyle;
    },
    get errStyle() {
      // Lines that carry the time are a log: nothing is drawn over.
      return { ...terminal.errStyle, live: false };
    },
  };
}
