import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cpuSet, vcpuListLines, type ListedVcpu } from '../../cli/print/vcpus.ts';

const vcpu: ListedVcpu = {
  domid: 1,
  name: 'web',
  vcpu: 0,
  online: true,
  running: false,
  blocked: true,
  cpu: 1,
  cpuSeconds: 12.34,
  affinity: { hard: [0, 1], soft: [0] },
};

describe('xl vcpu-list', () => {
  it('prints what stock xl prints', () => {
    expect(
      vcpuListLines(
        [vcpu, { ...vcpu, vcpu: 1, running: true, blocked: false }, { ...vcpu, vcpu: 2, online: false }],
        2,
      ),
    ).toEqual([
      'Name                                ID  VCPU   CPU State   Time(s) Affinity (Hard / Soft)',
      'web                                  1     0    1   -b-      12.3  all / 0',
      'web                                  1     1    1   r--      12.3  all / 0',
      'web                                  1     2    -   --p      12.3  all / 0',
    ]);
  });

  it.each([
    [[], 4, 'none'],
    [[0, 1, 2, 3], 4, 'all'],
    [[0], 1, 'all'],
    [[0, 1, 2], 4, '0-2'],
    [[1, 2, 3], 4, '1-3'],
    [[0, 2, 3], 4, '0,2-3'],
    [[0, 1, 2, 3, 5], 8, '0-3,5'],
    [[0, 1, 2, 3, 60, 63], 4, 'all'],
    [[7], 4, 'none'],
  ])('writes the CPUs %j of %i as %s', (members, cpus, words) => {
    expect(cpuSet(members, cpus)).toBe(words);
  });

  it('writes sets from which every CPU can be read again', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat({ max: 63 }), { minLength: 1 }), (picked) => {
        const members = picked.toSorted((a, b) => a - b);
        const read = cpuSet(members, 65)
          .split(',')
          .flatMap((run) => {
            const [first, last = first] = run.split('-').map(Number) as [number, number?];
            return Array.from({ length: last - first + 1 }, (_, index) => first + index);
          });
        expect(read).toEqual(members);
      }),
    );
  });
});
