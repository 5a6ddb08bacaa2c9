import { parse } from '../../grammar/generated/options.js';
import { nearest } from '../base/similar.ts';
import { readLong } from './number.ts';
import type { Dialect } from './syntax.ts';

/** One option of a device word, by its shape; offsets count in the word. */
export interface OptionNode {
  /** Where the option begins, behind any blanks. */
  readonly start: number;
  readonly text: string;
  /** Up to the `=`, or all of it where there is none. */
  readonly key: string;
  readonly value: { readonly text: string; readonly start: number } | null;
}

/** The options of a word, in order. Any text has a reading. */
export const parseOptions = (word: string): readonly OptionNode[] => parse(word) as readonly OptionNode[];

/** What there is to say about a piece of a word; `start` and `length` are its place in the word. */
export interface WordFinding {
  readonly severity: 'error' | 'warning';
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly start: number;
  readonly length: number;
  /** xl's own line, its exit status where that is not 1, and whether it goes on after it. */
  readonly xl?: string;
  readonly xlExit?: number;
  readonly xlGoesOn?: boolean;
}

/** A device as it was read, and what there is to say about its word. */
export interface WordReading<T> {
  readonly value: T;
  readonly findings: readonly WordFinding[];
}

/** What the value of an option is: words are compared in any case, unless `exact`. */
export type OptionRow = { readonly field: string } & (
  | { readonly type: 'text' }
  | { readonly type: 'number'; readonly most?: number }
  | { readonly type: 'flag' }
  | { readonly type: 'words'; readonly words: readonly string[]; readonly exact?: true }
);

/** The options of a kind of device, by their keys. */
export type OptionTable = Readonly<Record<string, OptionRow>>;

type ValueOf<Row extends OptionRow> = Row extends { readonly type: 'number' }
  ? number
  : Row extends { readonly type: 'flag' }
    ? boolean
    : Row extends { readonly type: 'words'; readonly words: readonly (infer Word)[] }
      ? Word
      : string;

/** A device with the fields of its table; `null` is "not said". */
export type FieldsOf<Table extends OptionTable> = {
  readonly [Key in keyof Table as Table[Key]['field']]: ValueOf<Table[Key]> | null;
};

/** How a kind of device is spoken of, and what xl says of its bad options. */
export interface DeviceWords {
  /** The key of xl.cfg: error codes begin with it. */
  readonly kind: string;
  /** `a channel`. */
  readonly noun: string;
  readonly dialect: Dialect;
  /** xl's line for an option that there is not. */
  readonly unknown: (option: OptionNode) => string;
  /** xl prints that line and goes on. */
  readonly unknownGoesOn?: true;
  /** xl's line for a value that is none of an option's words. */
  readonly badWord?: (key: string, value: string) => string;
  /** Blanks around keys and values do not count. */
  readonly trim?: true;
}

const LARGEST = 0xffff_ffff;

/** Reads the options of a word by the table of its device's kind. */
export function readOptions<const Table extends OptionTable>(
  options: readonly OptionNode[],
  table: Table,
  device: DeviceWords,
): WordReading<FieldsOf<Table>> {
  const values: Record<string, string | number | boolean | null> = {};
  for (const { field } of Object.values(table)) values[field] = null;
  const findings: WordFinding[] = [];
  for (const option of options) {
    const key = device.trim === true ? option.key.trim() : option.key;
    const row = Object.hasOwn(table, key) ? table[key] : undefined;
    const place = { start: option.start, length: Math.max(1, option.text.length) };
    if (row === undefined || option.value === null) {
      findings.push({ ...unknownOption(option, key, Object.keys(table), device), ...place });
      continue;
    }
    const said = device.trim === true ? option.value.text.trim() : option.value.text;
    const { value, finding } = readValue(row, key, said, device);
    if (finding === null) values[row.field] = value;
    else findings.push({ ...finding, ...place });
  }
  return { value: values as FieldsOf<Table>, findings };
}

type Remark = Omit<WordFinding, 'start' | 'length'>;

function unknownOption(option: OptionNode, key: string, keys: readonly string[], device: DeviceWords): Remark {
  const { kind, noun, dialect, unknown, unknownGoesOn } = device;
  const meant = nearest(key, keys);
  const lacking = option.value === null && keys.includes(key);
  const goesOn = unknownGoesOn === true;
  return {
    severity: goesOn && dialect === 'xl' ? 'warning' : 'error',
    code: `${kind}-option`,
    message: lacking ? `\`${key}\` of ${noun} has no value` : `${noun} has no option \`${option.text}\``,
    hint: lacking
      ? `write ${key}=…`
      : meant === null || meant === key
        ? `options are ${keys.join(', ')}`
        : `did you mean \`${meant}\`?`,
    xl: unknown(option),
    ...(goesOn ? { xlGoesOn: true } : {}),
  };
}

/** The value of an option by its row, or what is wrong with it. */
function readValue(
  row: OptionRow,
  key: string,
  said: string,
  { kind, dialect, badWord }: DeviceWords,
): { value: string | number | boolean | null; finding: Remark | null } {
  const code = `${kind}-${key}`;
  switch (row.type) {
    case 'text':
      return { value: said, finding: null };
    case 'number':
    case 'flag': {
      const number = numberOf(said, dialect);
      const most = row.type === 'number' ? (row.most ?? LARGEST) : LARGEST;
      if (number !== null && (dialect === 'xl' || number <= most)) {
        return { value: row.type === 'flag' ? number !== 0 : number, finding: null };
      }
      const hint = row.type === 'flag' ? `write ${key}=1 or ${key}=0` : `it is 0 to ${most}`;
      const message = `\`${key}\` is "${said}", which is no number that fits`;
      return { value: null, finding: { severity: 'error', code, message, hint } };
    }
    case 'words': {
      const { words, exact } = row;
      const found = words.find((word) => word === (exact === true ? said : said.toLowerCase()));
      if (found !== undefined) return { value: found, finding: null };
      const message = `\`${key}\` is "${said}"`;
      const xl = badWord === undefined ? {} : { xl: badWord(key, said) };
      return { value: null, finding: { severity: 'error', code, message, hint: `it is ${words.join(' or ')}`, ...xl } };
    }
  }
}

/** xl reads numbers by `strtoul` with base 0 and takes what is none for 0; we do not. */
function numberOf(said: string, dialect: Dialect): number | null {
  const reading = readLong(said);
  if (!reading.ok) return dialect === 'xl' ? cNumber(said) : null;
  const value = Number(BigInt.asUintN(32, BigInt(reading.value)));
  return Number(reading.value) < 0 && dialect !== 'xl' ? null : value;
}

/** The number that a text begins with, in C's way; 0 where it begins with none. */
function cNumber(said: string): number {
  const digits = /^[ \t\n\v\f\r]*[+-]?(?:0[xX][0-9a-fA-F]+|[0-9]+)/.exec(said)?.[0] ?? '0';
  const reading = readLong(digits);
  return reading.ok ? Number(BigInt.asUintN(32, BigInt(reading.value))) : 0;
}

/** The error for an option that a device cannot do without. */
export const missing = (device: DeviceWords, key: string, word: string, xl: string): WordFinding => ({
  severity: 'error',
  code: `${device.kind}-${key}`,
  message: `${device.noun} needs \`${key}=\``,
  hint: `add ${key}=…`,
  start: 0,
  length: Math.max(1, word.length),
  xl,
});
