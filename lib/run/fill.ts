import { fill, isTemplate, type Bindings, type Template } from '../base/text.ts';
import type { Action, Step } from '../plan/step.ts';

/** A part of a plan with every text filled: the same shape, plain strings where the holes were. */
export type Filled<T> = T extends Template
  ? string
  : T extends readonly (infer Item)[]
    ? readonly Filled<Item>[]
    : T extends object
      ? { readonly [Key in keyof T]: Filled<T[Key]> }
      : T;

/** An action that can be performed, or written into the journal, as it is. */
export type FilledAction = Filled<Action>;

/** The action of one kind, filled. */
export type FilledActionOf<Kind extends Action['kind']> = Filled<Extract<Action, { kind: Kind }>>;

/** Fills every hole of an action. Throws a TypeError that names the first hole that nothing has bound. */
export function fillAction(action: Action, bindings: Bindings): FilledAction {
  return fillDeep(action, bindings) as FilledAction;
}

/** The actions whose holes are all bound, filled: what is left out has had nothing to act on so far. */
export function fillable(actions: readonly Action[], bindings: Bindings): FilledAction[] {
  return actions
    .filter((action) => holesIn(action).every((name) => Object.hasOwn(bindings, name)))
    .map((action) => fillAction(action, bindings));
}

/** Names of all holes anywhere in a value, each once, in order of appearance. */
export function holesIn(value: unknown): string[] {
  const names = new Set<string>();
  collectHoles(value, names);
  return [...names];
}

function collectHoles(value: unknown, names: Set<string>): void {
  if (typeof value !== 'object' || value === null) return;
  if (isTemplate(value)) {
    for (const part of value.parts) if (typeof part !== 'string') names.add(part.hole);
    return;
  }
  for (const inner of Object.values(value)) collectHoles(inner, names);
}

function fillDeep(value: unknown, bindings: Bindings): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (isTemplate(value)) return fill(value, bindings);
  if (Array.isArray(value)) return value.map((item: unknown) => fillDeep(item, bindings));
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, fillDeep(inner, bindings)]));
}

/** The holes that a step fills, each with the field of its action's result. QMP commands name theirs themselves. */
export function bindsOf({ action, binds = {} }: Step): Readonly<Record<string, string>> {
  if (action.kind !== 'qmp') return binds;
  const taken = action.commands.flatMap(({ takes = {} }) => Object.keys(takes));
  return { ...binds, ...Object.fromEntries(taken.map((name) => [name, name])) };
}
