import { unreachable } from '../../lib/base/error.ts';
import type { Plan } from '../../lib/plan/step.ts';
import type { RunEvent, StepLabel } from '../../lib/run/events.ts';
import type { Style, Terminal } from '../terminal.ts';
import { coloursOf, type Colours } from './colours.ts';
import { printDiagnostics } from './error.ts';
import { displayWidth, padEnd, padStart, visible } from './text.ts';

/** A longer title, with some path in it, does not push the times of all others away. */
const WIDEST_TITLE = 48;

/** Follows a run on the screen. */
export interface Progress {
  readonly onEvent: (event: RunEvent) => void;
  /** Takes what is drawn over off the screen: nothing of it is left behind. */
  readonly end: () => void;
}

/** A progress that shows nothing, for `-q` and `--json`. */
export const silentProgress: Progress = { onEvent: () => undefined, end: () => undefined };

/**
 * The plan's page with ticks down the margin: each step's line when the step ends, in the order of ending. On a terminal
 * the steps that run stand below, drawn over as they change; elsewhere every line is final.
 */
export function progress(plan: Plan, terminal: Terminal): Progress {
  const style = terminal.errStyle;
  const colours = coloursOf(style);
  const marks = marksOf(style, colours);
  /** The steps that run, by id: the line to show, and what it waits for where it has waited for long. */
  const running = new Map<string, string>();
  let drawn = 0;

  const erase = () => (drawn === 0 ? '' : `\u001b[${drawn}A\u001b[J`);
  const draw = () => {
    if (!style.live) return '';
    // A line that wraps would take two on the screen and could not be erased by counting.
    const lines = [...running.values()].map((line) => clip(line, style.width - 1));
    drawn = lines.length;
    return lines.map((line) => `${colours.quiet(line)}\n`).join('');
  };
  const say = (...lines: readonly string[]) => {
    const before = erase();
    drawn = 0;
    terminal.err(before + lines.map((line) => `${line}\n`).join('') + draw());
  };
  const numberWidth = String(plan.steps.length).length;
  const titleWidths = plan.steps.map(({ title }) => displayWidth(visible(title)));
  const titleWidth = Math.min(WIDEST_TITLE, Math.max(0, ...titleWidths));
  const line = (mark: string, { id, title }: StepLabel, result: string) => {
    const number = padStart(String(plan.steps.findIndex((step) => step.id === id) + 1), numberWidth);
    return `${mark} ${colours.quiet(number)}  ${padEnd(visible(title), titleWidth)}  ${colours.quiet(result)}`;
  };

  const onEvent = (event: RunEvent): void => {
    switch (event.kind) {
      case 'started':
        running.set(event.step.id, `    ${visible(event.step.title)} …`);
        if (style.live) say();
        return;
      case 'waiting': {
        const bound = `up to ${event.timeoutMs / 1000} s`;
        running.set(event.step.id, `    waiting for ${visible(event.subject)}, ${bound} …`);
        if (style.live) say();
        else say(`    waiting for ${visible(event.subject)}, ${bound}`);
        return;
      }
      case 'finished':
        running.delete(event.step.id);
        say(line(marks.done, event.step, duration(event.ms)));
        return;
      case 'failed':
        running.delete(event.step.id);
        say(line(marks.failed, event.step, `failed after ${duration(event.ms)}`));
        return;
      case 'stopped':
        running.delete(event.step.id);
        say(line(marks.stopped, event.step, `stopped after ${duration(event.ms)}`));
        return;
      case 'undoing':
        return;
      case 'undone':
        say(line(marks.undone, event.step, event.problems.length === 0 ? 'taken back' : 'not wholly taken back'));
        return;
      case 'warning':
        say();
        terminal.err(erase());
        drawn = 0;
        printDiagnostics([event.warning], terminal);
        terminal.err(draw());
        return;
      default:
        return unreachable(event);
    }
  };
  return {
    onEvent,
    end: () => {
      running.clear();
      const before = erase();
      drawn = 0;
      if (before !== '') terminal.err(before);
    },
  };
}

interface Marks {
  readonly done: string;
  readonly failed: string;
  readonly stopped: string;
  readonly undone: string;
}

function marksOf({ unicode }: Style, colours: Colours): Marks {
  return {
    done: colours.good(unicode ? '✓' : '+'),
    failed: colours.error(unicode ? '✗' : 'x'),
    stopped: colours.warning('-'),
    undone: colours.warning(unicode ? '↶' : '<'),
  };
}

function clip(line: string, width: number): string {
  return displayWidth(line) <= width ? line : `${line.slice(0, Math.max(0, width - 1))}…`;
}

/** A duration to the precision that anyone cares about: `0.4 ms`, `12 ms`, `3.1 s`. */
export function duration(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return ms < 1 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
}
