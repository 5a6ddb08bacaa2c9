import type { StepTiming } from '../../lib/run/events.ts';
import type { Style } from '../terminal.ts';
import { coloursOf } from './colours.ts';
import { duration } from './progress.ts';
import { displayWidth, padEnd, padStart, visible } from './text.ts';

const SHORTEST_BAR = 10;
const LONGEST_BAR = 40;

/** Where the time went: each step with its start, how long it took, and a bar against the whole run. */
export function timingLines(timings: readonly StepTiming[], style: Style): string[] {
  const colours = coloursOf(style);
  const total = Math.max(0, ...timings.map((step) => step.endMs));
  const rows = timings.map((step) => ({
    title: visible(step.title),
    at: duration(step.startMs),
    took: duration(step.endMs - step.startMs),
    step,
  }));
  const width = (cells: readonly string[]) => Math.max(0, ...cells.map(displayWidth));
  const titles = width([...rows.map((row) => row.title), 'in all']);
  const ats = width([...rows.map((row) => row.at), 'at']);
  const tooks = width([...rows.map((row) => row.took), 'took', duration(total)]);
  const room = Math.min(LONGEST_BAR, style.width - titles - ats - tooks - 8);
  const bar = (step: StepTiming) => (room < SHORTEST_BAR ? '' : `  ${barOf(step, total, room, style)}`);
  return [
    colours.quiet(`${padEnd('step', titles)}  ${padStart('at', ats)}  ${padStart('took', tooks)}`),
    ...rows.map(({ title, at, took, step }) =>
      `${padEnd(title, titles)}  ${padStart(at, ats)}  ${padStart(took, tooks)}${colours.quiet(bar(step))}`.trimEnd(),
    ),
    colours.strong(`${padEnd('in all', titles)}  ${padStart('', ats)}  ${padStart(duration(total), tooks)}`),
  ];
}

function barOf({ startMs, endMs }: StepTiming, total: number, room: number, { unicode }: Style): string {
  const scale = total === 0 ? 0 : room / total;
  const from = Math.min(room - 1, Math.floor(startMs * scale));
  const length = Math.max(1, Math.round((endMs - startMs) * scale));
  return ' '.repeat(from) + (unicode ? '━' : '=').repeat(Math.min(length, room - from));
}
