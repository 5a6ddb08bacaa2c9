import type { Diagnostic } from '../base/error.ts';
import { explainFault, explainStray, type Explanation } from './explain.ts';
import { lineOf, positionOf, whereOf, type SourceText } from './source.ts';
import { unquote } from './string.ts';
import {
  atomsOf,
  type Assignment,
  type Expecting,
  type Fault,
  type Span,
  type Stray,
  type SyntaxTree,
  type ValueNode,
} from './syntax.ts';

/** All that is wrong with a text: in our words for people, and in libxlutil's, line by line as it would print them. */
export interface Report {
  readonly diagnostics: readonly Diagnostic[];
  readonly messages: readonly string[];
}

/** What libxlutil's parser would have taken; it says no more than four things, and nothing of a list's inside. */
const EXPECTED: Readonly<Record<Expecting, string>> = {
  statement: ", expecting $end or IDENT or NEWLINE or ';'",
  operator: ", expecting += or '='",
  value: ", expecting STRING or NUMBER or '['",
  bracket: ", expecting ']'",
  end: ', expecting $end',
  depth: '',
};

/** How many tokens of the statement stand before a fault, at least. */
const TOKENS_BEFORE: Readonly<Record<Expecting, number>> = {
  statement: 0,
  operator: 1,
  value: 2,
  bracket: 3,
  end: 3,
  depth: 3,
};

/** After an error bison's parser keeps quiet until it has taken three tokens in order. */
const QUIET_TOKENS = 3;

const PYTHON = [
  'warning: Config file looks like it contains Python code.',
  'warning:  Arbitrary Python is no longer supported.',
  'warning:  See https://wiki.xen.org/wiki/PythonInXlConfig',
];

/** Finds everything that libxlutil refuses, in the order in which it would notice it. */
export function reportSyntax(source: SourceText, tree: SyntaxTree): Report {
  const reporter = new Reporter(source, tree.strays);
  const kinds = new Map<string, 'string' | 'list'>();
  for (const statement of tree.statements) {
    if (statement.kind === 'end') reporter.tokens(1);
    else if (statement.kind === 'fault') reporter.fault(statement);
    else reporter.assignment(statement, kinds);
  }
  return reporter.finish();
}

/** Walks through the text as libxlutil's lexer and parser do together, with the little that they remember. */
class Reporter {
  readonly #source: SourceText;
  readonly #strays: readonly Stray[];
  readonly #diagnostics: Diagnostic[] = [];
  readonly #messages: string[] = [];
  #nextStray = 0;
  /** Errors on this line and above are not told: a lexical error was found here. */
  #mutedLine = 0;
  #tokensSinceFault = QUIET_TOKENS;
  #failed = false;
  /** libxlutil's parser has given up. We go on, for our own list alone. */
  #gaveUp = false;
  #python = false;

  constructor(source: SourceText, strays: readonly Stray[]) {
    this.#source = source;
    this.#strays = strays;
  }

  tokens(count: number): void {
    this.#tokensSinceFault += count;
  }

  assignment({ name, append, value, behind }: Assignment, kinds: Map<string, 'string' | 'list'>): void {
    this.#strings(value);
    this.#straysBefore(value.end);
    this.tokens(QUIET_TOKENS);
    const kind = value.kind === 'list' ? 'list' : 'string';
    const before = kinds.get(name.text) ?? kind;
    if (append && before !== kind) {
      const quiet = this.#failed;
      const last = value.kind === 'list' ? { start: value.end - 1, end: value.end } : value;
      this.#tell(last, `can't add [list] to "string" or vice versa`, {
        code: 'config-mixed-append',
        message: `a ${kind} cannot be added to a ${before}`,
        hint: `\`${name.text}\` is a ${before} so far`,
        quiet,
      });
      if (!quiet) this.#mutedLine = lineOf(this.#source, last.start);
    } else {
      kinds.set(name.text, kind);
    }
    if (behind !== null) this.fault(behind);
  }

  fault(fault: Fault): void {
    if (fault.value !== null) this.#strings(fault.value);
    if (fault.found.type === 'STRING') this.#string(fault.found);
    this.#straysBefore(fault.found.start);
    this.tokens(TOKENS_BEFORE[fault.expecting]);
    const quiet = this.#tokensSinceFault < QUIET_TOKENS;
    this.#tokensSinceFault = 0;
    const message =
      fault.expecting === 'depth'
        ? 'memory exhausted'
        : `syntax error, unexpected ${fault.found.type}${EXPECTED[fault.expecting]}`;
    if (!quiet) {
      this.#tell(fault.found, message, explainFault(fault, this.#source.text));
    }
    if (fault.expecting === 'end' || fault.expecting === 'depth') this.#gaveUp = true;
  }

  finish(): Report {
    this.#straysBefore(this.#source.text.length);
    const messages = this.#failed && this.#python ? [...this.#messages, ...PYTHON] : this.#messages;
    return { diagnostics: this.#diagnostics, messages };
  }

  /** A string is unquoted when the lexer meets it, and only while nothing has failed. */
  #strings(value: ValueNode): void {
    for (const atom of atomsOf(value)) if (atom.kind === 'string') this.#string(atom);
  }

  #string(place: Span): void {
    const result = unquote(this.#source.text.slice(place.start, place.end));
    if (result.ok) return;
    this.#straysBefore(place.start);
    const quiet = this.#failed;
    this.#tell(place, result.message, {
      code: 'config-escape',
      message: result.message.replace('backlash', 'backslash'),
      hint: 'a backslash itself is written \\\\; a character is best written as it is',
      quiet,
      spot: { start: place.start + result.at, end: place.start + result.at + 2 },
    });
    if (!quiet) this.#mutedLine = lineOf(this.#source, place.start);
  }

  #straysBefore(offset: number): void {
    for (let stray = this.#strays[this.#nextStray]; stray !== undefined && stray.start < offset;) {
      this.#stray(stray);
      stray = this.#strays[++this.#nextStray];
    }
  }

  #stray(stray: Stray): void {
    const { text } = this.#source;
    if (!this.#gaveUp && '+-.():'.includes(text.charAt(stray.start))) this.#python = true;
    // A lone character at the very end goes by unnoticed.
    if (isUnnoticed(stray, text)) return;
    // Behind a lone character libxlutil has counted the newline already.
    const counted = lineOf(this.#source, stray.start) + (stray.lone ? 1 : 0);
    this.#tell(stray, 'lexical error', { ...explainStray(text.slice(stray.start, stray.end)), counted });
    this.#mutedLine = counted;
  }

  /** Tells of one problem: in libxlutil's `words`, and in ours. */
  #tell(place: Span, words: string, telling: Telling): void {
    const { code, message, hint, quiet = false, spot = place, counted } = telling;
    const { text, name } = this.#source;
    const atEnd = place.start === text.length;
    const line = lineOf(this.#source, atEnd ? this.#lastToken() : place.start);
    this.#failed = true;
    if ((counted ?? line) <= this.#mutedLine) return;
    const where = whereOf(this.#source, positionOf(this.#source, spot));
    this.#diagnostics.push({ severity: 'error', code, message, where, hint });
    if (quiet || this.#gaveUp) return;
    const near = atEnd ? this.#unnoticed() : text.slice(place.start, place.end);
    const printed = near.endsWith('\n') ? line - 1 : line;
    this.#messages.push(`${name}:${printed}: config parsing error near ${quoted(near)}: ${words}`);
  }

  /** The offset of the last token's last character: there libxlutil sees the end of the file. */
  #lastToken(): number {
    const { text } = this.#source;
    let end = text.length;
    for (let index = this.#strays.length - 1; ; index--) {
      end = withoutBlanks(text, end);
      const stray = this.#strays[index];
      if (stray === undefined || stray.end < end) return Math.max(0, end - 1);
      end = stray.start;
    }
  }

  /** A lone last character: it is still in the lexer's hands at the end of the file. */
  #unnoticed(): string {
    const last = this.#strays.at(-1);
    const { text } = this.#source;
    return last !== undefined && isUnnoticed(last, text) ? text.slice(last.start) : '';
  }
}

interface Telling extends Explanation {
  /** libxlutil does not tell it. */
  readonly quiet?: boolean;
  /** What the caret points at, where it is not the whole place. */
  readonly spot?: Span;
  /** The line that libxlutil has come to, where it is not the place's. */
  readonly counted?: number;
}

const isUnnoticed = ({ lone, end }: Stray, text: string): boolean => lone && end === text.length;

/** As C prints it: up to a NUL, without blanks at the end; a bare newline by its name. */
function quoted(near: string): string {
  if (near === '\n') return '<newline>';
  const printed = near.replace(/\n$/, '').replace(/\0.*$/s, '');
  return `\`${printed.slice(0, withoutBlanks(printed))}'`;
}

/** Where the blanks before `end` begin. */
function withoutBlanks(text: string, end = text.length): number {
  let at = end;
  while (at > 0 && ' \t'.includes(text.charAt(at - 1))) at--;
  return at;
}
