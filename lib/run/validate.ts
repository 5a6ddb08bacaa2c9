import { unreachable } from '../base/error.ts';
import type { Action, Plan, Step } from '../plan/step.ts';
import { bindsOf, holesIn } from './fill.ts';

/**
 * Checks what only a planner can get wrong, before anything runs: ids, needs, cycles, holes that nothing binds in
 * time. `bound` names the holes that have values from the start. Returns the steps so that each comes after what it
 * needs, else in the plan's order. Throws a TypeError that lists every fault.
 */
export function validatePlan(plan: Plan, bound: readonly string[]): readonly Step[] {
  const steps = new Map(plan.steps.map((step) => [step.id, step]));
  const faults = [...idFaults(plan, steps), ...plan.steps.flatMap(fieldFaults), ...plan.steps.flatMap(storeFaults)];
  const ordered = inOrder(plan, steps);
  if (ordered.length < plan.steps.length && faults.length === 0) faults.push(...cycleFaults(plan, ordered));
  else if (faults.length === 0) faults.push(...holeFaults(ordered, bound));
  if (faults.length > 0) throw new TypeError(`the plan "${plan.title}" is wrong: ${faults.join('; ')}`);
  return ordered;
}

/** Names of all holes in a plan, bound by its own steps or not: what `--assume NAME=VALUE` may fill. */
export function holesOfPlan(plan: Plan): string[] {
  return [...new Set([...holesIn(plan.steps), ...plan.steps.flatMap((step) => Object.keys(bindsOf(step)))])];
}

function idFaults(plan: Plan, steps: ReadonlyMap<string, Step>): string[] {
  const seen = new Set<string>();
  return plan.steps.flatMap((step) => {
    const faults = step.needs.filter((id) => !steps.has(id)).map((id) => `${step.id} needs ${id}, which is no step`);
    if (seen.has(step.id)) faults.push(`two steps are called ${step.id}`);
    seen.add(step.id);
    return faults;
  });
}

function fieldFaults(step: Step): string[] {
  const fields = fieldsOf(step.action);
  return Object.values(step.binds ?? {})
    .filter((field) => !fields.includes(field))
    .map((field) => `${step.id} binds ${field}, which ${step.action.kind} does not find out`);
}

/** The fields that an action finds out; a QMP command's answers go into the holes that it takes them to. */
function fieldsOf(action: Action): readonly string[] {
  switch (action.kind) {
    case 'hypercall':
      return HYPERCALL_FIELDS[action.call.op] ?? [];
    case 'spawn':
      return ['pid'];
    case 'wait':
      return ['value'];
    case 'qmp':
    case 'store':
    case 'kill':
    case 'hotplug':
    case 'block':
    case 'file':
    case 'lock':
      return [];
    default:
      return unreachable(action);
  }
}

/** lib/plan/hypercall.ts: what each request answers. */
const HYPERCALL_FIELDS: Readonly<Record<string, readonly string[]>> = {
  createdomain: ['domid'],
  evtchn_alloc_unbound: ['port'],
  build: ['store-gfn', 'console-gfn'],
};

/** XS_INTRODUCE and XS_RELEASE take effect at once, so a transaction could not take them back. */
function storeFaults(step: Step): string[] {
  return [step.action, ...step.undo].flatMap((action) =>
    action.kind === 'store' && action.transaction
      ? action.ops
          .filter(({ op }) => op === 'introduce' || op === 'release')
          .map(({ op }) => `${step.id} has ${op} in a transaction`)
      : [],
  );
}

/** The steps with each after its needs, else in the plan's order; those on or behind a cycle are left out. */
function inOrder(plan: Plan, steps: ReadonlyMap<string, Step>): Step[] {
  const open = new Map<string, number>();
  const dependents = new Map<string, Step[]>();
  for (const step of steps.values()) {
    const needs = new Set(step.needs.filter((id) => steps.has(id)));
    open.set(step.id, needs.size);
    for (const id of needs) dependents.set(id, [...(dependents.get(id) ?? []), step]);
  }
  const ordered = plan.steps.filter((step) => open.get(step.id) === 0);
  // The list grows while it is walked: a step joins when the last step that it needs has come by.
  for (const { id } of ordered) {
    for (const dependent of dependents.get(id) ?? []) {
      const left = open.get(dependent.id)! - 1;
      open.set(dependent.id, left);
      if (left === 0) ordered.push(dependent);
    }
  }
  return ordered;
}

function cycleFaults(plan: Plan, ordered: readonly Step[]): string[] {
  const placed = new Set(ordered.map(({ id }) => id));
  const stuck = plan.steps.filter(({ id }) => !placed.has(id)).map(({ id }) => id);
  return [`these steps wait for each other: ${stuck.join(', ')}`];
}

function holeFaults(ordered: readonly Step[], bound: readonly string[]): string[] {
  const faults: string[] = [];
  const binders = new Map<string, string>();
  for (const step of ordered) {
    for (const name of Object.keys(bindsOf(step))) {
      if (binders.has(name) || bound.includes(name)) faults.push(`${step.id} binds \${${name}} a second time`);
      binders.set(name, step.id);
    }
  }
  const behind = new Map([...binders].map(([name, binder]) => [name, stepsBehind(binder, ordered)]));
  for (const step of ordered) {
    const inTime = (name: string): boolean => bound.includes(name) || (behind.get(name)?.has(step.id) ?? false);
    const own = Object.keys(bindsOf(step));
    for (const name of holesIn(step.action)) {
      if (!inTime(name)) faults.push(`nothing that ${step.id} needs binds \${${name}}`);
    }
    for (const name of holesIn(step.undo)) {
      if (!inTime(name) && !own.includes(name)) faults.push(`nothing binds \${${name}} for the undo of ${step.id}`);
    }
  }
  return faults;
}

/** Ids of the steps that run only after this one. */
function stepsBehind(id: string, ordered: readonly Step[]): ReadonlySet<string> {
  const behind = new Set<string>();
  for (const step of ordered) {
    if (step.needs.some((need) => need === id || behind.has(need))) behind.add(step.id);
  }
  return behind;
}
