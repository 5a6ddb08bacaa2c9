import type { Diagnostic, XlError } from '../base/error.ts';

/** The step that an event is about, as a reader knows it. */
export interface StepLabel {
  readonly id: string;
  readonly title: string;
}

/**
 * What happens while a plan runs, in order. Every `started` step ends in exactly one of `finished`, `failed` (its own
 * error) and `stopped` (another step failed, or the user broke off). Durations are milliseconds.
 */
export type RunEvent =
  | { readonly kind: 'started'; readonly step: StepLabel }
  | { readonly kind: 'finished'; readonly step: StepLabel; readonly ms: number }
  /** A wait that takes long enough for a user to wonder: what for, and when it will be given up. */
  | { readonly kind: 'waiting'; readonly step: StepLabel; readonly subject: string; readonly timeoutMs: number }
  | { readonly kind: 'warning'; readonly step: StepLabel; readonly warning: Diagnostic }
  | { readonly kind: 'failed'; readonly step: StepLabel; readonly ms: number; readonly error: XlError }
  | { readonly kind: 'stopped'; readonly step: StepLabel; readonly ms: number }
  | { readonly kind: 'undoing'; readonly step: StepLabel }
  | { readonly kind: 'undone'; readonly step: StepLabel; readonly problems: readonly string[] };

/** When a step ran, in milliseconds since the run began. */
export interface StepTiming extends StepLabel {
  readonly startMs: number;
  readonly endMs: number;
}
