import type { ImageFacts, PathFacts } from '../../lib/base/facts.ts';
import { imageRows } from '../../lib/disk/explain.ts';
import { gatherPaths } from '../facts.ts';
import { sectionLines, type Section } from '../print/sections.ts';
import type { RunOf } from './index.ts';

/** `xl disk probe FILE…`: format, size and backing chain of each; exit status 1 where one is no sound image. */
export const run: RunOf<'disk probe'> = async ({ terminal, global }, { words }) => {
  const facts = await gatherPaths(words);
  if (global.json) terminal.out(`${JSON.stringify(facts, null, 2)}\n`);
  else {
    const sections = words.map((path) => probed(path, facts[path]!));
    terminal.out(`${sectionLines(sections, terminal.outStyle).join('\n')}\n`);
  }
  return words.every((path) => isSound(facts[path]!)) ? 0 : 1;
};

function probed(path: string, facts: PathFacts): Section {
  return { title: path, rows: rowsOf(facts) };
}

function rowsOf(facts: PathFacts): Section['rows'] {
  if (facts.kind === 'missing') return [['missing', facts.errno]];
  const { kind, readable, size, image } = facts;
  const what = [kind, `${size} bytes${readable ? '' : ', not readable'}`] as const;
  if (image !== undefined) return [what, ...imageRows(image)];
  return kind === 'file' || kind === 'block' ? [what] : [[kind, 'no image']];
}

function isSound(facts: PathFacts): boolean {
  if (facts.kind === 'missing' || facts.image === undefined) return false;
  const sound = ({ problems, backing }: ImageFacts): boolean =>
    problems.length === 0 &&
    (backing === null || (backing.state === 'ok' && backing.image !== null && sound(backing.image)));
  return sound(facts.image);
}
