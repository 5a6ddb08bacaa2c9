/**
 * Text with named holes. A plan is made before it runs, so it speaks of values that nobody knows yet: `${domid}`,
 * an event channel, a frame number. Literal text stays apart from the holes, so a path that happens to contain
 * `${domid}` is never filled in.
 */
export interface Hole {
  readonly hole: string;
}
export interface Template {
  readonly parts: readonly (string | Hole)[];
}
export type Text = string | Template;
export type Bindings = Readonly<Record<string, string>>;

export const hole = (name: string): Template => ({ parts: [{ hole: name }] });

/** Tag for template literals: ``t`/local/domain/${hole('domid')}/name` ``. Strings and numbers are literal. */
export function t(literals: TemplateStringsArray, ...values: readonly (Text | number)[]): Text {
  // Plans are made of thousands of these, so the literal run between two holes is gathered in one string.
  const parts: (string | Hole)[] = [];
  let literal = literals[0]!;
  for (let index = 0; index < values.length; index++) {
    const value = values[index]!;
    if (typeof value === 'object') {
      for (const part of value.parts) {
        if (typeof part === 'string') literal += part;
        else {
          if (literal !== '') parts.push(literal);
          parts.push(part);
          literal = '';
        }
      }
    } else literal += String(value);
    literal += literals[index + 1]!;
  }
  if (parts.length === 0) return literal;
  if (literal !== '') parts.push(literal);
  return { parts };
}

/** Joins texts with a separator, keeping their holes. */
export function joinText(texts: readonly Text[], separator = ''): Text {
  return texts.reduce((joined, text, index) => (index === 0 ? text : t`${joined}${separator}${text}`), '');
}

/** The text with every hole filled. Throws a TypeError that names the hole if a binding is missing. */
export function fill(text: Text, bindings: Bindings): string {
  if (typeof text === 'string') return text;
  return text.parts.map((part) => (typeof part === 'string' ? part : bound(part, bindings))).join('');
}

function bound(part: Hole, bindings: Bindings): string {
  const value = bindings[part.hole];
  if (value === undefined) throw new TypeError(`nothing has bound the hole \${${part.hole}} yet`);
  return value;
}

/** The text for people: known holes filled, the others as `${name}`; a literal `${` comes out as `$${`. */
export function show(text: Text, bindings: Bindings = {}): string {
  if (typeof text === 'string') return text.replaceAll('${', () => '$${');
  return text.parts
    .map((part) =>
      typeof part === 'string' ? part.replaceAll('${', () => '$${') : (bindings[part.hole] ?? `\${${part.hole}}`),
    )
    .join('');
}

/** The names of a text's holes, in order of appearance, each once. */
export function holesOf(text: Text): string[] {
  if (typeof text === 'string') return [];
  return [...new Set(text.parts.flatMap((part) => (typeof part === 'string' ? [] : [part.hole])))];
}

export const isTemplate = (value: unknown): value is Template =>
  typeof value === 'object' && value !== null && 'parts' in value && Array.isArray(value.parts);
