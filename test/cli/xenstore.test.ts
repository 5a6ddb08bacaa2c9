import { describe, expect, it } from 'vitest';
import { escapeValue, xenstoreLines } from '../../cli/print/xenstore.ts';
import { hole, t } from '../../lib/base/text.ts';
import type { Plan, StoreOp } from '../../lib/plan/step.ts';

const planOf = (...ops: StoreOp[]): Plan => ({
  title: 'test',
  bindings: {},
  steps: [{ id: 'x', title: '', why: '', needs: [], action: { kind: 'store', transaction: true, ops }, undo: [] }],
});

describe('the xenstore form of a plan', () => {
  it('prints each node with the permissions in force, in the order of writing', () => {
    const D = hole('domid');
    const lines = xenstoreLines(
      planOf(
        { op: 'write', path: t`/local/domain/${D}`, value: '', perms: ['n0', t`r${D}`] },
        { op: 'write', path: t`/local/domain/${D}/name`, value: 'web' },
        { op: 'write', path: t`/local/domain/${D}/data`, value: '', perms: [t`n${D}`] },
        { op: 'write', path: t`/local/domain/${D}/data/deep/er`, value: '1' },
        { op: 'write', path: t`/local/domain/${D}/name`, value: 'again' },
      ),
    );
    expect(lines).toEqual([
      '/local/domain/${domid} = ""   (n0,r${domid})',
      '/local/domain/${domid}/name = "again"   (n0,r${domid})',
      '/local/domain/${domid}/data = ""   (n${domid})',
      '/local/domain/${domid}/data/deep = ""   (n${domid})',
      '/local/domain/${domid}/data/deep/er = "1"   (n${domid})',
    ]);
  });

  it('leaves out what is removed again, and what is only changed where it is', () => {
    expect(
      xenstoreLines(
        planOf(
          { op: 'write', path: '/a/b', value: '1' },
          { op: 'write', path: '/a/bc', value: '1' },
          { op: 'rm', path: '/a/b' },
          { op: 'write-if-present', path: '/gone', value: '2' },
          { op: 'write-if-present', path: '/a/bc', value: '3' },
        ),
      ),
    ).toEqual(['/a/bc = "3"   (n0)']);
  });

  // As xenstore-ls of Debian's xenstore-utils 4.17 printed them.
  it.each([
    ['\u0000', '\\000'],
    ['\u0007', '\\007'],
    ['\b', '\\x08'],
    ['\t\n\r', '\\t\\n\\r'],
    ['\u001f', '\\x1f'],
    ['a"b\'c ~', 'a"b\'c ~'],
    ['\\', '\\\\'],
    ['\u007f', '\\x7f'],
    ['é', '\\xc3\\xa9'],
  ])('escapes %j as xenstore-ls does', (value, escaped) => {
    expect(escapeValue(value)).toBe(escaped);
  });
});
