import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readCpuRange } from '../../lib/base/cpu-range.ts';

const host = { count: 8, ofNode: (node: number) => (node < 2 ? [0, 1, 2, 3].map((cpu) => cpu + 4 * node) : []) };

describe('a set of CPUs', () => {
  test.each<[string, number[] | null]>([
    ['0', [0]],
    ['0-3,5', [0, 1, 2, 3, 5]],
    ['all', [0, 1, 2, 3, 4, 5, 6, 7]],
    ['all,^1', [0, 2, 3, 4, 5, 6, 7]],
    ['0-7,^2-6', [0, 1, 7]],
    ['node:1', [4, 5, 6, 7]],
    ['nodes:0-1,^node:0,0', [0, 4, 5, 6, 7]],
    ['^3', []],
    ['5,2', [2, 5]],
    ['9', []],
    ['node:7', []],
    ['9-1', null],
    ['^all', null],
    ['x', null],
    ['1-', null],
    ['-1', null],
    ['1 2', null],
    ['node:', null],
    ['0-999999', null],
  ])('%s', (text, members) => {
    expect(readCpuRange(text, host)).toEqual(members);
  });

  test('that is written out is read back', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 7 }), { minLength: 1 }), (members) => {
        expect(readCpuRange(members.join(','), host)).toEqual(members.toSorted((a, b) => a - b));
      }),
    );
  });
});
