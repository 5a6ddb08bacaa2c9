import type { Terminal } from './terminal.ts';

/** One option of a command, as getopt sees it: `-f FILE`, `--defconfig FILE`. */
export interface CommandOption {
  /** The long name, without dashes; the key under which the command finds the value. */
  readonly name: string;
  /** Further long spellings that mean the same. */
  readonly aliases?: readonly string[];
  readonly letter?: string;
  /** What stands after the option, `FILE`; a word list offers its members to completion. Absent for a plain switch. */
  readonly value?: string | readonly string[];
  /** The option may be given several times: its value is a list, or how often where it takes none. */
  readonly repeatable?: true;
  readonly summary: string;
  /** Works but is not shown: for our own processes and for xl's silent spellings. */
  readonly hidden?: true;
}

/** What a word of a command stands for: completion offers its members. */
export type WordKind = 'domain' | 'file' | 'disk-spec' | 'device' | 'command' | 'word';

/** A command as help, completion and man xl(1) know it; its code is loaded only when it runs. */
export interface CommandSummary {
  /** What follows the name in the usage line: `[options] <Domain>`. */
  readonly synopsis: string;
  /** One sentence in the imperative, without its full stop. */
  readonly summary: string;
  /** A paragraph for man xl(1), where the summary is not enough. */
  readonly description?: string;
  readonly options: readonly CommandOption[];
  /** Fewer words than this are refused with xl's words and exit status 2. */
  readonly minWords: number;
  /** What the words are, in order; the last kind goes for all that follow. */
  readonly words: readonly WordKind[];
  /** Whether xl's global `-N` (dry run) is understood. */
  readonly dryRun?: true;
  /** Ours, not xl's. */
  readonly ours?: true;
  readonly hidden?: true;
}

type ValueOf<Option extends CommandOption> = Option extends { readonly repeatable: true }
  ? Option extends { readonly value: unknown }
    ? readonly string[]
    : number
  : Option extends { readonly value: readonly (infer Word)[] }
    ? Word | undefined
    : Option extends { readonly value: string }
      ? string | undefined
      : boolean;

/** The values of a command's options by long name, each with the type that its row in the table declares. */
export type OptionValues<Options extends readonly CommandOption[]> = {
  readonly [Option in Options[number] as Option['name']]: ValueOf<Option>;
};

/** A command's words after its name, sorted into options and the rest. */
export interface Arguments<Options extends readonly CommandOption[] = readonly CommandOption[]> {
  readonly options: OptionValues<Options>;
  readonly words: readonly string[];
}

/** What was asked of every command alike: before its name, after it, or in the environment. */
export interface GlobalOptions {
  /** How many `-v` stood before the command's name. */
  readonly verbose: number;
  /** xl's `-N`. */
  readonly dryRun: boolean;
  /** xl's `-T`: each line of the talk begins with the time. */
  readonly timestamps: boolean;
  readonly json: boolean;
  readonly timing: boolean;
  /** Where to act; null leaves the choice to what the machine has. */
  readonly host: 'xen' | 'embedded' | null;
}

/** All that a command gets from the frame: where to print, what was asked for globally, and when to stop. */
export interface CommandContext {
  readonly terminal: Terminal;
  readonly global: GlobalOptions;
  /** Fires on Ctrl-C, SIGTERM and SIGHUP. */
  readonly signal: AbortSignal;
}

/** Runs a command; the number is the process's exit status. */
export type Run<Options extends readonly CommandOption[]> = (
  context: CommandContext,
  given: Arguments<Options>,
) => Promise<number> | number;
