import type { Style } from '../terminal.ts';
import { coloursOf } from './colours.ts';
import { columns } from './columns.ts';
import { displayWidth, visible } from './text.ts';

/** Part of an answer: a title, and below it rows of a subject and what there is to say about it. */
export interface Section {
  readonly title: string;
  readonly rows: readonly (readonly [subject: string, text: string])[];
}

/** Sections one under the other; their rows have their texts at the same column. */
export function sectionLines(sections: readonly Section[], style: Style): string[] {
  const colours = coloursOf(style);
  const paint = (cell: string, column: number) => (column === 0 ? colours.strong(cell) : cell);
  const subjects = sections.flatMap(({ rows }) => rows.map(([subject]) => displayWidth(visible(subject))));
  const layout = { width: style.width, indent: 2, atLeast: [Math.max(0, ...subjects)], paint };
  return sections.flatMap(({ title, rows }, index) => [
    ...(index === 0 ? [] : ['']),
    colours.quiet(visible(title)),
    ...columns(
      rows.map(([subject, text]) => [visible(subject), visible(text)]),
      layout,
    ),
  ]);
}
