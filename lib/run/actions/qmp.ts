import { XlError } from '../../base/error.ts';
import type { ActionContext, ActionResult } from '../context.ts';
import type { FilledActionOf } from '../fill.ts';

/**
 * Sends commands to a monitor, in order. A field that the step binds is a path into the answers: `return.0.filename`
 * in the last command's answer, `1.return.status` in that of command 1 (they count from 0).
 */
export async function performQmp(action: FilledActionOf<'qmp'>, context: ActionContext): Promise<ActionResult> {
  await context.acting();
  const answers = await context.ports.monitors.execute(action.socket, action.commands, {
    timeoutMs: action.timeoutMs,
    signal: context.signal,
  });
  return Object.fromEntries(context.wanted.map((field) => [field, pick(answers, field)]));
}

function pick(answers: readonly unknown[], field: string): string {
  const [command, path] = splitField(field, answers.length);
  const value = path.reduce<unknown>(child, answers[command]);
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new XlError('qmp-answer-unexpected', `QEMU's answer has no text or number at ${field}`, {
    evidence: [{ title: 'answer', lines: [JSON.stringify(answers[command] ?? null).slice(0, 400)] }],
  });
}

function splitField(field: string, count: number): [command: number, path: string[]] {
  const [head, ...rest] = field.split('.');
  return head === 'return' ? [count - 1, rest] : [Number(head), rest.slice(1)];
}

function child(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}
