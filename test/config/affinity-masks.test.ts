import { describe, expect, test } from 'vitest';
import { maskAffinity, readAffinityMasks } from '../../lib/config/affinity-masks.ts';

const host = {
  cpus: 8,
  nodes: [
    [0, 1, 2, 3],
    [4, 5, 6, 7],
  ],
};
const all = [0, 1, 2, 3, 4, 5, 6, 7];
const masksOf = (text: string) => readAffinityMasks(text, '/etc/xen/xl.conf');

describe('the masks of xl.conf', () => {
  test.each([
    ['', 'pv', all],
    ['# comments only\nautoballoon="auto"\n', 'hvm', all],
    ['vm.cpumask="2-5"\n', 'pv', [2, 3, 4, 5]],
    ['vm.cpumask="2-5"\nvm.pv.cpumask="nodes:1"\nvm.hvm.cpumask="0-3"\n', 'pv', [4, 5]],
    ['vm.cpumask="2-5"\nvm.pv.cpumask="nodes:1"\nvm.hvm.cpumask="0-3"\n', 'hvm', [2, 3]],
    ['vm.hvm.cpumask="all,^0"\n', 'pvh', [1, 2, 3, 4, 5, 6, 7]],
    ['vm.hvm.cpumask="3"\n', 'pv', all],
    ['vm.pv.cpumask=3\n', 'pv', [3]],
  ] as const)('%j leave a %s guest the CPUs %j', (text, type, expected) => {
    expect(maskAffinity(all, masksOf(text), type, host)).toEqual(expected);
  });

  test('that leave nothing are an error which names them', () => {
    expect(() => maskAffinity([0, 1], masksOf('vm.cpumask="4"\nvm.hvm.cpumask="0-4"\n'), 'pvh', host)).toThrow(
      expect.objectContaining({
        code: 'affinity-empty',
        message: 'vcpu hard affinity map is empty',
        hint: 'vm.cpumask and vm.hvm.cpumask of xl.conf leave none of these CPUs; -i goes past it',
      }) as Error,
    );
  });

  test.each([
    ['vm.cpumask="x"\n', 'cpus-range', 1],
    ['\nvm.pv.cpumask=["1"]\n', 'xl-conf-type', 2],
  ])('that cannot be read, %j, are shown in their place', (text, code, line) => {
    expect(() => masksOf(text)).toThrow(
      expect.objectContaining({
        code,
        where: expect.objectContaining({ source: '/etc/xen/xl.conf', line }) as unknown,
      }) as Error,
    );
  });
});
