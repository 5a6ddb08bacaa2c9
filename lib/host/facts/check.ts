/** Checks one value of a JSON text; `at` is where it stands, for the error. Throws a TypeError that says what is wrong. */
export type Check<T> = (value: unknown, at: string) => T;

export const string: Check<string> = (value, at) => {
  if (typeof value !== 'string') throw wrong(at, 'a text', value);
  return value;
};

export const boolean: Check<boolean> = (value, at) => {
  if (typeof value !== 'boolean') throw wrong(at, 'true or false', value);
  return value;
};

/** A whole number from 0, as far as a JSON number is exact. */
export const number: Check<number> = (value, at) => {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw wrong(at, 'a whole number', value);
  return value as number;
};

export function oneOf<const T extends string | number>(values: readonly T[]): Check<T> {
  return (value, at) => {
    const found = values.find((candidate) => candidate === value);
    if (found === undefined) throw wrong(at, values.map((candidate) => JSON.stringify(candidate)).join(' or '), value);
    return found;
  };
}

export function nullable<T>(check: Check<T>): Check<T | null> {
  return (value, at) => (value === null ? null : check(value, at));
}

export function array<T>(check: Check<T>): Check<T[]> {
  return (value, at) => {
    if (!Array.isArray(value)) throw wrong(at, 'a list', value);
    return value.map((item, index) => check(item, `${at}[${index}]`));
  };
}

/** An object whose keys are data: paths, names. */
export function record<T>(check: Check<T>): Check<Record<string, T>> {
  return (value, at) =>
    Object.fromEntries(Object.entries(asObject(value, at)).map(([key, item]) => [key, check(item, `${at}["${key}"]`)]));
}

/** A field that may be left out. */
export interface OptionalCheck<T> {
  readonly optional: Check<T>;
}
export const optional = <T>(check: Check<T>): OptionalCheck<T> => ({ optional: check });

type Fields<T> = {
  readonly [Key in keyof T]-?: undefined extends T[Key] ? OptionalCheck<Exclude<T[Key], undefined>> : Check<T[Key]>;
};

/** An object with these fields; others are dropped. */
export function object<T extends object>(fields: Fields<T>): Check<T> {
  const checks = Object.entries<Check<unknown> | OptionalCheck<unknown>>(fields);
  return (value, at) => {
    const given = asObject(value, at);
    const entries = checks.flatMap(([key, check]) => {
      const item = Object.hasOwn(given, key) ? given[key] : undefined;
      if (typeof check === 'function') return [[key, check(item, `${at}.${key}`)] as const];
      return item === undefined ? [] : [[key, check.optional(item, `${at}.${key}`)] as const];
    });
    return Object.fromEntries(entries) as T;
  };
}

function asObject(value: unknown, at: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(at, 'an object', value);
  return value as Record<string, unknown>;
}

function wrong(at: string, wanted: string, value: unknown): TypeError {
  const got = value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 60);
  return new TypeError(`${at.replace(/^the file\./, '')} is ${got}, not ${wanted}`);
}
