/** A value of libxl's JSON. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
/** An object of libxl's JSON, its keys in libxl's order. */
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** Whether a value is an object, and no list. */
export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What a field may be built from: null and undefined stand for libxl's initial value, which libxl leaves out. */
type Fields = Readonly<Record<string, JsonValue | undefined>>;

/** An object of those fields that have a value. */
export function sparse(fields: Fields): JsonObject {
  const said = Object.entries(fields).filter(
    (entry): entry is [string, JsonValue] => entry[1] !== null && entry[1] !== undefined,
  );
  return Object.fromEntries(said);
}

/** libxl's three-valued boolean: a word, or nothing where it is not said. */
export const defbool = (value: boolean | null): string | null => (value === null ? null : value ? 'True' : 'False');

/** A list as a field: an empty one is left out. */
export const list = (items: readonly JsonValue[] | null): readonly JsonValue[] | null =>
  items === null || items.length === 0 ? null : items;

/** An integer as a field whose initial value is 0. */
export const unlessZero = (value: number | null): number | null => (value === 0 ? null : value);

/**
 * The text of a document as libxl has its generator (yajl) write it: four blanks a level, an empty line in what is
 * empty, a newline at the end.
 */
export const printJson = (value: JsonValue): string => `${printed(value, '\n')}\n`;

/** `newline` ends a line and indents the next. */
function printed(value: JsonValue, newline: string): string {
  if (typeof value === 'string') return quoted(value);
  if (value === null || typeof value !== 'object') return String(value);
  const inner = `${newline}    `;
  if (isList(value))
    return `[${inFrame(
      value.map((item) => printed(item, inner)),
      newline,
    )}]`;
  const fields = Object.entries(value).map(([key, field]) => `${quoted(key)}: ${printed(field, inner)}`);
  return `{${inFrame(fields, newline)}}`;
}

const isList = (value: object): value is readonly JsonValue[] => Array.isArray(value);

const inFrame = (lines: readonly string[], newline: string): string =>
  lines.length === 0 ? `\n${newline}` : `${newline}    ${lines.join(`,${newline}    `)}${newline}`;

/** JSON's own escapes, but that yajl writes hex digits in capitals. */
const quoted = (text: string): string =>
  JSON.stringify(text).replace(/\\u[0-9a-f]{4}/g, (escape) => `\\u${escape.slice(2).toUpperCase()}`);
