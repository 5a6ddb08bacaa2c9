import { errorFrom, unreachable, type Diagnostic } from '../base/error.ts';
import { decodeText } from './bytes.ts';
import { readLong } from './number.ts';
import { reportSyntax } from './report.ts';
import { positionOf, sourceText, whereOf, type Position, type SourceText } from './source.ts';
import { unquote } from './string.ts';
import {
  parseSyntax,
  type Assignment,
  type AtomNode,
  type Dialect,
  type Liberty,
  type Stray,
  type SyntaxTree,
  type ValueNode,
} from './syntax.ts';

export interface ParseOptions {
  /** `extended` unless said. */
  readonly dialect?: Dialect;
  /** The file's name, for messages; `config` unless said. */
  readonly source?: string;
  /** `key=value` words of the command line: lines behind the file's. */
  readonly overrides?: readonly string[];
}

/** What a configuration says, by key. `settings` has no prototype, as keys are the user's (`constructor`). */
export interface ParsedConfig {
  readonly settings: Readonly<Record<string, Setting>>;
  /** What the extended dialect took and xl refuses, and other remarks. */
  readonly warnings: readonly Diagnostic[];
  readonly dialect: Dialect;
  /** The text itself: with it positions become places for people (`whereOf`). */
  readonly source: SourceText;
}

export type Setting = StringSetting | ListSetting;

interface Placed {
  /** Of the value; where `+=` added to it, of the last piece. */
  readonly position: Position;
  readonly namePosition: Position;
  /** The value was put together with `+=`. */
  readonly appended: boolean;
}

/** A string or a number: libxlutil makes no difference. */
export interface StringSetting extends Placed {
  readonly string: string;
  /** As libxlutil reads it as a number; digits beyond 2^53; null where it does not, as of every `+=`. */
  readonly long: number | string | null;
}

export interface ListSetting extends Placed {
  readonly list: readonly ListItem[];
  /** Where each item stands. */
  readonly itemPositions: readonly Position[];
}
export type ListItem = string | readonly ListItem[];

/**
 * Reads the text of an xl.cfg file. Throws an XlError with all that is wrong; its `messages` are libxlutil's report,
 * line by line.
 */
export function parseConfig(text: string | Uint8Array, options: ParseOptions = {}): ParsedConfig {
  const dialect = options.dialect ?? 'extended';
  const decoded = typeof text === 'string' ? { text, firstBadByte: null } : decodeText(text);
  const source = sourceText(options.source ?? 'config', decoded.text, options.overrides ?? []);
  const tree = parseSyntax(source.text, dialect);

  const report = reportSyntax(source, tree);
  if (report.diagnostics.length > 0) throw errorFrom(report.diagnostics, { messages: report.messages });

  const warnings = [
    ...tree.liberties.map((liberty) => warningFor(liberty, source)),
    ...tree.strays.map((stray) => warningForStray(stray, source)),
  ];
  if (decoded.firstBadByte !== null) warnings.unshift(warningForBytes(source));
  return { settings: settingsOf(tree, source), warnings, dialect, source };
}

/** Settings in the making: what `+=` adds is put behind, so that a long file of such lines is read in linear time. */
type Draft = { -readonly [Field in keyof StringSetting]: StringSetting[Field] } | DraftList;
interface DraftList extends Placed {
  readonly list: ListItem[];
  readonly itemPositions: Position[];
}

function settingsOf(tree: SyntaxTree, source: SourceText): Record<string, Setting> {
  // Object.create is typed `any`.
  const settings = Object.create(null) as Record<string, Draft>;
  for (const statement of tree.statements) {
    if (statement.kind !== 'assignment') continue;
    const { name, append } = statement;
    settings[name.text] = draftOf(statement, append ? settings[name.text] : undefined, source);
  }
  return settings;
}

function draftOf({ name, append, value }: Assignment, before: Draft | undefined, source: SourceText): Draft {
  const position = positionOf(source, value);
  const placed = { position, namePosition: positionOf(source, name), appended: append };
  if (value.kind === 'list') {
    const empty: Pick<DraftList, 'list' | 'itemPositions'> = { list: [], itemPositions: [] };
    const { list, itemPositions } = before !== undefined && 'list' in before ? before : empty;
    for (const item of value.items) {
      list.push(plain(item));
      itemPositions.push(positionOf(source, item));
    }
    return { ...placed, list, itemPositions };
  }
  const said = textOf(value);
  const string = before !== undefined && 'string' in before ? before.string + said : said;
  const reading = append ? null : readLong(string);
  return { ...placed, string, long: reading?.ok === true ? reading.value : null };
}

const plain = (value: ValueNode): ListItem => (value.kind === 'list' ? value.items.map(plain) : textOf(value));

function textOf(atom: AtomNode): string {
  if (atom.kind === 'number') return atom.text;
  const result = unquote(atom.text);
  if (!result.ok) throw new TypeError('a bad string got past the report');
  return result.text;
}

function warningFor(liberty: Liberty, source: SourceText): Diagnostic {
  const where = whereOf(source, positionOf(source, liberty));
  switch (liberty.kind) {
    case 'carriage-return':
      return {
        severity: 'warning',
        code: 'config-carriage-return',
        message: 'the file has DOS line ends, which xl refuses',
        where,
        hint: 'remove them: sed -i "s/\\r$//" FILE',
      };
    case 'last-comment':
      return {
        severity: 'warning',
        code: 'config-last-comment',
        message: 'xl refuses a comment at the end of a file without a newline',
        where,
        hint: 'end the last line with a newline',
      };
    case 'byte-order-mark':
      return {
        severity: 'warning',
        code: 'config-byte-order-mark',
        message: 'the file begins with a byte order mark, which xl refuses',
        where,
        hint: 'save it as UTF-8 without one',
      };
    default:
      return unreachable(liberty.kind);
  }
}

/** What the report lets pass: a lone character at the end of the text, which libxlutil never notices. */
const warningForStray = (stray: Stray, source: SourceText): Diagnostic => ({
  severity: 'warning',
  code: 'config-last-character',
  message: 'the last character of the file is neither a key nor a value',
  where: whereOf(source, positionOf(source, stray)),
  hint: 'remove it; xl overlooks it',
});

/** Bytes that are no UTF-8 keep their place and come out as they were (`encodeText`), but show as no letters. */
function warningForBytes(source: SourceText): Diagnostic {
  const start = source.text.search(/(?<![\uD800-\uDBFF])[\uDC80-\uDCFF]/);
  return {
    severity: 'warning',
    code: 'config-not-utf8',
    message: 'the file is not UTF-8',
    where: whereOf(source, positionOf(source, { start, end: start + 1 })),
    hint: 'convert it: iconv -f latin1 -t utf8',
  };
}
