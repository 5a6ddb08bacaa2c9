import type { Plan, Step } from '../../lib/plan/step.ts';

/** A step with nothing in it but what a test says. */
export function step(changes: Partial<Step> & Pick<Step, 'id' | 'action'>): Step {
  return { title: `do ${changes.id}`, why: 'a test', needs: [], undo: [], ...changes };
}

/** A step that writes one node and takes it away again. */
export function writeStep(id: string, needs: readonly string[] = [], path = `/test/${id}`): Step {
  return step({
    id,
    needs,
    action: { kind: 'store', transaction: true, ops: [{ op: 'write', path, value: id }] },
    undo: [{ kind: 'store', transaction: true, ops: [{ op: 'prune', path }] }],
  });
}

export const planOf = (...steps: readonly Step[]): Plan => ({ title: 'test', steps, bindings: {} });
