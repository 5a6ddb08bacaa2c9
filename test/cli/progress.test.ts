import { describe, expect, it } from 'vitest';
import { progress } from '../../cli/print/progress.ts';
import { timingLines } from '../../cli/print/timing.ts';
import { XlError } from '../../lib/base/error.ts';
import type { Plan } from '../../lib/plan/step.ts';
import { plainStyle, recordingTerminal } from './recording-terminal.ts';

const plan: Plan = {
  title: 'test',
  bindings: {},
  steps: ['first', 'second'].map((id) => ({
    id,
    title: `the ${id} step`,
    why: '',
    needs: [],
    action: { kind: 'lock', path: '/x', timeoutMs: 1 },
    undo: [],
  })),
};
const [first, second] = plan.steps as [Plan['steps'][number], Plan['steps'][number]];

describe('progress', () => {
  it('ticks each step when it ends, in plain lines where nothing can be drawn over', () => {
    const terminal = recordingTerminal();
    const { onEvent, end } = progress(plan, terminal);
    onEvent({ kind: 'started', step: first });
    onEvent({ kind: 'started', step: second });
    onEvent({ kind: 'waiting', step: first, subject: 'the backend of xvda', timeoutMs: 10_000 });
    onEvent({ kind: 'finished', step: second, ms: 12.3 });
    onEvent({ kind: 'failed', step: first, ms: 2345, error: new XlError('x', 'y') });
    onEvent({ kind: 'undoing', step: second });
    onEvent({ kind: 'undone', step: second, problems: [] });
    end();
    expect(terminal.stderr()).toBe(
      [
        '    waiting for the backend of xvda, up to 10 s',
        '✓ 2  the second step  12 ms',
        '✗ 1  the first step   failed after 2.3 s',
        '↶ 2  the second step  taken back',
        '',
      ].join('\n'),
    );
  });

  it('speaks ASCII where the terminal does', () => {
    const terminal = recordingTerminal({ unicode: false });
    progress(plan, terminal).onEvent({ kind: 'finished', step: first, ms: 0.04 });
    expect(terminal.stderr()).toBe('+ 1  the first step   0.0 ms\n');
  });

  it('erases exactly the lines that it has drawn, and leaves none behind', () => {
    const terminal = recordingTerminal({ live: true, width: 30 });
    const { onEvent, end } = progress(plan, terminal);
    onEvent({ kind: 'started', step: first });
    onEvent({ kind: 'started', step: second });
    onEvent({ kind: 'finished', step: first, ms: 1 });
    end();
    expect(screen(terminal.stderr())).toEqual(['✓ 1  the first step   1 ms', '']);
  });
});

/** What a terminal shows after the only two sequences that are used: cursor up, erase below. */
function screen(output: string): string[] {
  let lines = [''];

  for (const piece of output.split(/(\u001b\[\d*[AJ])/)) {
    const up = /^\u001b\[(\d+)A$/.exec(piece);
    if (up !== null) lines = [...lines.slice(0, lines.length - 1 - Number(up[1])), ''];
    else if (!piece.startsWith('\u001b')) {
      const [head = '', ...rest] = piece.split('\n');
      lines = [...lines.slice(0, -1), (lines.at(-1) ?? '') + head, ...rest];
    }
  }
  return lines;
}

describe('the timing table', () => {
  it('shows when each step ran, as numbers and as bars', () => {
    const timings = [
      { id: 'first', title: 'the first step', startMs: 0, endMs: 500 },
      { id: 'second', title: 'the second step', startMs: 500, endMs: 1000 },
    ];
    expect(timingLines(timings, { ...plainStyle, width: 60 })).toEqual([
      'step                 at    took',
      'the first step   0.0 ms  500 ms  ━━━━━━━━━━━━━',
      'the second step  500 ms  500 ms              ━━━━━━━━━━━━━',
      'in all                    1.0 s',
    ]);
  });

  it('drops the bars on a narrow screen', () => {
    expect(timingLines([], { ...plainStyle, width: 40 }).join('')).not.toContain('━');
  });
});
