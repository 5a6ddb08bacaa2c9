/**
 * How C structs lie in memory on 64-bit x86, as data: field names are C's, offsets follow from the types by C's rules.
 * A field that only some versions of an interface have says so (`between`), and one layout serves them all.
 */
export type Scalar = 'u8' | 'u16' | 'u32' | 's32' | 's64' | 'u64' | 'n64';

/** A fixed number of bytes, taken and given as they are: an array of uint8_t or char. */
export interface Bytes {
  readonly kind: 'bytes';
  readonly size: number;
}
export interface ArrayOf<T extends Plain> {
  readonly kind: 'array';
  readonly of: T;
  readonly count: number;
}
/** A field of some versions: from `since` on, and before `until`. */
export interface Between<T extends Plain> {
  readonly kind: 'between';
  readonly of: T;
  readonly since: number;
  readonly until: number;
}
/** A type that is there in every version. */
export type Plain = Scalar | Bytes | ArrayOf<Plain> | Layout;
export type FieldType = Plain | Between<Plain>;
export type Fields = Readonly<Record<string, FieldType>>;

/** A struct: `name` as C spells it, `struct xen_domctl_max_mem`; fields in order. */
export interface Layout<F extends Fields = Fields> {
  readonly kind: 'struct';
  readonly name: string;
  readonly fields: F;
}

/**
 * What a field decodes to: numbers for all that fits one, bigint for 64 bits. `n64` is a uint64_t that counts what never
 * nears 2^53 (pages, KiB, addresses): a number too.
 */
export type ValueOf<T> = T extends 'u64' | 's64'
  ? bigint
  : T extends Scalar
    ? number
    : T extends Bytes
      ? Uint8Array
      : T extends ArrayOf<infer E>
        ? readonly ValueOf<E>[]
        : T extends Between<infer E>
          ? ValueOf<E> | undefined
          : T extends Layout<infer F>
            ? StructValue<F>
            : never;
export type StructValue<F extends Fields> = { readonly [K in keyof F]: ValueOf<F[K]> };

/** What is encoded: whatever is not said is zero, as in a C initialiser; so is padding. */
export type InputOf<T> =
  T extends ArrayOf<infer E>
    ? readonly InputOf<E>[]
    : T extends Between<infer E>
      ? InputOf<E>
      : T extends Layout<infer F>
        ? { readonly [K in keyof F]?: InputOf<F[K]> }
        : ValueOf<T>;

export const struct = <const F extends Fields>(name: string, fields: F): Layout<F> => ({
  kind: 'struct',
  name,
  fields,
});
export const bytes = (size: number): Bytes => ({ kind: 'bytes', size });
export const array = <const T extends Plain>(of: T, count: number): ArrayOf<T> => ({ kind: 'array', of, count });
export const between = <const T extends Plain>(
  { since = 0, until = Infinity }: { readonly since?: number; readonly until?: number },
  of: T,
): Between<T> => ({ kind: 'between', of, since, until });

/** A struct with nothing in it: what commands without arguments carry. */
export const nothing = struct('', {});

/** Where a struct's fields lie, in one version of its interface. Bytes. */
export interface Placed {
  readonly size: number;
  readonly align: number;
  /** In order of position. */
  readonly fields: readonly PlacedField[];
}
export interface PlacedField {
  readonly name: string;
  readonly type: Plain;
  readonly offset: number;
  readonly size: number;
}

const SCALAR_SIZES: Readonly<Record<Scalar, number>> = { u8: 1, u16: 2, u32: 4, s32: 4, s64: 8, u64: 8, n64: 8 };
const placements = new WeakMap<Layout, Map<number, Placed>>();

/** Places a struct's fields by C's rules: each at the next multiple of its alignment, the whole padded to the largest. */
export function place(layout: Layout, version = 0): Placed {
  let byVersion = placements.get(layout);
  if (byVersion === undefined) placements.set(layout, (byVersion = new Map<number, Placed>()));
  let placed = byVersion.get(version);
  if (placed === undefined) byVersion.set(version, (placed = placeAnew(layout, version)));
  return placed;
}

function placeAnew(layout: Layout, version: number): Placed {
  const fields: PlacedField[] = [];
  let end = 0;
  let align = 1;
  for (const [name, declared] of Object.entries(layout.fields)) {
    const type = inVersion(declared, version);
    if (type === null) continue;
    const measure = measureOf(type, version);
    const offset = roundUp(end, measure.align);
    fields.push({ name, type, offset, size: measure.size });
    end = offset + measure.size;
    align = Math.max(align, measure.align);
  }
  return { size: roundUp(end, align), align, fields };
}

function inVersion(type: FieldType, version: number): Plain | null {
  if (typeof type === 'string' || type.kind !== 'between') return type;
  return version >= type.since && version < type.until ? type.of : null;
}

/** Size and alignment of a type: what an array of it steps by is its size. */
export function measureOf(type: Plain, version = 0): { readonly size: number; readonly align: number } {
  if (typeof type === 'string') return { size: SCALAR_SIZES[type], align: SCALAR_SIZES[type] };
  switch (type.kind) {
    case 'bytes':
      return { size: type.size, align: 1 };
    case 'array': {
      const { size, align } = measureOf(type.of, version);
      return { size: size * type.count, align };
    }
    case 'struct':
      return place(type, version);
  }
}

/** Bytes that the struct takes, padding at its end included. */
export const sizeOf = (layout: Layout, version = 0): number => place(layout, version).size;

const roundUp = (value: number, align: number): number => Math.ceil(value / align) * align;
