import { readFileSync } from 'node:fs';
import type { Outcome, Step } from './player.ts';

/** A case as both of Debian's daemons (Xen 4.17.7) answered it. */
export interface Case {
  readonly name: string;
  readonly steps: readonly Step[];
  /** C xenstored's outcome of each step; of a long case only where the reply changes, as `step` says. */
  readonly c: readonly (Outcome & { readonly step?: number })[];
  readonly ocaml: readonly (Outcome & { readonly step?: number })[];
  readonly agree: boolean;
}

const numbered = (count: number, make: (index: number) => Step): Step[] =>
  Array.from({ length: count }, (_, index) => make(index));

const domainOwned: Step[] = [
  ['s0', 'MKDIR', '/q\0'],
  ['s0', 'SET_PERMS', '/q\0n5\0'],
];

/** The steps of the long cases, which the file only names: a loop up to a limit. */
const longCases: Readonly<Record<string, readonly Step[]>> = {
  'directory too big': [
    ...numbered(100, (index) => ['s0', 'MKDIR', `/d/${String(index).padStart(4, '0')}-${'x'.repeat(40)}\0`]),
    ['s0', 'DIRECTORY', '/d\0'],
  ],
  'quota: nodes': [
    ...domainOwned,
    ...numbered(1003, (index): Step => ['d5', 'WRITE', `/q/${Math.floor(index / 50)}/${index % 50}\0`]),
  ],
  "quota: the children count into the node's size": [
    ...domainOwned,
    ...numbered(700, (index): Step => ['d5', 'WRITE', `/q/${index}\0`]),
  ],
  'quota: watches': numbered(131, (index) => ['d5', 'WATCH', `/a\0t${index}\0`]),
};

/** Runs of one character are kept as `{x*200}`. */
const expand = (text: string): string =>
  text.replace(/\{(.)\*(\d+)\}/gsu, (_, character: string, count: string) => character.repeat(Number(count)));

function expandAll<T>(value: T): T {
  return JSON.parse(JSON.stringify(value), (_, part: unknown) => (typeof part === 'string' ? expand(part) : part)) as T;
}

interface Row extends Omit<Case, 'name' | 'steps'> {
  readonly case: string;
  readonly steps: readonly (Step | string)[];
}

/** All cases of the fixture, steps and texts written out. */
export function readCases(): Case[] {
  const lines = readFileSync(new URL('../../fixtures/xenstore/cases.jsonl', import.meta.url), 'utf8')
    .trim()
    .split('\n');
  return lines.map((line) => {
    const { case: name, steps, ...answers } = JSON.parse(line) as Row;
    return { name, ...expandAll({ steps: longCases[name] ?? (steps as readonly Step[]), ...answers }) };
  });
}

/** Steps at which C xenstored answers with whatever error its last system call left: which one, is left open. */
const accidents: Readonly<Record<string, number>> = { 'special watches of a domain': 5 };

/** The outcomes without what each server does its own way: the generation of a DIRECTORY_PART, and accidents. */
export function comparable(name: string, outcomes: readonly (Outcome & { readonly step?: number })[]): Outcome[] {
  return outcomes.map(({ reply, events }, step) => {
    const same =
      step === accidents[name] && reply?.[0] === 'ERROR' ? (['ERROR', 'some\0'] as const) : withoutGeneration(reply);
    return events === undefined ? { reply: same } : { reply: same, events };
  });
}

function withoutGeneration(reply: Outcome['reply']): Outcome['reply'] {
  if (reply === null || typeof reply === 'string' || reply[0] !== 'DIRECTORY_PART') return reply;
  return ['DIRECTORY_PART', reply[1].replace(/^\d+\0/, 'G\0')];
}

/** Of a long case, the outcomes at which the reply changes: what the file keeps, at most twelve. */
export function changesOf(outcomes: readonly Outcome[]): (Outcome & { readonly step: number })[] {
  return outcomes
    .map((outcome, step) => ({ step, ...outcome }))
    .filter(({ reply }, index) => JSON.stringify(reply) !== JSON.stringify(outcomes[index - 1]?.reply))
    .slice(0, 12);
}
