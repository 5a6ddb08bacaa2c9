import type { Diagnostic } from '../base/error.ts';
import type { Ports } from './ports.ts';

/** What an action found out, as texts for the step's holes. */
export type ActionResult = Readonly<Record<string, string>>;

/** What an action has at hand while it is performed, and whom it tells what. */
export interface ActionContext {
  readonly ports: Ports;
  /** Fires when the run stops; an action ends soon after. */
  readonly signal: AbortSignal;
  /** Called before the first effect, and awaited: only then is the way back on disk. */
  acting(): Promise<void>;
  /** Takes `acting` back: whatever was tried has left no trace (a transaction that did not commit). */
  untouched(): void;
  /** Fields that are known before the action ends (a pid), so that it can be undone from here on. */
  learned(fields: ActionResult): Promise<void>;
  waiting(subject: string, timeoutMs: number): void;
  warn(warning: Diagnostic): void;
  /** Keeps something until the run is over, undo included. */
  keep(release: () => Promise<void>): void;
}
