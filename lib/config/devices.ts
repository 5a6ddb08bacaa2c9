import { XlError, type Where } from '../base/error.ts';
import { readDisk } from '../disk/parse.ts';
import type { ConfiguredDisk, ConfiguredVfb, ConfiguredVif } from './domain.ts';
import type { ParsedConfig } from './parse.ts';
import { wordsOf, type Finding, type Word } from './reading.ts';
import { readVfbWord } from './vfb.ts';
import { readVifWord, type VifFinding } from './vif.ts';

/** Devices and what there is to say about how they were written. */
export interface Devices<T> {
  readonly devices: readonly T[];
  readonly findings: readonly Finding[];
}

/** The words of a list key; a key of another kind is the values' to complain about. */
function words(parsed: ParsedConfig, name: string): Word[] {
  const setting = parsed.settings[name];
  return setting !== undefined && 'list' in setting ? wordsOf(parsed, setting) : [];
}

export function decodeDisks(parsed: ParsedConfig): Devices<ConfiguredDisk> {
  const devices: ConfiguredDisk[] = [];
  const findings: Finding[] = [];
  for (const { text: spec, where } of words(parsed, 'disk')) {
    try {
      const { disk, warnings } = readDisk([spec], { dialect: parsed.dialect, source: parsed.source.name, where });
      devices.push({ disk, spec, where });
      findings.push(...warnings);
    } catch (error) {
      if (!(error instanceof XlError)) throw error;
      const source = `${parsed.source.name}: config parsing error in disk specification`;
      for (const diagnostic of error.diagnostics.length > 0 ? error.diagnostics : [problemOf(error, where)]) {
        const isError = diagnostic.severity === 'error';
        findings.push(isError ? { ...diagnostic, xl: `${source}: ${diagnostic.message} in \`${spec}'` } : diagnostic);
      }
    }
  }
  return { devices, findings };
}

const problemOf = ({ code, message, where, hint }: XlError, place: Where): Finding => ({
  severity: 'error',
  code,
  message,
  where: where ?? place,
  ...(hint === undefined ? {} : { hint }),
});

export function decodeVifs(parsed: ParsedConfig): Devices<ConfiguredVif> {
  const { dialect, source } = parsed;
  const read = words(parsed, 'vif').map((word, index) => {
    const { where } = word;
    const { vif, findings } = readVifWord(word.text, index, { dialect, source: source.name });
    const unable: Finding[] = vif.forwarddev === null ? [] : [coloNotYet(where)];
    return { device: { vif, where }, findings: [...findings.map((finding) => inWord(word, finding)), ...unable] };
  });
  return { devices: read.map(({ device }) => device), findings: read.flatMap(({ findings }) => findings) };
}

const coloNotYet = (where: Where): Finding => ({
  severity: 'error',
  code: 'vif-not-yet',
  message: '`forwarddev` is not supported yet',
  where,
  hint: 'without it packets of a COLO guest go another way',
});

export function decodeVfbs(parsed: ParsedConfig): Devices<ConfiguredVfb> {
  const read = words(parsed, 'vfb').map((word) => ({ ...readVfbWord(word.text), word }));
  return {
    devices: read.map(({ vfb, word: { where } }) => ({ vfb, where })),
    findings: read.flatMap(({ findings, word }) => findings.map((finding) => inWord(word, finding))),
  };
}

/** A finding inside a word, in the file: a word with escapes is shown whole. */
function inWord({ where, exact }: Word, { start, length, ...finding }: Inside): Finding {
  return { ...finding, where: exact ? { ...where, column: (where.column ?? 1) + start, length } : where };
}
type Inside = Omit<VifFinding, 'hint'> & { readonly hint?: string };
