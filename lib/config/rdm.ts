import { parseOptions, readOptions, type WordReading } from './options.ts';
import type { Dialect } from './syntax.ts';

const options = {
  strategy: { field: 'strategy', type: 'words', words: ['host'], exact: true },
  policy: { field: 'policy', type: 'words', words: ['strict', 'relaxed'] },
} as const;

/** What becomes of reserved device memory (`libxl_rdm_reserve`). */
export interface Rdm {
  readonly strategy: 'host' | null;
  readonly policy: 'strict' | 'relaxed' | null;
}

/**
 * Reads `rdm`. libxlutil's test of `policy=` is the wrong way round, so it refuses every line that has one, and xl passes
 * over such a line without a word; the xl.cfg(5) of Xen has it, so we take it.
 */
export function readRdm(word: string, dialect: Dialect): WordReading<Rdm> {
  const nodes = parseOptions(word);
  const { value, findings } = readOptions(nodes, options, {
    kind: 'rdm',
    noun: 'reserved device memory',
    dialect,
    unknown: ({ key }) => `Unknown RDM state option: ${key}`,
    badWord: (_, said) => `Unknown RDM strategy option: ${said}`,
  });
  if (dialect === 'extended') return { value, findings };
  // To xl a line without effect is none, whatever it says.
  if (word === 'strategy=host') return { value: { strategy: 'host', policy: null }, findings: [] };
  const message = 'xl passes over such a line';
  const place = { start: 0, length: Math.max(1, word.length) };
  const hint = 'without policy= it counts: rdm = "strategy=host"';
  const finding = { severity: 'warning', code: 'rdm-ignored', message, hint, ...place, xlGoesOn: true } as const;
  return { value: { strategy: null, policy: null }, findings: [finding] };
}
