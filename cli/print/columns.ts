import { displayWidth, wrap } from './text.ts';

/** A line of a table: its cells as plain text, without colours. */
export type Row = readonly string[];

export interface ColumnOptions {
  /** Columns of the whole; the last cell wraps to stay inside. */
  readonly width: number;
  /** Blanks before the first column. */
  readonly indent?: number;
  /** Blanks between columns. */
  readonly gap?: number;
  /** Least widths of the first columns, for tables that stand under each other. */
  readonly atLeast?: readonly number[];
  /** Colours a cell after it was padded; the plain text decides all widths. */
  readonly paint?: (cell: string, column: number) => string;
}

/** Widths below which wrapping the last column would only make confetti. */
const NARROWEST_LAST_COLUMN = 20;

/**
 * Lays rows out in columns. The last column wraps under itself; where so little room is left that it could not, it
 * starts on a line of its own, further in.
 */
export function columns(rows: readonly Row[], options: ColumnOptions): string[] {
  const { width, indent = 0, gap = 2, atLeast = [], paint = (cell: string) => cell } = options;
  const count = Math.max(1, ...rows.map((row) => row.length));
  const widths = Array.from({ length: count - 1 }, (_, column) =>
    Math.max(atLeast[column] ?? 0, ...rows.map((row) => displayWidth(row[column] ?? ''))),
  );
  const lastAt = indent + widths.reduce((sum, cell) => sum + cell + gap, 0);
  const beside = width - lastAt >= NARROWEST_LAST_COLUMN;
  const hanging = beside ? lastAt : indent + 4;

  return rows.flatMap((row) => {
    const head = row
      .slice(0, count - 1)
      .map((cell, column) => paint(cell, column) + ' '.repeat(widths[column]! - displayWidth(cell) + gap))
      .join('');
    const last = wrap(row[count - 1] ?? '', Math.max(NARROWEST_LAST_COLUMN, width - hanging)).map((line) =>
      paint(line, count - 1),
    );
    const first = ' '.repeat(indent) + head;
    const below = (lines: readonly string[]) => lines.map((line) => ' '.repeat(hanging) + line);
    const lines = beside ? [first + (last[0] ?? ''), ...below(last.slice(1))] : [first, ...below(last)];
    return lines.map((line) => line.trimEnd());
  });
}
