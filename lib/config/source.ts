import type { Where } from '../base/error.ts';
import type { Span } from './syntax.ts';

/** The text that is read: the file's, and behind it a line for each `key=value` word of the command line. */
export interface SourceText {
  readonly name: string;
  readonly text: string;
  /** Offset of the first character of each line. */
  readonly lineStarts: readonly number[];
  /** How many lines are the file's. */
  readonly fileLines: number;
}

/** A place in the text; `line` and `column` count from 1, in the whole text. */
export interface Position {
  readonly offset: number;
  readonly line: number;
  readonly column: number;
  readonly length: number;
}

/** As xl does it: the words stand behind a newline that is added even where the file ends with one. */
export function sourceText(name: string, file: string, overrides: readonly string[]): SourceText {
  const text = [file, ...overrides].join('\n');
  const lineStarts = [0];
  for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', end + 1)) lineStarts.push(end + 1);
  const overrideLines = overrides.reduce((lines, override) => lines + override.split('\n').length, 0);
  return { name, text, lineStarts, fileLines: lineStarts.length - overrideLines };
}

export function positionOf(source: SourceText, { start, end }: Span): Position {
  const line = lineOf(source, start);
  return { offset: start, line, column: start - source.lineStarts[line - 1]! + 1, length: end - start };
}

/** The number of the line that holds an offset, from 1. */
export function lineOf(source: SourceText, offset: number): number {
  let low = 0;
  let high = source.lineStarts.length;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (source.lineStarts[middle]! <= offset) low = middle;
    else high = middle;
  }
  return low + 1;
}

/** The source of what stands in no file. */
export const COMMAND_LINE = 'command line';

/** Lines longer than this are not shown: no caret helps in them, and each problem would carry a copy. */
const LONGEST_EXCERPT = 4096;

/** A place for people: in the file, or on the command line, where lines count from the first `key=value` word. */
export function whereOf(source: SourceText, { line, column, length }: Position): Where {
  const fromFile = line <= source.fileLines;
  const start = source.lineStarts[line - 1]!;
  const end = source.lineStarts[line] === undefined ? source.text.length : source.lineStarts[line] - 1;
  const visible = Math.max(1, Math.min(length, end - start - column + 1));
  return {
    source: fromFile ? source.name : COMMAND_LINE,
    line: fromFile ? line : line - source.fileLines,
    column,
    length: visible,
    ...(end - start > LONGEST_EXCERPT ? {} : { text: source.text.slice(start, end).replace(/\r$/, '') }),
  };
}
