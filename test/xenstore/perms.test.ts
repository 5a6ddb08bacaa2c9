import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatPermission, mayRead, mayWrite, parsePermission, parsePermissions } from '../../lib/xenstore/perms.ts';
import type { Access } from '../../lib/xenstore/perms.ts';

describe('permissions', () => {
  test('what is printed is read again, in order, the owner first', () => {
    const permission = fc.record({
      domid: fc.nat({ max: 0xffff_ffff }),
      access: fc.constantFrom<Access>('none', 'read', 'write', 'both'),
    });
    fc.assert(
      fc.property(fc.array(permission, { minLength: 1 }), (list) => {
        expect(parsePermissions(list.map(formatPermission))).toEqual(list);
      }),
    );
  });

  test.each(['', 'r', 'rx', 'x0', 'R1', 'r1x', 'r 1', '1', 'rr1', 'r1.5'])('%j is no permission', (text) => {
    expect(parsePermission(text)).toBeNull();
  });

  test('a list needs an owner', () => {
    expect(parsePermissions([])).toBeNull();
    expect(parsePermissions(['n0', 'bad'])).toBeNull();
  });

  test.each([
    ['n5', false, false],
    ['r5', true, false],
    ['w5', false, true],
    ['b5', true, true],
  ])('%s reads: %s, writes: %s', (text, reads, writes) => {
    const { domid, access } = parsePermission(text)!;
    expect([domid, mayRead(access), mayWrite(access)]).toEqual([5, reads, writes]);
  });
});
