import type { KeyRow } from './keys.ts';
import type { ParsedConfig, StringSetting } from './parse.ts';
import { valuePlace, type Finding } from './reading.ts';

type Tell = (finding: Finding) => void;

/** The word of a key that a value stands for, compared as xl compares it; null, and an error, where it stands for none. */
export function readWord(row: KeyRow, said: StringSetting, parsed: ParsedConfig, tell: Tell): string | null {
  const { string, long } = said;
  const isNumber = row.numbers !== undefined && long !== null;
  const found = isNumber
    ? row.values?.[Number(long)]
    : row.values?.find((candidate) => matches(row, string, candidate));
  const place = valuePlace(parsed, row.name);
  if (isNumber && row.numbers === 'deprecated') tell(asNumber(row, found, place));
  if (found === undefined) {
    const refusal = refusalOfXl(row, '%s', string);
    tell({
      severity: 'error',
      code: 'key-word',
      message: refusal.xl ?? `\`${row.name}\` does not know the word "${string}"`,
      ...place,
      hint: `it is one of ${(row.values ?? []).join(', ')}`,
      ...refusal,
    });
    return null;
  }
  if (row.match === 'prefix' && string !== found) {
    tell({
      severity: 'warning',
      code: 'key-abbreviated',
      message: `\`${row.name}\` is taken for "${found}"`,
      ...place,
      hint: `write ${row.name} = "${found}"`,
    });
  }
  return found;
}

/** What xl prints of a value that it refuses, and its exit status; nothing where the row knows of no such line. */
export function refusalOfXl(row: KeyRow, hole: '%s' | '%d', value: string): Pick<Finding, 'xl' | 'xlExit'> {
  const { refusal, exit } = row;
  // xl prints a number without the quotes of a word.
  const line = hole === '%s' && /^\d+$/.test(value) ? refusal?.replace('"%s"', '%s') : refusal;
  if (line === undefined || (hole === '%d' && !line.includes('%d'))) return {};
  return { xl: line.replace(hole, () => value), ...(exit === undefined ? {} : { xlExit: exit }) };
}

function asNumber({ name }: KeyRow, found: string | undefined, place: Pick<Finding, 'where'>): Finding {
  const instead = found === undefined ? '' : `e.g. ${name}="${found}"`;
  return {
    severity: 'warning',
    code: 'key-word-number',
    message: `\`${name}\` as a number is an old form`,
    ...place,
    hint: found === undefined ? `write its word` : `write ${name} = "${found}"`,
    xl: `WARNING: specifying "${name}" as an integer is deprecated. Please use the named parameter variant. ${instead}`,
  };
}

function matches(row: KeyRow, said: string, candidate: string): boolean {
  if (row.match === 'prefix') return candidate.startsWith(said);
  return row.match === 'any-case' ? candidate === said.toLowerCase() : candidate === said;
}
