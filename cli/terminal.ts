/** Where a command prints, and what that place can show. The only way from a command to the user's eyes. */
export interface Terminal {
  /** The answer: what a pipe or a file should get. */
  out(text: string): void;
  /** The talk: progress, warnings, errors. */
  err(text: string): void;
  readonly outStyle: Style;
  readonly errStyle: Style;
}

/** What a stream can show. */
export interface Style {
  /** Colours by chalk's levels: 0 none, 1 the sixteen, 2 the 256, 3 all. */
  readonly colour: 0 | 1 | 2 | 3;
  /** Columns to lay text out in; 100 where nobody looks. */
  readonly width: number;
  /** Whether lines can be drawn over: a terminal that understands cursor movement. */
  readonly live: boolean;
}

const WIDTH_OF_PIPES = 100;
const NARROWEST = 40;

/** The process's own streams. Colours follow NO_COLOR and FORCE_COLOR (no-color.org, force-color.org). */
export function processTerminal(): Terminal {
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    // Asking a stream what it is creates it; most runs print to one of the two only.
    get outStyle() {
      return styleOf(process.stdout, process.env);
    },
    get errStyle() {
      return styleOf(process.stderr, process.env);
    },
  };
}

/** What a stream can show, from its own properties and the environment. */
export function styleOf(
  stream: { readonly isTTY?: boolean; readonly columns?: number },
  environment: Readonly<Record<string, string | undefined>>,
): Style {
  const terminal = stream.isTTY === true && environment['TERM'] !== 'dumb';
  return {
    colour: colourOf(terminal, environment),
    width: stream.isTTY === true ? Math.max(NARROWEST, stream.columns ?? 80) : WIDTH_OF_PIPES,
    live: terminal,
  };
}

function colourOf(terminal: boolean, environment: Readonly<Record<string, string | undefined>>): Style['colour'] {
  const { NO_COLOR: none, FORCE_COLOR: force, COLORTERM: kind = '', TERM: name = '' } = environment;
  if (none !== undefined && none !== '') return 0;
  if (force === '0' || force === 'false') return 0;
  if (!terminal && (force === undefined || force === '')) return 0;
  if (/truecolor|24bit/.test(kind)) return 3;
  return name.includes('256') ? 2 : 1;
}
