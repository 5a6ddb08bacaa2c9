const LETTERS = new Map([
  ['"', '"'],
  ["'", "'"],
  ['\\', '\\'],
  ['a', '\x07'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['v', '\v'],
]);

/** What a string says, or why it says nothing: `at` is the offset of the bad escape in the text with its quotes. */
export type Unquoted =
  { readonly ok: true; readonly text: string } | { readonly ok: false; readonly message: string; readonly at: number };

/**
 * Takes quotes and escapes off a string. Numeric escapes have libxlutil's faults: `\x…` is always refused, and an octal
 * one stands for nothing at all.
 */
export function unquote(raw: string): Unquoted {
  const nul = raw.indexOf('\0');
  // libxlutil aborts the whole program here.
  if (nul >= 0) return { ok: false, message: 'NUL character in quoted string', at: nul };
  const end = raw.length - 1;
  let text = '';
  let start = 1;
  for (let slash = raw.indexOf('\\', 1); slash >= 0; slash = raw.indexOf('\\', start)) {
    text += raw.slice(start, slash);
    const letter = raw.charAt(slash + 1);
    const plain = LETTERS.get(letter);
    if (plain !== undefined) {
      text += plain;
      start = slash + 2;
      continue;
    }
    const length = octalLength(raw.slice(slash + 1, slash + 5));
    if (length === null) return { ok: false, message: complaint(letter), at: slash };
    start = slash + 1 + length;
  }
  return { ok: true, text: text + raw.slice(start, end) };
}

/**
 * How long the octal escape is that begins here, null where there is none: a digit, then what `strtoul` takes as a
 * decimal of the next three characters, two at least.
 */
function octalLength(window: string): number | null {
  const number = /^[0-7]([ \t\n\v\f\r]*[+-]?[0-9]+)/.exec(window)?.[1] ?? '';
  return number.length < 2 ? null : 1 + number.length;
}

/** libxlutil's words, letter for letter. */
function complaint(letter: string): string {
  if (letter === 'x') return 'invalid digit after backslash hexnumerical character escape in quoted string';
  if (/[0-7]/.test(letter)) return 'invalid digit after backslash octalnumerical character escape in quoted string';
  return 'invalid character after backlash in quoted string';
}
