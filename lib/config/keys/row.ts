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
  /** Missing: acted on. `not-yet`: known and refused, as it would change the guest. `ignored`: read and without effect. */
  readonly support?: Support;
  /** What to write instead of this key. */
  readonly deprecated?: string;
  /** The sentence of xl's when an enum's value is none of its words, `%s` for the value. */
  readonly refusal?: string;
  /** What the key is for, one or two sentences; code words in backticks. */
  readonly doc: string;
  /** Keys and manual pages to read next. */
  readonly see?: readonly string[];
}

/**
 * `string-or-list` is read as a list of strings, of one element where the file has a single value.
 * `list-of-lists` is a list whose elements are lists of strings.
 */
export type KeyType = 'string' | 'integer' | 'boolean' | 'enum' | 'list' | 'list-of-lists' | 'string-or-list';
export type Unit = 'MiB' | 'KiB' | 's' | 'port';
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
        ? Row extends { readonly values: readonly (infer Word)[] }
          ? Word
          : never
        : Row['type'] extends 'list-of-lists'
          ? readonly (readonly string[])[]
          : readonly string[];
