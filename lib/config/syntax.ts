import { parse } from '../../grammar/generated/xl-cfg.js';

/** `xl`: exactly what Xen 4.23's libxlutil takes. `extended`: that, and what helps people, each with a warning. */
export type Dialect = 'xl' | 'extended';

/** A stretch of the text, offsets in UTF-16 units; the end is not part of it. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface SyntaxTree {
  readonly statements: readonly Statement[];
  /** Text that begins no token, in order. */
  readonly strays: readonly Stray[];
  /** What only the extended dialect takes: of each kind the first. */
  readonly liberties: readonly Liberty[];
}

export interface Stray extends Span {
  /** A single byte, and a newline or the end of the file behind it: libxlutil has an oddity for each. */
  readonly lone: boolean;
}

export type Statement = Assignment | Fault | ({ readonly kind: 'end' } & Span);

export interface Assignment {
  readonly kind: 'assignment';
  readonly name: { readonly text: string } & Span;
  /** `+=` in place of `=`. */
  readonly append: boolean;
  readonly value: ValueNode;
  /** What stands behind the value, where nothing may. */
  readonly behind: Fault | null;
}

/** A token in the wrong place, and what would have been right there; the rest of its line went unread. */
export interface Fault {
  readonly kind: 'fault';
  readonly expecting: Expecting;
  readonly found: { readonly type: string } & Span;
  /** What there was of a value before. */
  readonly value: ValueNode | null;
}

/** Where a fault is: before a statement, `=`, a value, a list's end or the statement's end; or lists nest too deep. */
export type Expecting = 'statement' | 'operator' | 'value' | 'bracket' | 'end' | 'depth';

export type ValueNode = AtomNode | ListNode;

/** A string as it stands, with quotes and escapes, or a number. */
export interface AtomNode extends Span {
  readonly kind: 'string' | 'number';
  readonly text: string;
}

export interface ListNode extends Span {
  readonly kind: 'list';
  readonly items: readonly ValueNode[];
}

export interface Liberty extends Span {
  readonly kind: 'carriage-return' | 'last-comment' | 'byte-order-mark';
}

/** The shape of a configuration's text. Any text has one: what is wrong with it is a node of its own. */
export const parseSyntax = (text: string, dialect: Dialect): SyntaxTree => parse(text, { dialect }) as SyntaxTree;

/** The strings and numbers of a value, in the order of the text. */
export function* atomsOf(value: ValueNode): Generator<AtomNode> {
  if (value.kind !== 'list') yield value;
  else for (const item of value.items) yield* atomsOf(item);
}
