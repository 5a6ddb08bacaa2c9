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
  /** Whether it shows more than ASCII: ticks and arrows. */
  readonly unicode: boolean;
}

const WIDTH_OF_PIPES = 100;
const NARROWEST = 40;

/** Exit status of a C program whose reader has gone (SIGPIPE), as shells count it. */
const EXIT_SIGPIPE = 128 + 13;

/** The process's own streams. Colours follow NO_COLOR and FORCE_COLOR (no-color.org, force-color.org). */
export function processTerminal(): Terminal {
  // Asking for a stream creates it, which takes a while; most runs print to one of the two only.
  const stream = (name: 'stdout' | 'stderr') => {
    const asked = process[name];
    if (asked.listenerCount('error') === 0) asked.on('error', endWithReader);
    return asked;
  };
  return {
    out: (text) => void stream('stdout').write(text),
    err: (text) => void stream('stderr').write(text),
    get outStyle() {
      return styleOf(stream('stdout'), process.env);
    },
    get errStyle() {
      return styleOf(stream('stderr'), process.env);
    },
  };
}

/** A reader that has seen enough closes its pipe (`xl list | head -1`): that ends us, without a word. */
function endWithReader(error: NodeJS.ErrnoException): void {
  process.exit(error.code === 'EPIPE' ? EXIT_SIGPIPE : 1);
}

/** What a stream can show, from its own properties and the environment. */
export function styleOf(
  stream: { readonly isTTY?: boolean; readonly columns?: number },
  environment: Readonly<Record<string, string | undefined>>,
): Style {
  const terminal = stream.isTTY === true && environment.TERM !== 'dumb';
  return {
    colour: colourOf(terminal, environment),
    width: stream.isTTY === true ? Math.max(NARROWEST, stream.columns ?? 80) : WIDTH_OF_PIPES,
    live: terminal,
    unicode: /utf-?8/i.test(environment.LC_ALL ?? environment.LC_CTYPE ?? environment.LANG ?? ''),
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
