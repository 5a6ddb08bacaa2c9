import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hole, t } from '../../lib/base/text.ts';
import { escapeCommas, optionString } from '../../lib/qemu/option-string.ts';

describe('an option string', () => {
  test('leaves out what is null and keeps the order', () => {
    const text = optionString('socket', [
      ['id', 'a'],
      ['path', null],
      ['fd', 3],
    ]);
    expect(text).toBe('socket,id=a,fd=3');
  });

  test('keeps a hole and doubles the commas around it', () => {
    expect(escapeCommas(t`a,b${hole('domid')}c,d`)).toEqual(t`a,,b${hole('domid')}c,,d`);
  });

  test('read as QEMU reads it gives every value back, whatever the value', () => {
    fc.assert(
      fc.property(fc.string(), fc.array(fc.string(), { minLength: 1, maxLength: 5 }), (head, values) => {
        const text = optionString(
          head,
          values.map((value, index) => [`key${index}`, value] as const),
        );
        const expected = [head, ...values.map((value, index) => `key${index}=${value}`)];
        expect(readAsQemu(text as string)).toEqual(expected);
      }),
    );
  });
});

/** Splits at single commas; two are one comma of the value (qemu/util/qemu-option.c, `get_opt_value`). */
function readAsQemu(text: string): string[] {
  const values = [''];
  for (const piece of text.split(/(,,|,)/)) {
    if (piece === ',') values.push('');
    else values.push((values.pop() ?? '') + (piece === ',,' ? ',' : piece));
  }
  return values;
}
