import { Chalk } from 'chalk';
import type { Style } from '../terminal.ts';

type Paint = (text: string) => string;

/** What colours mean here. Each paints a text, or leaves it as it is where the stream shows none. */
export interface Colours {
  readonly error: Paint;
  readonly warning: Paint;
  readonly good: Paint;
  /** Names that the eye should find: steps, devices, sections. */
  readonly strong: Paint;
  /** What is there for the second look: reasons, units, paths of origin. */
  readonly quiet: Paint;
  /** Values not known before the run: `${domid}`. */
  readonly hole: Paint;
}

const made = new Map<Style['colour'], Colours>();

/** The colours of a stream, made once for each level. The one place where chalk is. */
export function coloursOf({ colour }: Pick<Style, 'colour'>): Colours {
  const known = made.get(colour);
  if (known !== undefined) return known;
  const colours = colour === 0 ? NONE : colourful(colour);
  made.set(colour, colours);
  return colours;
}

const plain: Paint = (text) => text;
const NONE: Colours = { error: plain, warning: plain, good: plain, strong: plain, quiet: plain, hole: plain };

function colourful(level: 1 | 2 | 3): Colours {
  const chalk = new Chalk({ level });
  return {
    error: chalk.red.bold,
    warning: chalk.yellow.bold,
    good: chalk.green,
    strong: chalk.bold,
    quiet: chalk.dim,
    hole: chalk.cyan,
  };
}
