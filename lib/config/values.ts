import { unreachable } from '../base/error.ts';
import { keyRows, type KeyRow, type KeyValues } from './keys.ts';
import { readLong } from './number.ts';
import type { ListSetting, ParsedConfig, Setting, StringSetting } from './parse.ts';
import { lapse, namePlace, valuePlace, type Finding } from './reading.ts';
import { whereOf } from './source.ts';
import { readWord, refusalOfXl } from './words.ts';

export type Value = string | number | boolean | readonly string[] | readonly (readonly string[])[];

/** Every key's value by the table's type, or null and what is wrong with it. */
export function decodeValues(parsed: ParsedConfig): { keys: KeyValues; findings: readonly Finding[] } {
  const findings: Finding[] = [];
  const values: Record<string, Value | null> = {};
  for (const row of keyRows) {
    const setting = parsed.settings[row.name];
    // What is said for a key without effect has none either.
    const tell: Tell = row.support === 'ignored' ? () => undefined : (finding) => findings.push(finding);
    values[row.name] = setting === undefined ? null : valueOf(row, setting, parsed, tell);
  }
  return { keys: values as KeyValues, findings };
}

type Tell = (finding: Finding) => void;

function valueOf(row: KeyRow, setting: Setting, parsed: ParsedConfig, tell: Tell): Value | null {
  switch (row.type) {
    case 'string':
      return single(row, setting, parsed, tell)?.string ?? null;
    case 'integer':
      return integer(row, setting, parsed, tell);
    case 'boolean':
      return boolean(row, setting, parsed, tell);
    case 'enum': {
      const said = single(row, setting, parsed, tell);
      return said === null ? null : readWord(row, said, parsed, tell);
    }
    case 'boolean-or-enum': {
      const said = single(row, setting, parsed, tell);
      if (said === null) return null;
      return said.long === null ? readWord(row, said, parsed, tell) : Number(said.long) !== 0;
    }
    case 'boolean-or-list':
      return 'list' in setting ? strings(row, setting, parsed, tell) : boolean(row, setting, parsed, tell);
    case 'list':
      return 'list' in setting ? strings(row, setting, parsed, tell) : notAList(row, setting, parsed, tell);
    case 'string-or-list':
      if ('list' in setting) return strings(row, setting, parsed, tell);
      return row.split === true ? splitWords(row, setting, parsed, tell) : [setting.string];
    case 'list-of-lists':
      return 'list' in setting ? lists(row, setting, parsed, tell) : notAList(row, setting, parsed, tell);
    default:
      return unreachable(row.type);
  }
}

function single(row: KeyRow, setting: Setting, parsed: ParsedConfig, tell: Tell): StringSetting | null {
  if ('string' in setting) return setting;
  const said = `is a list but should be a single value`;
  tell(wrongType(row, setting, parsed, said, `write ${row.name} = ${row.type === 'integer' ? '1' : '"…"'}`));
  return null;
}

function notAList(row: KeyRow, setting: Setting, parsed: ParsedConfig, tell: Tell): null {
  const text = 'string' in setting ? setting.string : '';
  const shown = text.length > 60 ? '…' : text;
  tell(wrongType(row, setting, parsed, 'is a single value but should be a list', `write ${row.name} = [ "${shown}" ]`));
  return null;
}

function wrongType(row: KeyRow, setting: Setting, parsed: ParsedConfig, said: string, hint: string): Finding {
  return lapse(parsed, {
    code: 'key-type',
    message: `\`${row.name}\` ${said}`,
    ...valuePlace(parsed, row.name),
    hint: `${hint}; xl passes over the key as it is`,
    xl: warningOfXl(row, setting, parsed, said),
  });
}

const warningOfXl = (row: KeyRow, { position }: Setting, { source }: ParsedConfig, said: string): string =>
  `${source.name}:${position.line}: warning: parameter \`${row.name}' ${said}`;

/** A number as libxlutil reads it; xl itself takes a key that is none as not said. */
function number(row: KeyRow, setting: Setting, parsed: ParsedConfig, tell: Tell): number | string | null {
  const said = single(row, setting, parsed, tell);
  if (said === null) return null;
  if (said.long !== null) return said.long;
  const reading = readLong(said.string);
  const [message, xl] =
    said.appended && reading.ok
      ? [`\`${row.name}\` is put together with +=, which makes no number`, appendedToNumber(row, said, parsed)]
      : !reading.ok && reading.reason === 'out-of-range'
        ? [`\`${row.name}\` is too large a number`, warningOfXl(row, said, parsed, TOO_LARGE)]
        : [`\`${row.name}\` is not a valid number`, warningOfXl(row, said, parsed, 'is not a valid number')];
  const hint = row.type === 'boolean' ? 'write 1 for yes, 0 for no' : 'decimal, 0x… hexadecimal or 0… octal';
  tell(lapse(parsed, { code: 'key-number', message, ...valuePlace(parsed, row.name), hint, xl }));
  return null;
}

const TOO_LARGE = 'could not be parsed as a number: Numerical result out of range';

const appendedToNumber = (row: KeyRow, { position }: Setting, { source }: ParsedConfig): string =>
  `${source.name}:${position.line}: warning: can't use += with numbers for parameter \`${row.name}'`;

function boolean(row: KeyRow, setting: Setting, parsed: ParsedConfig, tell: Tell): boolean | null {
  const value = number(row, setting, parsed, tell);
  return value === null ? null : Number(value) !== 0;
}

/** Words between blanks, where today's form is a list. */
function splitWords(row: KeyRow, { string }: StringSetting, parsed: ParsedConfig, tell: Tell): string[] {
  const words = string.split(/[ \t\n]+/).filter((word) => word !== '');
  tell({
    severity: 'warning',
    code: 'key-split',
    message: `\`${row.name}\` as a string is an old form`,
    ...valuePlace(parsed, row.name),
    hint: `write ${row.name} = [ ${words.map((word) => JSON.stringify(word)).join(', ')} ]`,
    xl: `WARNING: Specifying "${row.name}" as a string is deprecated. Please use a list of arguments.`,
  });
  return words;
}

function integer(row: KeyRow, setting: Setting, parsed: ParsedConfig, tell: Tell): number | null {
  const value = number(row, setting, parsed, tell);
  if (value === null) return null;
  const [least, greatest] = row.range ?? [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER];
  if (typeof value === 'number' && value >= least && value <= greatest) return value;
  const unit = row.unit === undefined ? '' : ` ${row.unit}`;
  tell({
    severity: 'error',
    code: 'key-range',
    message: `\`${row.name}\` is ${value}${unit}, and must be ${least} to ${greatest}`,
    ...valuePlace(parsed, row.name),
    hint: row.doc,
    ...refusalOfXl(row, '%d', String(value)),
  });
  return null;
}

function strings(row: KeyRow, setting: ListSetting, parsed: ParsedConfig, tell: Tell): readonly string[] {
  const odd = setting.list.findIndex((item) => typeof item !== 'string');
  if (odd >= 0) {
    tell(
      lapse(parsed, {
        code: 'key-item',
        message: `element ${odd + 1} of \`${row.name}\` is a list but should be a string`,
        where: whereOf(parsed.source, setting.itemPositions[odd]!),
        hint: 'xl drops it and all that follow, without a word',
      }),
    );
  }
  const plain = odd < 0 ? setting.list : setting.list.slice(0, odd);
  return plain.filter((item) => typeof item === 'string');
}

function lists(row: KeyRow, setting: ListSetting, parsed: ParsedConfig, tell: Tell): readonly (readonly string[])[] {
  const plain = (item: unknown): item is readonly string[] =>
    Array.isArray(item) && item.every((inner) => typeof inner === 'string');
  if (!setting.list.every(plain)) {
    tell({
      severity: 'error',
      code: 'key-item',
      message: `\`${row.name}\` should be a list of lists of strings`,
      ...namePlace(parsed, setting),
      hint: row.doc,
    });
  }
  return setting.list.filter(plain);
}

/** Whether a key says no more than what holds anyway. */
export function saysDefault(row: KeyRow, setting: Setting): boolean {
  if ('list' in setting) return setting.list.length === 0;
  if (row.default === undefined) return false;
  if (typeof row.default === 'string') {
    const word = row.numbers === undefined ? undefined : row.values?.[Number(setting.long ?? -1)];
    return (word ?? setting.string).toLowerCase() === row.default.toLowerCase();
  }
  if (setting.long === null) return false;
  return typeof row.default === 'boolean' ? (Number(setting.long) !== 0) === row.default : setting.long === row.default;
}
