import { unreachable } from '../base/error.ts';
import { keyTable, type KeyRow, type KeyValues } from './keys.ts';
import { readLong } from './number.ts';
import type { ListSetting, ParsedConfig, Setting, StringSetting } from './parse.ts';
import { lapse, namePlace, valuePlace, type Finding } from './reading.ts';
import { whereOf } from './source.ts';

export type Value = string | number | boolean | readonly string[] | readonly (readonly string[])[];

/** Every key's value by the table's type, or null and what is wrong with it. */
export function decodeValues(parsed: ParsedConfig): { keys: KeyValues; findings: readonly Finding[] } {
  const findings: Finding[] = [];
  const values: Record<string, Value | null> = {};
  for (const row of keyTable.values()) {
    if (row.support === 'ignored') continue;
    const setting = parsed.settings[row.name];
    values[row.name] =
      setting === undefined ? null : valueOf(row, setting, parsed, (finding) => findings.push(finding));
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
    case 'boolean': {
      const value = number(row, setting, parsed, tell);
      return value === null ? null : Number(value) !== 0;
    }
    case 'enum':
      return word(row, setting, parsed, tell);
    case 'list':
      return 'list' in setting ? strings(row, setting, parsed, tell) : notAList(row, setting, parsed, tell);
    case 'string-or-list':
      return 'list' in setting ? strings(row, setting, parsed, tell) : [setting.string];
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
  });
  return null;
}

/** The word of an enum that a value stands for, as xl compares it. */
function word(row: KeyRow, setting: Setting, parsed: ParsedConfig, tell: Tell): string | null {
  const said = single(row, setting, parsed, tell);
  if (said === null) return null;
  const { string } = said;
  const found = row.values?.find((candidate) => matches(row, string, candidate));
  if (found === undefined) {
    const refusal = row.refusal?.replace('%s', () => string);
    tell({
      severity: 'error',
      code: 'key-word',
      message: refusal ?? `\`${row.name}\` does not know the word "${string}"`,
      ...valuePlace(parsed, row.name),
      hint: `it is one of ${(row.values ?? []).join(', ')}`,
      ...(refusal === undefined ? {} : { xl: refusal }),
    });
    return null;
  }
  if (row.match === 'prefix' && string !== found) {
    tell({
      severity: 'warning',
      code: 'key-abbreviated',
      message: `\`${row.name}\` is taken for "${found}"`,
      ...valuePlace(parsed, row.name),
      hint: `write ${row.name} = "${found}"`,
    });
  }
  return found;
}

function matches(row: KeyRow, said: string, candidate: string): boolean {
  if (row.match === 'prefix') return candidate.startsWith(said);
  return row.match === 'any-case' ? candidate === said.toLowerCase() : candidate === said;
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
  if (row.default === undefined || !('string' in setting)) return false;
  if (typeof row.default === 'string') return setting.string.toLowerCase() === row.default.toLowerCase();
  if (setting.long === null) return false;
  return typeof row.default === 'boolean' ? (Number(setting.long) !== 0) === row.default : setting.long === row.default;
}
