import { XlError } from '../../base/error.ts';
import type { Take } from '../../plan/step.ts';
import type { ActionContext, ActionResult } from '../context.ts';
import { printable } from '../evidence.ts';
import type { FilledActionOf } from '../fill.ts';

/** Sends commands to a monitor, in order; finds out what they take from their answers, by the holes' names. */
export async function performQmp(action: FilledActionOf<'qmp'>, context: ActionContext): Promise<ActionResult> {
  await context.acting();
  const answers = await context.ports.monitors.execute(
    action.socket,
    action.commands.map(({ execute, arguments: words }) => ({ execute, ...(words && { arguments: words }) })),
    { timeoutMs: action.timeoutMs, signal: context.signal },
  );
  const found = action.commands.flatMap(({ execute, takes = {} }, index) =>
    Object.entries(takes).map(([name, take]) => [name, pick(answers[index], take, execute)] as const),
  );
  return Object.fromEntries(found);
}

function pick(answer: unknown, take: Take, command: string): string {
  const { where, field, after = '' } = take;
  const holder = where === undefined ? answer : asList(answer).find((item) => fieldOf(item, where.field) === where.is);
  const value = fieldOf(holder, field);
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') {
    throw unexpected(answer, take, command);
  }
  const text = String(value);
  return text.startsWith(after) ? text.slice(after.length) : '';
}

const asList = (answer: unknown): readonly unknown[] => (Array.isArray(answer) ? answer : []);

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}

function unexpected(answer: unknown, { where, field }: Take, command: string): XlError {
  const of = where === undefined ? '' : ` for ${where.field} ${where.is}`;
  return new XlError('qmp-answer-unexpected', `QEMU’s answer to ${command} has no ${field}${of}`, {
    evidence: [{ title: 'answer', lines: [printable(JSON.stringify(answer ?? null))] }],
  });
}
