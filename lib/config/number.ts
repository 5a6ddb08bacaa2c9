const LONGEST = 2n ** 63n - 1n;

/** How a text reads as a number: `strtol` with base 0, to the end of the text, in 64 bits. */
export type LongReading =
  | { readonly ok: true; /** Digits of a decimal where a double would round. */ readonly value: number | string }
  | { readonly ok: false; readonly reason: 'not-a-number' | 'out-of-range' };

/** Reads a number as libxlutil does: leading blanks and a sign, `0x…` hexadecimal, `0…` octal, else decimal. */
export function readLong(text: string): LongReading {
  const match = /^[ \t\n\v\f\r]*([+-]?)(?:(0[xX])([0-9a-fA-F]+)|(0[0-7]*)|([1-9][0-9]*))$/.exec(text);
  if (match === null) return { ok: false, reason: 'not-a-number' };
  const [, sign, , hex, octal, decimal] = match;
  const digits = (hex ?? octal ?? decimal ?? '').replace(/^0+(?=.)/, '');
  // 2^63 has 16 hexadecimal and 21 octal digits. A number of a million digits is not even looked at.
  if (digits.length > 22) return { ok: false, reason: 'out-of-range' };
  const magnitude = BigInt(hex === undefined ? (octal === undefined ? digits : `0o${digits}`) : `0x${digits}`);
  const value = sign === '-' ? -magnitude : magnitude;
  if (value > LONGEST || value < -LONGEST - 1n) return { ok: false, reason: 'out-of-range' };
  const exact = Number(value);
  return { ok: true, value: Number.isSafeInteger(exact) ? exact : String(value) };
}
