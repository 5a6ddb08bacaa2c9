import type { Fault } from './syntax.ts';

/** What to do about a token in the wrong place. */
export function hintForFault({ expecting, found }: Fault, text: string): string | null {
  const word = text.slice(found.start, Math.min(found.end, found.start + 40));
  switch (expecting) {
    case 'statement':
      return 'a line is KEY = VALUE';
    case 'operator':
      return found.type === 'NEWLINE' ? 'the `=` and the value belong on the same line' : 'a line is KEY = VALUE';
    case 'value':
      if (found.type === 'IDENT') return `words are written in quotes: "${word}"`;
      return 'a value is a "string", a number, or a list [ … ]';
    case 'bracket':
      if (found.type === 'STRING' || found.type === 'NUMBER') return 'a comma is missing before this';
      if (found.type === "','") return 'a value is missing before this comma';
      return 'the list is not closed: a `]` is missing before this';
    case 'end':
      if (found.type === 'STRING')
        return 'a quote inside a string is written \\\' or \\"; several strings make a list: [ … , … ]';
      return 'one assignment a line, or `;` between them';
    case 'depth':
      return 'lists may nest 500 deep';
  }
}

/** What to do about text that begins no token. */
export function hintForStray(stray: string): string | null {
  const first = stray.charAt(0);
  if (first === '\r') return 'the file has DOS line ends: `sed -i "s/\\r$//" FILE` removes them';
  if (first === '#') return 'a comment on the last line must end with a newline';
  if (first === '"' || first === "'") return 'the string does not end on its line';
  if (/^-[0-9]/.test(stray)) return 'a negative number is written in quotes';
  if (/^(True|False)\b/.test(stray)) return `write ${stray.startsWith('T') ? 1 : 0}`;
  if (/^[A-Z]/.test(first)) return 'keys and hexadecimal digits are lower case, words stand in quotes';
  if ('+-.():'.includes(first)) return 'a configuration is no Python program: values stand for themselves';
  return null;
}
