import { XlError, errnoOf, type Diagnostic, type Evidence, type Where } from '../../lib/base/error.ts';
import type { Style, Terminal } from '../terminal.ts';
import { isUsageError } from '../usage.ts';
import { coloursOf, type Colours } from './colours.ts';
import { displayWidth, visible, wrap } from './text.ts';

/** Prints anything thrown, on stderr; gives the exit status that it stands for. */
export function printError(error: unknown, terminal: Terminal, { json = false } = {}): number {
  if (json) terminal.err(`${JSON.stringify({ error: errorData(error) })}\n`);
  else terminal.err(`${errorLines(error, terminal.errStyle).join('\n')}\n`);
  return error instanceof XlError ? error.exitCode : 1;
}

/** Prints warnings and notes, on stderr. */
export function printDiagnostics(diagnostics: readonly Diagnostic[], terminal: Terminal): void {
  const { errStyle } = terminal;
  const lines = diagnostics.flatMap((diagnostic) => diagnosticLines(diagnostic, errStyle));
  if (lines.length > 0) terminal.err(`${lines.join('\n')}\n`);
}

/** An error for people: what and where, every further problem, what to do, the findings, and what caused it. */
export function errorLines(error: unknown, style: Style): string[] {
  const colours = coloursOf(style);
  if (!(error instanceof XlError)) return unexpectedLines(error, style);
  if (isUsageError(error)) return [visible(error.message), ...hintLines(error.hint, style)];
  const problems: readonly Diagnostic[] =
    error.diagnostics.length > 0 ? error.diagnostics : [{ ...diagnosticOf(error), severity: 'error' }];
  return [
    ...problems.flatMap((problem) => diagnosticLines(problem, style)),
    ...error.evidence.flatMap((found) => evidenceLines(found, colours)),
    ...causeLines(error, style),
  ];
}

/** A diagnostic for people: severity and message, the place with the source line and a caret under it, the hint. */
export function diagnosticLines(diagnostic: Diagnostic, style: Style): string[] {
  const { severity, message, where, hint } = diagnostic;
  const colours = coloursOf(style);
  const colour = { error: colours.error, warning: colours.warning, note: colours.strong }[severity];
  const [first = '', ...more] = wrap(visible(message), style.width - severity.length - 2);
  return [
    `${colour(`${severity}:`)} ${colours.strong(first)}`,
    ...more.map((line) => ' '.repeat(severity.length + 2) + colours.strong(line)),
    ...(where === undefined ? [] : excerptLines(where, style, colour)),
    ...hintLines(hint, style),
  ];
}

/** At most so much of a source line is shown: a specification of a megabyte is one line, too. */
const EXCERPT_MARGIN = 12;

function excerptLines(where: Where, style: Style, colour: (text: string) => string): string[] {
  const { source, line, column = 1, length = 1, text } = where;
  const colours = coloursOf(style);
  const place = [source, line, line === undefined ? undefined : where.column].filter((part) => part !== undefined);
  const head = `  ${colours.quiet('at')} ${visible(place.join(':'))}`;
  if (text === undefined || line === undefined) return [head];
  const gutter = `${line} | `;
  const room = Math.max(20, style.width - 4 - gutter.length);
  const from = Math.max(0, Math.min(column - 1 - EXCERPT_MARGIN, text.length - room));
  const shown = visible(text.slice(from, from + room).replaceAll('\t', ' '));
  const before = visible(text.slice(from, column - 1).replaceAll('\t', ' '));
  const marked = Math.max(1, Math.min(length, from + room - (column - 1)));
  const caret = '^'.repeat(marked);
  return [
    head,
    `    ${colours.quiet(gutter)}${from > 0 ? '…' : ''}${shown}`,
    `    ${' '.repeat(gutter.length + displayWidth(before) + (from > 0 ? 1 : 0))}${colour(caret)}`,
  ];
}

function hintLines(hint: string | undefined, style: Style): string[] {
  if (hint === undefined) return [];
  const colours = coloursOf(style);
  return wrap(visible(hint), style.width - 8).map((line, index) =>
    index === 0 ? `  ${colours.good('hint')}  ${line}` : `        ${line}`,
  );
}

function evidenceLines({ title, lines }: Evidence, colours: Colours): string[] {
  return [`  ${colours.quiet(`${visible(title)}:`)}`, ...lines.map((line) => `    ${visible(line)}`)];
}

/** How many causes deep an error is followed. */
const DEEPEST_CAUSE = 8;

/** The chain below an error; a cause that only says the same again is passed over. */
function causeLines(error: Error, style: Style, depth = 1): string[] {
  const { cause } = error;
  if (cause === undefined || cause === null || depth > DEEPEST_CAUSE) return [];
  if (cause instanceof Error && cause.message === error.message) return causeLines(cause, style, depth + 1);
  const colours = coloursOf(style);
  const message = cause instanceof Error ? cause.message : typeof cause === 'string' ? cause : 'something unknown';
  const { hint, evidence } = cause instanceof XlError ? cause : NOTHING_MORE;
  return [
    ...wrap(visible(message), style.width - 13).map((line, index) =>
      index === 0 ? `  ${colours.quiet('caused by')}  ${line}` : `             ${line}`,
    ),
    ...hintLines(hint, style),
    ...evidence.flatMap((found) => evidenceLines(found, colours)),
    ...(cause instanceof Error ? causeLines(cause, style, depth + 1) : []),
  ];
}

const NOTHING_MORE = { hint: undefined, evidence: [] } as const;

/** An error that nobody foresaw: either the system's, which has a number and speaks for itself, or a mistake of ours. */
function unexpectedLines(error: unknown, style: Style): string[] {
  const colours = coloursOf(style);
  const message = error instanceof Error ? error.message : String(error);
  if (errnoOf(error) !== undefined) return [`${colours.error('error:')} ${colours.strong(visible(message))}`];
  const stack = error instanceof Error ? (error.stack ?? '').split('\n').slice(1) : [];
  return [
    `${colours.error('error:')} ${colours.strong(visible(message))}`,
    ...hintLines('this is a mistake in xl-ts itself; please report it with what follows', style),
    ...stack.map((line) => colours.quiet(visible(line))),
  ];
}

const diagnosticOf = ({ code, message, where, hint }: XlError) => ({
  code,
  message,
  ...(where === undefined ? {} : { where }),
  ...(hint === undefined ? {} : { hint }),
});

/** An error as JSON: the same content as the text, with stable names. */
export function errorData(error: unknown): Record<string, unknown> {
  if (!(error instanceof XlError)) {
    const code = errnoOf(error);
    return { code: code ?? 'internal', message: error instanceof Error ? error.message : String(error) };
  }
  return {
    ...diagnosticOf(error),
    exitCode: error.exitCode,
    ...(error.evidence.length === 0 ? {} : { evidence: error.evidence }),
    ...(error.diagnostics.length === 0 ? {} : { diagnostics: error.diagnostics }),
    ...(error.cause === undefined ? {} : { cause: errorData(error.cause) }),
  };
}
