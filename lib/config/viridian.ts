import { nearest } from '../base/similar.ts';
import type { WordFinding } from './options.ts';

/** Hyper-V interfaces (`libxl_viridian_enlightenment`); a word's place is its number. */
export const ENLIGHTENMENTS = [
  'base',
  'freq',
  'time_ref_count',
  'reference_tsc',
  'hcall_remote_tlb_flush',
  'apic_assist',
  'crash_ctl',
  'synic',
  'stimer',
  'hcall_ipi',
  'ex_processor_masks',
  'no_vp_limit',
  'cpu_hotplug',
] as const;

export type Enlightenment = (typeof ENLIGHTENMENTS)[number];

/** Which of them a guest is to have beyond the defaults, and which not. */
export interface Viridian {
  /** `defaults` is among the words, or the key is a plain yes. */
  readonly defaults: boolean;
  /** Every one there is, and any that comes. */
  readonly all: boolean;
  readonly enable: readonly Enlightenment[];
  readonly disable: readonly Enlightenment[];
}

/** What there is to say about a word of the list. */
export interface ViridianFinding extends WordFinding {
  readonly word: number;
}

const FAILED = 3;

/** Reads the `viridian` list; the last word on an interface counts (xl_parse.c). */
export function readViridian(words: readonly string[]): { value: Viridian; findings: readonly ViridianFinding[] } {
  const said = new Map<Enlightenment, boolean>();
  const findings: ViridianFinding[] = [];
  let [defaults, all] = [false, false];
  for (const [word, text] of words.entries()) {
    if (text === 'all') all = true;
    else if (text === 'defaults') defaults = true;
    else {
      const name = text.replace(/^!/, '');
      const found = ENLIGHTENMENTS.find((candidate) => candidate === name.toLowerCase());
      if (found === undefined) findings.push({ ...unknown(name), start: 0, length: Math.max(1, text.length), word });
      else said.set(found, !text.startsWith('!'));
    }
  }
  const chosen = (wanted: boolean): Enlightenment[] => ENLIGHTENMENTS.filter((name) => said.get(name) === wanted);
  return { value: { defaults, all, enable: chosen(true), disable: chosen(false) }, findings };
}

function unknown(name: string): Omit<WordFinding, 'start' | 'length'> {
  const meant = nearest(name, [...ENLIGHTENMENTS, 'all', 'defaults']);
  const xl = `xl: unknown viridian enlightenment '${name}'`;
  const hint = meant === null ? `they are all, defaults, ${ENLIGHTENMENTS.join(', ')}` : `did you mean \`${meant}\`?`;
  return { severity: 'error', code: 'viridian-word', message: xl.replace('xl: ', ''), hint, xl, xlExit: FAILED };
}
