import { shellLines } from '../../lib/base/shell.ts';
import { unreachable } from '../../lib/base/error.ts';
import type { Plan } from '../../lib/plan/step.ts';
import type { PlanFormat } from '../commands/index.ts';
import type { Style, Terminal } from '../terminal.ts';
import { coloursOf } from './colours.ts';
import { planData } from './plan-data.ts';
import { planLines, planTitle } from './plan-text.ts';
import { xenstoreLines } from './xenstore.ts';

/** Prints a plan on stdout. `page` is what a person reads above the steps; other forms are the plan alone. */
export function printPlan(plan: Plan, format: PlanFormat, terminal: Terminal, page: (style: Style) => string[]): void {
  const { outStyle } = terminal;
  switch (format) {
    case 'text':
      printLines(terminal, [
        coloursOf(outStyle).strong(planTitle(plan)),
        ...page(outStyle),
        ...planLines(plan, outStyle),
      ]);
      return;
    case 'qemu':
      printCommandLines(plan, terminal);
      return;
    case 'xenstore':
      printLines(terminal, xenstoreLines(plan));
      return;
    case 'json':
      terminal.out(`${JSON.stringify(planData(plan), null, 2)}\n`);
      return;
    default:
      unreachable(format);
  }
}

/** The command lines of the processes that a plan starts, to be pasted into a shell; stdout stays empty without any. */
function printCommandLines(plan: Plan, terminal: Terminal): void {
  const commands = plan.steps.flatMap(({ action }) =>
    action.kind === 'spawn' ? [shellLines(action.argv, plan.bindings)] : [],
  );
  if (commands.length === 0) terminal.err('no QEMU is started: nothing in this plan needs one\n');
  else
    printLines(
      terminal,
      commands.flatMap((lines, index) => (index === 0 ? lines : ['', ...lines])),
    );
}

function printLines(terminal: Terminal, lines: readonly string[]): void {
  if (lines.length > 0) terminal.out(`${lines.join('\n')}\n`);
}
