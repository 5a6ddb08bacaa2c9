import { Chalk, type ChalkInstance } from 'chalk';
import type { Style } from '../terminal.ts';

/** What colours mean here. Each paints a text, or leaves it as it is where the stream shows none. */
export interface Colours {
  readonly error: ChalkInstance;
  readonly warning: ChalkInstance;
  readonly good: ChalkInstance;
  /** Names that the eye should find: steps, devices, sections. */
  readonly strong: ChalkInstance;
  /** What is there for the second look: reasons, units, paths of origin. */
  readonly quiet: ChalkInstance;
  /** Values not known before the run: `${domid}`. */
  readonly hole: ChalkInstance;
}

/** The colours of a stream. The one place where chalk is. */
export function coloursOf({ colour }: Pick<Style, 'colour'>): Colours {
  const chalk = new Chalk({ level: colour });
  return {
    error: chalk.red.bold,
    warning: chalk.yellow.bold,
    good: chalk.green,
    strong: chalk.bold,
    quiet: chalk.dim,
    hole: chalk.cyan,
  };
}
