import { fstatSync, writeSync } from 'node:fs';
import { errnoOf } from '../lib/base/error.ts';

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
const WIDTH_OF_TERMINALS = 80;
const NARROWEST = 40;

/** Exit status of a C program whose reader has gone (SIGPIPE), as shells count it. */
const EXIT_SIGPIPE = 128 + 13;

/** The process's own streams. Colours follow NO_COLOR and FORCE_COLOR (no-color.org, force-color.org). */
export function processTerminal(): Terminal {
  return {
    out: (text) => write('stdout', text),
    err: (text) => write('stderr', text),
    get outStyle() {
      return styleOf(screenOf('stdout'), process.env);
    },
    get errStyle() {
      return styleOf(screenOf('stderr'), process.env);
    },
  };
}

type StreamName = 'stdout' | 'stderr';
const FD = { stdout: 1, stderr: 2 } as const;

/**
 * Writes to a stream of the process. Files and pipes are written to directly: Node's own stream objects take a start
 * 5 ms to load, and what they hold back is lost when the process is ended.
 */
function write(name: StreamName, text: string): void {
  const bytes = Buffer.from(text);
  let written = 0;
  try {
    while (!mayBeScreen(name) && written < bytes.length) written += writeSync(FD[name], bytes, written);
  } catch (error) {
    // A pipe that somebody made non-blocking is full: the stream object knows how to wait.
    if (errnoOf(error) !== 'EAGAIN') endWithReader(error);
  }
  if (written < bytes.length) streamOf(name).write(bytes.subarray(written));
}

/** The stream as a screen has it; what cannot be one is not asked, as that loads node:tty. */
const screenOf = (name: StreamName): Screen => (mayBeScreen(name) ? streamOf(name) : {});

/** Linux's major number of /dev/null and its like. */
const MEMORY_DEVICES = 1;

function mayBeScreen(name: StreamName): boolean {
  try {
    const stat = fstatSync(FD[name]);
    return stat.isCharacterDevice() && stat.rdev >> 8 !== MEMORY_DEVICES;
  } catch {
    return false;
  }
}

function streamOf(name: StreamName): NodeJS.WriteStream {
  const stream = process[name];
  if (stream.listenerCount('error') === 0) stream.on('error', endWithReader);
  return stream;
}

/** A reader that has seen enough closes its pipe (`xl list | head -1`): that ends us, without a word. */
function endWithReader(error: unknown): never {
  process.exit(errnoOf(error) === 'EPIPE' ? EXIT_SIGPIPE : 1);
}

/** A pseudo-terminal whose size nobody has set says 0. */
const columnsOf = ({ columns = 0 }: Screen): number => (columns > 0 ? columns : WIDTH_OF_TERMINALS);

interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** What a stream can show, from its own properties and the environment. */
export function styleOf(stream: Screen, environment: Readonly<Record<string, string | undefined>>): Style {
  const terminal = stream.isTTY === true && environment.TERM !== 'dumb';
  return {
    colour: colourOf(terminal, environment),
    width: stream.isTTY === true ? Math.max(NARROWEST, columnsOf(stream)) : WIDTH_OF_PIPES,
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
