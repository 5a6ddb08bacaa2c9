import { show, type Bindings } from '../../lib/base/text.ts';
import type { Plan, Step } from '../../lib/plan/step.ts';
import type { Style } from '../terminal.ts';
import { actionLines, type ActionLine } from './action.ts';
import { coloursOf, type Colours } from './colours.ts';
import { padEnd, padStart, visible, wrap } from './text.ts';

/** Left of a step's title: the tick, the number, and blanks around them. While a plan runs, ticks fill the margin. */
const MARGIN = 2;
const LABEL_WIDTH = 'hypercall'.length;

/**
 * A plan as a page to read from top to bottom: each step with its number and what it waits for, why it is there, what it
 * does in full, and how it is taken back.
 */
export function planLines(plan: Plan, style: Style): string[] {
  const colours = coloursOf(style);
  return plan.steps.flatMap((step) => ['', ...stepLines(step, plan, style, colours)]);
}

function stepLines(step: Step, plan: Plan, style: Style, colours: Colours): string[] {
  const indent = ' '.repeat(MARGIN + numberWidth(plan) + 2);
  const room = style.width - indent.length;
  const detail = (lines: readonly ActionLine[]) => lines.flatMap((line) => detailLines(line, indent, room, colours));
  return [
    stepHead(step, plan, style),
    ...wrap(visible(step.why), room).map((line) => indent + colours.quiet(line)),
    ...detail(actionLines(step.action, plan.bindings)),
    ...detail(bindLines(step)),
    ...detail(undoLines(step, plan.bindings)),
  ];
}

/** `   3  write the domain's nodes                                 after 1, 2` */
export function stepHead(step: Step, plan: Plan, style: Style): string {
  const colours = coloursOf(style);
  const number = padStart(String(stepNumber(step.id, plan)), numberWidth(plan));
  const after = afterText(step, plan);
  const title = visible(step.title);
  const left = `${' '.repeat(MARGIN)}${colours.quiet(number)}  `;
  const leftWidth = MARGIN + number.length + 2;
  const gap = style.width - leftWidth - title.length - after.length;
  if (after === '' || gap < 2) return `${left}${colours.strong(title)}`;
  return `${left}${colours.strong(title)}${' '.repeat(gap)}${colours.quiet(after)}`;
}

/** What a step waits for, by numbers; nothing where that is just the step above it. */
function afterText(step: Step, plan: Plan): string {
  const numbers = step.needs.map((id) => stepNumber(id, plan)).sort((one, other) => one - other);
  const own = stepNumber(step.id, plan);
  if (numbers.length === 0 || (numbers.length === 1 && numbers[0] === own - 1)) return '';
  return `after ${ranges(numbers)}`;
}

/** `1–4, 7` */
function ranges(numbers: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const number of numbers) {
    const last = runs.at(-1);
    if (last?.[1] === number - 1) last[1] = number;
    else runs.push([number, number]);
  }
  return runs
    .map(([from, to]) => (from === to ? String(from) : `${from}${to === from + 1 ? ', ' : '-'}${to}`))
    .join(', ');
}

function detailLines({ label, text, prose }: ActionLine, indent: string, room: number, colours: Colours): string[] {
  const left = indent + colours.quiet(padEnd(label, LABEL_WIDTH)) + '  ';
  const hanging = ' '.repeat(indent.length + LABEL_WIDTH + 2 + 2);
  const lines = prose === true ? wrap(text, Math.max(30, room - LABEL_WIDTH - 4)) : [text];
  return lines.map((line, index) => ((index === 0 ? left : hanging) + paintHoles(line, colours)).trimEnd());
}

/** Values that only the run will know stand out. A literal `$${` is no hole (lib/base/text.ts). */
function paintHoles(line: string, colours: Colours): string {
  return line.replace(/\$\$\{|\$\{[\w-]+\}/g, (found) => (found === '$${' ? found : colours.hole(found)));
}

function bindLines({ binds = {} }: Step): ActionLine[] {
  return Object.entries(binds).map(([hole, field]) => ({
    label: 'gives',
    text: hole === field ? `\${${hole}}` : `\${${hole}}, its ${field}`,
  }));
}

function undoLines({ undo }: Step, bindings: Bindings): ActionLine[] {
  return undo
    .flatMap((action) => actionLines(action, bindings))
    .map((line, index) => ({
      ...line,
      label: index === 0 ? 'undo' : '',
      text: line.label === '' ? `  ${line.text}` : `${line.label} ${line.text}`,
    }));
}

const stepNumber = (id: string, plan: Plan): number => plan.steps.findIndex((step) => step.id === id) + 1;
const numberWidth = (plan: Plan): number => String(plan.steps.length).length;

/** The title of a plan with its known values. */
export const planTitle = (plan: Plan): string => visible(show(plan.title, plan.bindings));
