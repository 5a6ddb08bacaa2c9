/** Where a problem is: a place in a text that the user gave. `line` and `column` count from 1, `length` in characters. */
export interface Where {
  readonly source: string;
  readonly line?: number;
  readonly column?: number;
  readonly length?: number;
  /** The source line itself, without its line end: what the caret is drawn under. */
  readonly text?: string;
}

/** A finding that helps to understand an error: the last lines of a log, the keys of a device, a command's own words. */
export interface Evidence {
  readonly title: string;
  readonly lines: readonly string[];
}

/** A remark about the input: what, where, why, and what to do next. Errors stop; warnings and notes do not. */
export interface Diagnostic {
  readonly severity: 'error' | 'warning' | 'note';
  /** Stable and kebab-case, so that scripts and tests can name it. */
  readonly code: string;
  readonly message: string;
  readonly where?: Where;
  readonly hint?: string;
}

export interface XlErrorOptions {
  readonly where?: Where | undefined;
  readonly hint?: string | undefined;
  readonly evidence?: readonly Evidence[] | undefined;
  readonly cause?: unknown;
  /** The process's exit status where this error ends a command; 1 unless said. Values as xl's. */
  readonly exitCode?: number | undefined;
  /** All problems found, in order of position, where there are several; this error is the first of them. */
  readonly diagnostics?: readonly Diagnostic[] | undefined;
  /** The bare messages that xl's own parser would print, in its order. */
  readonly messages?: readonly string[] | undefined;
}

/** The one error that this project throws on purpose. Its `code` is stable; its text is for people. */
export class XlError extends Error {
  override readonly name = 'XlError';
  readonly code: string;
  readonly where: Where | undefined;
  readonly hint: string | undefined;
  readonly evidence: readonly Evidence[];
  readonly exitCode: number;
  readonly diagnostics: readonly Diagnostic[];
  readonly messages: readonly string[];

  constructor(code: string, message: string, options: XlErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.where = options.where;
    this.hint = options.hint;
    this.evidence = options.evidence ?? [];
    this.exitCode = options.exitCode ?? 1;
    this.diagnostics = options.diagnostics ?? [];
    this.messages = options.messages ?? [message];
  }
}

/** The error for a list of diagnostics: the first error among them speaks, the rest comes along. */
export function errorFrom(diagnostics: readonly Diagnostic[], options: XlErrorOptions = {}): XlError {
  const first = diagnostics.find((diagnostic) => diagnostic.severity === 'error') ?? diagnostics[0];
  if (first === undefined) throw new RangeError('errorFrom needs at least one diagnostic');
  return new XlError(first.code, first.message, { where: first.where, hint: first.hint, diagnostics, ...options });
}

/** What anything thrown says. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Node's error code (`ENOENT` …) of anything thrown, or undefined. */
export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** For the `default` of a switch over a union: a compile error when a member is missing, a clear throw if data lies. */
export function unreachable(value: never): never {
  throw new TypeError(`unexpected value ${JSON.stringify(value)}`);
}
