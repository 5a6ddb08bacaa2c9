import { messageOf, XlError } from '../base/error.ts';
import { boundOf, perform } from './actions/perform.ts';
import { within } from './bounds.ts';
import type { ActionContext } from './context.ts';
import type { FilledAction } from './fill.ts';
import type { Ports } from './ports.ts';

/** Whom an undo tells what; by default nobody. */
export interface UndoTalk {
  readonly warn?: ActionContext['warn'];
  readonly waiting?: ActionContext['waiting'];
}

/** Performs undo actions in order, each bounded, going on past failures; returns the failures in words. */
export async function undo(actions: readonly FilledAction[], ports: Ports, talk: UndoTalk = {}): Promise<string[]> {
  const problems: string[] = [];
  for (const action of actions) {
    const releases: (() => Promise<void>)[] = [];
    const context = (signal: AbortSignal): ActionContext => ({
      ports,
      signal,
      acting: () => Promise.resolve(),
      untouched: () => undefined,
      learned: () => Promise.resolve(),
      waiting: talk.waiting ?? (() => undefined),
      warn: talk.warn ?? (() => undefined),
      keep: (release) => releases.push(release),
    });
    const bound = boundOf(action);
    const late = (): XlError => new XlError('undo-timeout', `${action.kind} did not end within ${bound / 1000} s`);
    try {
      await within(
        ports.clock,
        bound,
        new AbortController().signal,
        (signal) => perform(action, context(signal)),
        late,
      );
    } catch (error) {
      problems.push(`${action.kind}: ${messageOf(error)}`);
    }
    for (const release of releases) await release().catch((error: unknown) => problems.push(messageOf(error)));
  }
  return problems;
}
