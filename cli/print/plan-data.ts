import { isTemplate, show, type Bindings } from '../../lib/base/text.ts';
import type { Plan } from '../../lib/plan/step.ts';

/** A plan as JSON: every step as it will run, with holes as `${name}`. */
export function planData(plan: Plan): unknown {
  return {
    schema: 1,
    title: plan.title,
    bindings: plan.bindings,
    steps: plan.steps.map((step) => shown(step, plan.bindings)),
  };
}

/** Any part of a plan with its texts shown. */
function shown(value: unknown, bindings: Bindings): unknown {
  if (isTemplate(value) || typeof value === 'string') return show(value, bindings);
  if (Array.isArray(value)) return value.map((item) => shown(item, bindings));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, shown(item, bindings)]));
}
