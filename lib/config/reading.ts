import type { Diagnostic, Where } from '../base/error.ts';
import type { WordFinding } from './options.ts';
import { keyTable, type DomainType, type KeyValues } from './keys.ts';
import type { ListSetting, ParsedConfig, Setting } from './parse.ts';
import { whereOf } from './source.ts';

/** A remark, and the line that xl itself would print about the same thing, where it has one. */
export interface Finding extends Diagnostic {
  readonly xl?: string;
  /** The exit status of xl after its line, 1 unless said. */
  readonly xlExit?: number;
  /** xl goes on after its line. */
  readonly xlGoesOn?: boolean;
}

/** A configuration whose values are decoded: what the passes look at. */
export interface Reading {
  readonly parsed: ParsedConfig;
  readonly type: DomainType;
  readonly keys: KeyValues;
}

/** One check of a configuration as a whole. */
export type Pass = (reading: Reading) => readonly Finding[];

/**
 * What xl passes over with a line of warning, or in silence, and we do not: the guest would be another than the one
 * that was asked for. Dialect xl passes over it too, and says so.
 */
export const lapse = ({ dialect }: ParsedConfig, finding: Omit<Finding, 'severity'>): Finding => ({
  severity: dialect === 'xl' ? 'warning' : 'error',
  xlGoesOn: true,
  ...finding,
});

/** What was said for a key of the table, or undefined. */
export const settingOf = ({ settings }: ParsedConfig, name: string): Setting | undefined => settings[name];

/** The place of a key's value, for a finding; the whole file where the key was not said. */
export function valuePlace(parsed: ParsedConfig, name: string): { readonly where: Where } {
  const setting = settingOf(parsed, name);
  if (setting === undefined) return { where: { source: parsed.source.name } };
  return { where: whereOf(parsed.source, setting.position) };
}

/** The place of a key's name, for a finding on the key as such. */
export const namePlace = ({ source }: ParsedConfig, setting: Setting): { readonly where: Where } => ({
  where: whereOf(source, setting.namePosition),
});

/** A string of a list: its text and where that text begins. */
export interface Word {
  readonly text: string;
  readonly where: Where;
  /** The word has no escapes, so its characters stand one by one behind `where`. */
  readonly exact: boolean;
}

/** A finding inside a word, in the file: a word with escapes is shown whole. */
export function inWord({ where, exact }: Pick<Word, 'where' | 'exact'>, finding: WordFinding): Finding {
  const { start, length, severity, code, message, hint, xl, xlExit, xlGoesOn } = finding;
  return {
    ...{ severity, code, message },
    where: exact ? { ...where, column: (where.column ?? 1) + start, length } : where,
    ...(hint === undefined ? {} : { hint }),
    ...(xl === undefined ? {} : { xl }),
    ...(xlExit === undefined ? {} : { xlExit }),
    ...(xlGoesOn === undefined ? {} : { xlGoesOn }),
  };
}

/** The place of an element of a list. */
export const itemPlace = ({ source }: ParsedConfig, { itemPositions }: ListSetting, index: number): Where =>
  whereOf(source, itemPositions[index]!);

/** The strings of a list up to its first element that is none: there xl ends the list without a word. */
export function wordsOf(parsed: ParsedConfig, { list, itemPositions }: ListSetting): Word[] {
  const words: Word[] = [];
  for (const [index, text] of list.entries()) {
    if (typeof text !== 'string') break;
    const position = itemPositions[index]!;
    const where = whereOf(parsed.source, position);
    const exact = position.length === text.length + 2;
    words.push({ text, where: exact ? { ...where, column: position.column + 1, length: text.length } : where, exact });
  }
  return words;
}

/** The names of keys that were said and that the table knows. */
export const knownKeys = ({ settings }: ParsedConfig): string[] =>
  Object.keys(settings).filter((name) => keyTable.has(name));
