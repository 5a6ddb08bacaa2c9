import { describe, expect, it } from 'vitest';
import { planLines, stepHead } from '../../cli/print/plan-text.ts';
import { planData } from '../../cli/print/plan-data.ts';
import { hole, t } from '../../lib/base/text.ts';
import type { Plan, Step } from '../../lib/plan/step.ts';
import { plainStyle } from './recording-terminal.ts';

const step = (id: string, needs: string[], more: Partial<Step> = {}): Step => ({
  id,
  title: `do ${id}`,
  why: `${id} is needed`,
  needs,
  action: { kind: 'lock', path: `/run/${id}`, timeoutMs: 500 },
  undo: [],
  ...more,
});
const planOf = (...steps: Step[]): Plan => ({ title: 'test', bindings: {}, steps });

describe('a plan for people', () => {
  it('numbers its steps and names those that each waits for, but for the one above', () => {
    const plan = planOf(
      step('a', []),
      step('b', ['a']),
      step('c', ['a']),
      step('d', ['a', 'b', 'c']),
      step('e', ['a', 'c', 'd']),
    );
    const heads = plan.steps.map((each) => stepHead(each, plan, { ...plainStyle, width: 40 }));
    expect(heads).toEqual([
      '  1  do a',
      '  2  do b',
      '  3  do c                        after 1',
      '  4  do d                      after 1-3',
      '  5  do e                  after 1, 3, 4',
    ]);
  });

  it('prints action, what it gives and how it is taken back', () => {
    const plan = planOf(
      step('make', [], {
        action: { kind: 'hypercall', call: { op: 'max_mem', domid: hole('domid'), maxKiB: 64 } },
        binds: { domid: 'domid', 'store-port': 'port' },
        undo: [
          { kind: 'hypercall', call: { op: 'destroydomain', domid: hole('domid') } },
          { kind: 'file', op: 'remove', path: t`/run/${hole('domid')}` },
        ],
      }),
    );
    expect(planLines(plan, plainStyle)).toEqual([
      '',
      '  1  do make',
      '     make is needed',
      '     hypercall  max_mem domid=${domid} maxKiB=64',
      '     gives      ${domid}',
      '     gives      ${store-port}, its port',
      '     undo       hypercall destroydomain domid=${domid}',
      '                file remove /run/${domid}',
    ]);
  });

  it('gathers writes of one directory, with permissions where they change', () => {
    const plan = planOf(
      step('nodes', [], {
        action: {
          kind: 'store',
          transaction: true,
          ops: [
            { op: 'rm', path: '/a' },
            { op: 'mkdir', path: '/a', perms: ['n1', 'r0'] },
            { op: 'write', path: '/a/b', value: '1', perms: ['n1', 'r0'] },
            { op: 'write', path: '/a/c', value: '2', perms: ['n0'] },
            { op: 'write', path: '/d/e', value: '3' },
            { op: 'prune', path: '/f' },
          ],
        },
      }),
    );
    expect(planLines(plan, plainStyle).slice(3)).toEqual([
      '     store      in one transaction',
      '                /a/  (n1,r0)  made anew',
      '                  b = "1"',
      '                  c = "2"  (n0)',
      '                /d/e = "3"',
      '                remove /f and the parents that this leaves empty',
    ]);
  });

  it('keeps literal text apart from holes, and control characters from the terminal', () => {
    const write: Step['action'] = {
      kind: 'store',
      transaction: false,
      ops: [{ op: 'write', path: '/x', value: '${domid}\u001b[2J' }],
    };
    const plan = planOf(step('x', [], { action: write }));
    expect(planLines(plan, plainStyle).at(-1)).toBe('     store      /x = "$${domid}\\x1b[2J"');
    expect(JSON.stringify(planData(plan))).toContain('$${domid}\\u001b[2J');
  });
});
