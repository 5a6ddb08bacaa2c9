import { describe, expect, it } from 'vitest';
import {
  fillTables,
  type Mapping,
  pagingOf,
  planTables,
  type TableRun,
} from '../../../lib/xen/build/pv-page-tables.ts';

const four = pagingOf(64);

/** Level, first table, how many: what tests compare. */
const shape = (runs: readonly TableRun[]) => runs.map(({ level, first, count }) => [level, first, count]);

describe('the tables of a mapping', () => {
  it.each<[string, number, number, [number, number, number][]]>([
    [
      'one page',
      0,
      1,
      [
        [4, 0, 1],
        [3, 0, 1],
        [2, 0, 1],
        [1, 0, 1],
      ],
    ],
    [
      'a whole table of level 1',
      512,
      512,
      [
        [4, 0, 1],
        [3, 0, 1],
        [2, 0, 1],
        [1, 1, 1],
      ],
    ],
    [
      'two pages of two tables',
      511,
      2,
      [
        [4, 0, 1],
        [3, 0, 1],
        [2, 0, 1],
        [1, 0, 2],
      ],
    ],
    [
      'two pages of two tables everywhere',
      2 ** 27 - 1,
      2,
      [
        [4, 0, 1],
        [3, 0, 2],
        [2, 511, 2],
        [1, 2 ** 18 - 1, 2],
      ],
    ],
    [
      'the last page',
      2 ** 36 - 1,
      1,
      [
        [4, 0, 1],
        [3, 511, 1],
        [2, 2 ** 18 - 1, 1],
        [1, 2 ** 27 - 1, 1],
      ],
    ],
  ])('of %s', (_, page, pages, expected) => {
    expect(shape(planTables(four, { page, pages }, [], 100))).toEqual(expected);
  });

  it('lie one behind the other, the top one first', () => {
    const runs = planTables(four, { page: 511, pages: 2 }, [], 100);
    expect(runs.map(({ pfn }) => pfn)).toEqual([100, 101, 102, 103]);
  });

  it.each<[string, TableRun[], [number, number, number][]]>([
    ['nothing', [], [[1, 10, 5]]],
    ['others', [{ level: 1, first: 20, count: 5, pfn: 1 }], [[1, 10, 5]]],
    ['the same of another level', [{ level: 2, first: 10, count: 5, pfn: 1 }], [[1, 10, 5]]],
    ['all', [{ level: 1, first: 9, count: 9, pfn: 1 }], []],
    ['the first', [{ level: 1, first: 8, count: 3, pfn: 1 }], [[1, 11, 4]]],
    ['the last', [{ level: 1, first: 14, count: 3, pfn: 1 }], [[1, 10, 4]]],
    [
      'some in the middle',
      [{ level: 1, first: 12, count: 1, pfn: 1 }],
      [
        [1, 10, 2],
        [1, 13, 2],
      ],
    ],
    [
      'two in the middle',
      [
        { level: 1, first: 11, count: 1, pfn: 1 },
        { level: 1, first: 13, count: 1, pfn: 2 },
      ],
      [
        [1, 10, 1],
        [1, 12, 1],
        [1, 14, 1],
      ],
    ],
  ])('are only those missing where there is %s', (_, present, expected) => {
    const mapping = { page: 10 * 512, pages: 5 * 512 };
    expect(shape(planTables(four, mapping, present, 0)).filter(([level]) => level === 1)).toEqual(expected);
  });
});

describe('a filled table', () => {
  const mapping: Mapping = { page: 510, pfn: 0, pages: 4 };
  const runs = planTables(four, mapping, [], 2);
  const mfns = Uint32Array.of(0xffffffff, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70);
  const words = fillTables(runs, runs, [mapping], mfns);
  const entry = (table: number, slot: number) => {
    const at = (table * 512 + slot) * 2;
    return (BigInt(words[at + 1]!) << 32n) | BigInt(words[at]!);
  };

  it('names machine frames, of any address', () => {
    expect(entry(3, 510)).toBe(0xffffffff023n);
    expect(entry(3, 511)).toBe(0x10023n);
  });

  it('shows tables read-only', () => {
    expect([entry(4, 0), entry(4, 1)]).toEqual([0x20021n, 0x30021n]);
  });

  it('leads from the top to the pages', () => {
    expect([entry(0, 0), entry(1, 0), entry(2, 0), entry(2, 1)]).toEqual([0x30067n, 0x40067n, 0x50067n, 0x60067n]);
  });

  it('holds nothing else', () => {
    expect(words.filter((word) => word !== 0)).toHaveLength(9);
  });
});
