/**
 * What one key of xl.cfg is: its shape, its meaning and how far this project acts on it. Everything that is said about
 * keys comes from such rows: TypeScript's types, the checks, the man page.
 */
export interface KeyRow {
  readonly name: string;
  readonly type: KeyType;
  /** The words of an enum, in the order in which libxl tries them. */
  readonly values?: readonly string[];
  /** How an enum's words are compared: exactly unless said; `prefix` takes any beginning of a word, as xl's `type` does. */
  readonly match?: 'any-case' | 'prefix';
  /** A number stands for a word by its place, counted from 0: an old way to write it, of which xl warns, or one as good. */
  readonly numbers?: 'deprecated' | 'welcome';
  /** A single string is split at its blanks, with a warning. */
  readonly split?: true;
  readonly unit?: Unit;
  /** Least and greatest integer, both allowed. */
  readonly range?: readonly [least: number, greatest: number];
  /** The value that counts where the key is not said. */
  readonly default?: string | number | boolean;
  /** What happens where the key is not said, in words, if no fixed value says it. */
  readonly otherwise?: string;
  /** Kinds of guest for which the key means something. */
  readonly guests: readonly DomainType[];
  /** The first release of Xen whose xl reads the key; missing for those that all supported releases read. */
  readonly since?: string;
  /** The architecture whose guests alone have what the key is about. */
  readonly arch?: 'arm';
  /** Missing: acted on. `not-yet`: known and refused, as it would change the guest. `ignored`: read and without effect. */
  readonly support?: Support;
  /** What to write instead of this key. */
  readonly deprecated?: string;
  /** The sentence of xl's when a value is none of the key's words, or outside its range: `%s` for a word, `%d` for a number. */
  readonly refusal?: string;
  /** The exit status of xl after that sentence, 1 unless said. */
  readonly exit?: 3;
  /** What the key is for, one or two sentences; code words in backticks. */
  readonly doc: string;
  /** Keys and manual pages to read next. */
  readonly see?: readonly string[];
}

/**
 * `string-or-list` is read as a list of strings, of one element where the file has a single value.
 * `list-of-lists` is a list whose elements are lists of strings. `boolean-or-enum` and `boolean-or-list` take a number for
 * yes or no beside their words.
 */
export type KeyType =
  | 'string'
  | 'integer'
  | 'boolean'
  | 'enum'
  | 'list'
  | 'list-of-lists'
  | 'string-or-list'
  | 'boolean-or-enum'
  | 'boolean-or-list';
export type Unit = 'MiB' | 'KiB' | 's' | 'us' | 'port';
export type Support = 'not-yet' | 'ignored';
export type DomainType = 'pv' | 'pvh' | 'hvm';

export const everyGuest = ['pv', 'pvh', 'hvm'] as const;
export const hvmOnly = ['hvm'] as const;
export const pvOnly = ['pv'] as const;
export const pvhOnly = ['pvh'] as const;
export const pvAndPvh = ['pv', 'pvh'] as const;
export const hvmAndPvh = ['hvm', 'pvh'] as const;

/** The value that a row's key has after decoding. */
export type ValueOf<Row extends KeyRow> = Row['type'] extends 'string'
  ? string
  : Row['type'] extends 'integer'
    ? number
    : Row['type'] extends 'boolean'
      ? boolean
      : Row['type'] extends 'enum'
        ? WordOf<Row>
        : Row['type'] extends 'boolean-or-enum'
          ? WordOf<Row> | boolean
          : Row['type'] extends 'boolean-or-list'
            ? readonly string[] | boolean
            : Row['type'] extends 'list-of-lists'
              ? readonly (readonly string[])[]
              : readonly string[];
type WordOf<Row extends KeyRow> = Row extends { readonly values: readonly (infer Word)[] } ? Word : never;
