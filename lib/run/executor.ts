import { messageOf, XlError } from '../base/error.ts';
import type { Bindings } from '../base/text.ts';
import type { Plan, Step } from '../plan/step.ts';
import { boundOf, perform } from './actions/perform.ts';
import { abortedError, within } from './bounds.ts';
import type { ActionContext, ActionResult } from './context.ts';
import type { RunEvent, StepLabel, StepTiming } from './events.ts';
import { bindsOf, fillable, fillAction } from './fill.ts';
import { noJournal, openJournal, type Journal, type JournalPlace } from './journal.ts';
import type { Ports } from './ports.ts';
import { undo } from './undo.ts';
import { validatePlan } from './validate.ts';

export interface RunOptions {
  /** Fires on Ctrl-C: the run stops and takes back what it did. */
  readonly signal?: AbortSignal;
  /** Where to keep the way back on disk; without it a killed run leaves what it did. */
  readonly journal?: JournalPlace;
  /** Hears what happens, in order. One that throws is not called again; the run goes on. */
  readonly onEvent?: (event: RunEvent) => void;
  /** Values for holes, over those of the plan. */
  readonly bindings?: Bindings;
}

export interface RunResult {
  /** Every hole with its value. */
  readonly bindings: Bindings;
  /** One entry for each step, in order of starting. */
  readonly timings: readonly StepTiming[];
}

/**
 * Runs a plan: each step as soon as what it needs is done. When a step fails or the signal fires, nothing new starts,
 * what runs is told to stop, and what was done is taken back, last first. Throws the first failure as an XlError
 * whose evidence names the step and whatever could not be taken back; a TypeError for a plan that is no plan.
 */
export async function runPlan(plan: Plan, ports: Ports, options: RunOptions = {}): Promise<RunResult> {
  // The hole that every plan may use without binding it: xenstore's start_time has two decimals.
  const bindings = { start_time: ports.clock.now().toFixed(2), ...plan.bindings, ...options.bindings };
  const steps = validatePlan(plan, Object.keys(bindings));
  if (options.signal?.aborted === true) throw abortedError(plan.title);
  const journal = options.journal === undefined ? noJournal : await openJournal(options.journal, plan.title, ports);
  return new Run(plan, steps, ports, journal, bindings, options).execute();
}

class Run {
  private readonly plan: Plan;
  private readonly steps: readonly Step[];
  private readonly ports: Ports;
  private readonly journal: Journal;
  private readonly bindings: Record<string, string>;
  private readonly signal: AbortSignal | undefined;
  private listener: ((event: RunEvent) => void) | undefined;

  /** Steps that have (or may have) changed something, in order of ending. */
  private readonly trail: Step[] = [];
  private readonly kept: { readonly step: StepLabel; readonly release: () => Promise<void> }[] = [];
  private readonly timings: { -readonly [Key in keyof StepTiming]: StepTiming[Key] }[] = [];
  private readonly stopping = new AbortController();
  private failure: { error: XlError; step: Step | null } | null = null;
  private readonly laterFailures: string[] = [];
  private readonly beganAt: number;

  constructor(
    plan: Plan,
    steps: readonly Step[],
    ports: Ports,
    journal: Journal,
    bindings: Bindings,
    options: RunOptions,
  ) {
    this.plan = plan;
    this.steps = steps;
    this.ports = ports;
    this.journal = journal;
    this.bindings = { ...bindings };
    this.signal = options.signal;
    this.listener = options.onEvent;
    this.beganAt = ports.clock.monotonic();
  }

  async execute(): Promise<RunResult> {
    const breakOff = (): void => this.fail(abortedError(this.plan.title), null);
    this.signal?.addEventListener('abort', breakOff, { once: true });
    try {
      await this.runSteps();
      if (this.failure === null) await this.commit();
      if (this.failure !== null) throw await this.rollBack();
      return { bindings: this.bindings, timings: this.timings };
    } finally {
      await this.releaseKept();
      this.signal?.removeEventListener('abort', breakOff);
    }
  }

  /** What is done stands once its journal is gone: else a later command would take it back. */
  private async commit(): Promise<void> {
    try {
      await this.journal.end();
    } catch (error) {
      this.fail(asXlError(error, this.plan.title), null);
    }
  }

  /** Takes everything back; the error to throw. The journal stays where something could not be: it is tried once more. */
  private async rollBack(): Promise<XlError> {
    const leftovers = await this.takeBack();
    if (leftovers.length === 0) {
      await this.journal.end().catch((error: unknown) => leftovers.push(messageOf(error)));
    }
    return this.report(leftovers);
  }

  /** A lock that stays is no reason to fail: it is taken over once we are gone. */
  private async releaseKept(): Promise<void> {
    for (const { step, release } of this.kept.toReversed()) {
      await release().catch((error: unknown) => {
        const message = `could not give back what ${step.id} took: ${messageOf(error)}`;
        this.emit({ kind: 'warning', step, warning: { severity: 'warning', code: 'not-released', message } });
      });
    }
  }

  /** Each step waits for those that it needs; they come before it in `steps`. */
  private async runSteps(): Promise<void> {
    const done = new Map<string, Promise<boolean>>();
    for (const step of this.steps) {
      done.set(
        step.id,
        this.runWhenReady(
          step,
          step.needs.map((id) => done.get(id)!),
        ),
      );
    }
    await Promise.all(done.values());
  }

  private async runWhenReady(step: Step, needs: readonly Promise<boolean>[]): Promise<boolean> {
    const ready = (await Promise.all(needs)).every(Boolean);
    return ready && !this.stopping.signal.aborted && (await this.runStep(step));
  }

  /** Whether the step is done. Never rejects: a failure stops the run. */
  private async runStep(step: Step): Promise<boolean> {
    const startMs = this.elapsed();
    const timing = { ...labelOf(step), startMs, endMs: startMs };
    this.timings.push(timing);
    this.emit({ kind: 'started', step: labelOf(step) });
    const trace = { touched: false };
    try {
      const result = await this.act(step, trace);
      this.bind(step, result);
      if (trace.touched) await this.journal.will(step.id, fillable(step.undo, this.bindings));
      this.trail.push(step);
      timing.endMs = this.elapsed();
      this.emit({ kind: 'finished', step: labelOf(step), ms: timing.endMs - startMs });
      return true;
    } catch (error) {
      // A step that failed before its first effect has nothing to take back, and must not: what is there is another's.
      if (trace.touched) this.trail.push(step);
      else await this.journal.done(step.id).catch(() => undefined);
      timing.endMs = this.elapsed();
      this.stepFailed(step, error, timing.endMs - startMs);
      return false;
    }
  }

  private act(step: Step, trace: { touched: boolean }): Promise<ActionResult> {
    const action = fillAction(step.action, this.bindings);
    return within(
      this.ports.clock,
      boundOf(action),
      this.stopping.signal,
      (signal) => perform(action, this.contextOf(step, signal, trace)),
      () => timeoutError(step, boundOf(action)),
    );
  }

  private contextOf(step: Step, signal: AbortSignal, trace: { touched: boolean }): ActionContext {
    const label = labelOf(step);
    return {
      ports: this.ports,
      signal,
      acting: async () => {
        await this.journal.will(step.id, fillable(step.undo, this.bindings));
        trace.touched = true;
      },
      untouched: () => {
        trace.touched = false;
      },
      learned: async (fields) => {
        this.bind(step, fields);
        await this.journal.will(step.id, fillable(step.undo, this.bindings));
      },
      waiting: (subject, timeoutMs) => this.emit({ kind: 'waiting', step: label, subject, timeoutMs }),
      warn: (warning) => this.emit({ kind: 'warning', step: label, warning }),
      keep: (release) => this.kept.push({ step: label, release }),
    };
  }

  private bind(step: Step, fields: ActionResult): void {
    for (const [name, field] of Object.entries(bindsOf(step))) {
      const value = fields[field];
      if (value === undefined) throw new TypeError(`${step.id} did not find out ${field}`);
      this.bindings[name] = value;
    }
  }

  private stepFailed(step: Step, thrown: unknown, ms: number): void {
    if (this.stopping.signal.aborted && thrown === this.stopping.signal.reason) {
      this.emit({ kind: 'stopped', step: labelOf(step), ms });
      return;
    }
    const error = asXlError(thrown, step.title);
    this.emit({ kind: 'failed', step: labelOf(step), ms, error });
    this.fail(error, step);
  }

  /** The first failure speaks; later ones, of steps that ran beside it, come along as evidence. */
  private fail(error: XlError, step: Step | null): void {
    if (this.failure === null) this.failure = { error, step };
    else this.laterFailures.push(`${step?.id ?? this.plan.title}: ${error.message}`);
    this.stopping.abort(this.failure.error);
  }

  /** Undoes the trail, last first; returns what could not be undone, in words. */
  private async takeBack(): Promise<string[]> {
    const leftovers: string[] = [];
    for (const step of this.trail.toReversed()) {
      const actions = fillable(step.undo, this.bindings);
      if (actions.length === 0) continue;
      this.emit({ kind: 'undoing', step: labelOf(step) });
      const problems = await undo(actions, this.ports, {
        warn: (warning) => this.emit({ kind: 'warning', step: labelOf(step), warning }),
        waiting: (subject, timeoutMs) => this.emit({ kind: 'waiting', step: labelOf(step), subject, timeoutMs }),
      });
      if (problems.length === 0) await this.journal.done(step.id).catch(() => undefined);
      leftovers.push(...problems.map((problem) => `${step.id}: ${problem}`));
      this.emit({ kind: 'undone', step: labelOf(step), problems });
    }
    return leftovers;
  }

  private report(leftovers: readonly string[]): XlError {
    const { error, step } = this.failure!;
    return new XlError(error.code, error.message, {
      where: error.where,
      hint: error.hint,
      exitCode: error.exitCode,
      diagnostics: error.diagnostics,
      messages: error.messages,
      cause: error.cause ?? error,
      evidence: [
        ...error.evidence,
        ...(step === null ? [] : [{ title: 'step', lines: [`${step.id}: ${step.title}`, step.why] }]),
        ...(this.laterFailures.length === 0 ? [] : [{ title: 'failed beside it', lines: this.laterFailures }]),
        ...(leftovers.length === 0 ? [] : [{ title: 'could not be taken back', lines: leftovers }]),
      ],
    });
  }

  private emit(event: RunEvent): void {
    try {
      this.listener?.(event);
    } catch {
      // A progress line that cannot be drawn must not leave half a domain behind.
      this.listener = undefined;
    }
  }

  private elapsed(): number {
    return this.ports.clock.monotonic() - this.beganAt;
  }
}

const labelOf = ({ id, title }: Step): StepLabel => ({ id, title });

const timeoutError = (step: Step, ms: number): XlError =>
  new XlError('step-timeout', `could not ${step.title} within ${ms / 1000} s`);

/** Anything else than an XlError is a surprise from below; it is kept as the cause. */
function asXlError(thrown: unknown, task: string): XlError {
  if (thrown instanceof XlError) return thrown;
  return new XlError('step-failed', `could not ${task}: ${messageOf(thrown)}`, { cause: thrown });
}
