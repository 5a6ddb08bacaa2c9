import { readCpus } from './cpus.ts';
import type { Affinity, ConfiguredMachine, Placed } from './domain.ts';
import type { WordFinding } from './options.ts';
import type { ParsedConfig } from './parse.ts';
import { readInterrupt, readIoMemory, readIoPorts, type RangeReading } from './ranges.ts';
import { readRdm } from './rdm.ts';
import { inWord, itemPlace, valuePlace, wordsOf, type Finding } from './reading.ts';
import type { Dialect } from './syntax.ts';
import { readViridian, type Viridian } from './viridian.ts';
import { readVnode, type Vnode } from './vnuma.ts';

type Tell = (finding: Finding) => void;

/** Keys of the machine whose values have a language of their own. Values of the wrong type the keys' own checks tell of. */
export function decodeMachine(parsed: ParsedConfig): { machine: ConfiguredMachine; findings: readonly Finding[] } {
  const findings: Finding[] = [];
  const tell: Tell = (finding) => findings.push(finding);
  const machine: ConfiguredMachine = {
    hardAffinity: affinity(parsed, 'cpus', tell),
    softAffinity: affinity(parsed, 'cpus_soft', tell),
    vnuma: vnodes(parsed, tell),
    ioports: ranges(parsed, 'ioports', readIoPorts, tell),
    irqs: ranges(parsed, 'irqs', readInterrupt, tell),
    iomem: ranges(parsed, 'iomem', readIoMemory, tell),
    rdm: rdm(parsed, tell),
    viridian: viridian(parsed, tell),
  };
  return { machine, findings };
}

function affinity(parsed: ParsedConfig, name: 'cpus' | 'cpus_soft', tell: Tell): Affinity | null {
  const setting = parsed.settings[name];
  if (setting === undefined) return null;
  if ('list' in setting) {
    const lists = wordsOf(parsed, setting).map((word) => {
      const { cpus, findings } = readCpus(word.text);
      for (const finding of findings) tell(inWord(word, finding));
      return cpus;
    });
    return { kind: 'each-vcpu', cpus: lists };
  }
  const { cpus, findings } = readCpus(setting.string);
  tellInside(parsed, name, setting.string, findings, tell);
  return { kind: 'every-vcpu', cpus };
}

/** Findings inside the string that is a key's whole value. */
function tellInside(
  parsed: ParsedConfig,
  name: string,
  text: string,
  findings: readonly WordFinding[],
  tell: Tell,
): void {
  const { where } = valuePlace(parsed, name);
  const exact = where.length === text.length + 2;
  const inside = exact ? { ...where, column: (where.column ?? 1) + 1, length: text.length } : where;
  for (const finding of findings) tell(inWord({ where: inside, exact }, finding));
}

function ranges<T>(
  parsed: ParsedConfig,
  name: string,
  read: (word: string, dialect: Dialect) => RangeReading<T>,
  tell: Tell,
): Placed<T>[] {
  const setting = parsed.settings[name];
  if (setting === undefined || !('list' in setting)) return [];
  return wordsOf(parsed, setting).flatMap((word) => {
    const { value, findings } = read(word.text, parsed.dialect);
    for (const finding of findings) tell(inWord(word, finding));
    return value === null ? [] : [{ value, where: word.where }];
  });
}

function vnodes(parsed: ParsedConfig, tell: Tell): Placed<Vnode>[] {
  const setting = parsed.settings.vnuma;
  if (setting === undefined || !('list' in setting)) return [];
  return setting.list.map((item, index) => {
    const where = itemPlace(parsed, setting, index);
    const strings = Array.isArray(item) ? item.filter((word) => typeof word === 'string') : [];
    const { value, findings } = readVnode(strings, parsed.dialect);
    for (const finding of findings) tell(inWord({ where, exact: false }, finding));
    return { value, where };
  });
}

function rdm(parsed: ParsedConfig, tell: Tell): ConfiguredMachine['rdm'] {
  const setting = parsed.settings.rdm;
  if (setting === undefined || !('string' in setting)) return null;
  const { value, findings } = readRdm(setting.string, parsed.dialect);
  tellInside(parsed, 'rdm', setting.string, findings, tell);
  return value;
}

function viridian(parsed: ParsedConfig, tell: Tell): Viridian | false | null {
  const setting = parsed.settings.viridian;
  if (setting === undefined) return null;
  if (!('list' in setting)) {
    if (setting.long === null) return null;
    return Number(setting.long) !== 0 && { defaults: true, all: false, enable: [], disable: [] };
  }
  const words = wordsOf(parsed, setting);
  const { value, findings } = readViridian(words.map(({ text }) => text));
  for (const finding of findings) tell(inWord(words[finding.word]!, finding));
  return value;
}
