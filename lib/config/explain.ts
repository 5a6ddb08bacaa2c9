import { unreachable } from '../base/error.ts';
import type { Fault } from './syntax.ts';

/** What is wrong, and what to do about it, for people; libxlutil's own words are the report's. */
export interface Explanation {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/** A token in the wrong place. */
export function explainFault({ expecting, found }: Fault, text: string): Explanation {
  const word = shown(found.type, text.slice(found.start, found.end));
  switch (expecting) {
    case 'statement':
      return { code: 'config-statement', message: `no line begins with ${word}`, hint: 'a line is KEY = VALUE' };
    case 'operator':
      return {
        code: 'config-operator',
        message: `expected \`=\` or \`+=\`, not ${word}`,
        hint: found.type === 'NEWLINE' ? 'the `=` and the value belong on the same line' : 'a line is KEY = VALUE',
      };
    case 'value':
      return {
        code: 'config-value',
        message: `expected a value, not ${word}`,
        hint:
          found.type === 'IDENT' ? 'words are written in quotes' : 'a value is a "string", a number, or a list [ … ]',
      };
    case 'bracket':
      return { code: 'config-bracket', message: `expected \`,\` or \`]\`, not ${word}`, hint: hintInList(found.type) };
    case 'end':
      return {
        code: 'config-trailing',
        message: `expected the end of the line, not ${word}`,
        hint:
          found.type === 'STRING'
            ? 'a quote inside a string is written \\\' or \\"; several strings make a list [ … , … ]'
            : 'one assignment a line, or `;` between them',
      };
    case 'depth':
      return { code: 'config-depth', message: 'lists nest too deep', hint: 'they may nest 500 deep' };
    default:
      return unreachable(expecting);
  }
}

function hintInList(type: string): string {
  if (type === 'STRING' || type === 'NUMBER') return 'a comma is missing before this';
  if (type === "','") return 'a value is missing before this comma';
  return 'the list is not closed: a `]` is missing before this';
}

function shown(type: string, text: string): string {
  if (type === 'NEWLINE') return 'the end of the line';
  if (type === '$end') return 'the end of the file';
  return short(text);
}

const short = (text: string): string => `\`${text.length > 40 ? `${text.slice(0, 40)}…` : text.trimEnd()}\``;

/** Text that begins no token. */
export function explainStray(stray: string): Explanation {
  const code = 'config-character';
  const message = `${short(stray)} is neither a key nor a value`;
  const first = stray.charAt(0);
  if (first === '\r') {
    const hint = 'remove them: sed -i "s/\\r$//" FILE';
    return { code, message: 'the line ends as in DOS, with a carriage return', hint };
  }
  if (first === '#') {
    const hint = 'end the last line with a newline';
    return { code, message: 'a comment at the end of the file has no newline', hint };
  }
  if (first === '"' || first === "'") {
    return { code, message: 'the string does not end on its line', hint: `a ${first} is missing` };
  }
  return { code, message, hint: hintForStray(stray) };
}

function hintForStray(stray: string): string {
  if (/^-[0-9]/.test(stray)) return 'a negative number is written in quotes';
  if (/^(True|False)\b/.test(stray)) return `write ${stray.startsWith('T') ? 1 : 0}`;
  if (/^[A-Z]/.test(stray)) return 'keys and hexadecimal digits are lower case, words stand in quotes';
  if (/^[+\-.():]/.test(stray)) return 'a configuration is no Python program: values stand for themselves';
  return 'text stands in quotes, comments behind `#`';
}
