import {
  measureOf,
  place,
  sizeOf,
  type Fields,
  type InputOf,
  type Layout,
  type Plain,
  type Scalar,
  type StructValue,
} from './layout.ts';

/** The struct's bytes, little-endian. A value that its field cannot hold is a RangeError that names the field. */
export function encode<F extends Fields>(layout: Layout<F>, values: InputOf<Layout<F>>, version = 0): Uint8Array {
  return encodeAll(layout, [values], version);
}

/** The bytes of structs that lie one after the other. */
export function encodeAll<F extends Fields>(
  layout: Layout<F>,
  list: readonly InputOf<Layout<F>>[],
  version = 0,
): Uint8Array {
  const size = sizeOf(layout, version);
  const target = new Uint8Array(size * list.length);
  const view = viewOf(target);
  list.forEach((values, index) => write(view, index * size, layout, values, version, layout.name));
  return target;
}

/** The values of the struct that the bytes begin with. Too few bytes are a RangeError. */
export function decode<F extends Fields>(layout: Layout<F>, source: Uint8Array, version = 0): StructValue<F> {
  return decodeAll(layout, source, 1, version)[0]!;
}

/** The values of the first `count` of the structs that lie one after the other. */
export function decodeAll<F extends Fields>(
  layout: Layout<F>,
  source: Uint8Array,
  count: number,
  version = 0,
): StructValue<F>[] {
  const size = sizeOf(layout, version);
  if (source.length < size * count) {
    throw new RangeError(`${count} × ${layout.name} take ${size * count} bytes, and here are ${source.length}`);
  }
  const view = viewOf(source);
  return Array.from({ length: count }, (_, index) => read(view, index * size, layout, version) as StructValue<F>);
}

const viewOf = ({ buffer, byteOffset, length }: Uint8Array): DataView => new DataView(buffer, byteOffset, length);

/** `name` is the field's path, for the error. */
function write(view: DataView, at: number, type: Plain, value: unknown, version: number, name: string): void {
  if (typeof type === 'string') {
    writeScalar(view, at, type, value, name);
    return;
  }
  switch (type.kind) {
    case 'bytes':
      new Uint8Array(view.buffer, view.byteOffset + at, type.size).set(fitting(value as Uint8Array, type.size, name));
      return;
    case 'array': {
      const { size } = measureOf(type.of, version);
      fitting(value as readonly unknown[], type.count, name).forEach((item, index) =>
        write(view, at + index * size, type.of, item, version, `${name}[${index}]`),
      );
      return;
    }
    case 'struct':
      for (const field of place(type, version).fields) {
        const inner = (value as Readonly<Record<string, unknown>>)[field.name];
        if (inner !== undefined) write(view, at + field.offset, field.type, inner, version, `${name}.${field.name}`);
      }
  }
}

function fitting<T extends { readonly length: number }>(list: T, most: number, name: string): T {
  if (list.length > most) throw new RangeError(`${name} holds ${most}, not ${list.length}`);
  return list;
}

function read(view: DataView, at: number, type: Plain, version: number): unknown {
  if (typeof type === 'string') return readScalar(view, at, type);
  switch (type.kind) {
    case 'bytes':
      return new Uint8Array(view.buffer, view.byteOffset + at, type.size).slice();
    case 'array': {
      const { size } = measureOf(type.of, version);
      return Array.from({ length: type.count }, (_, index) => read(view, at + index * size, type.of, version));
    }
    case 'struct':
      return Object.fromEntries(
        place(type, version).fields.map((field) => [field.name, read(view, at + field.offset, field.type, version)]),
      );
  }
}

/** Least and greatest value of each scalar. */
const RANGES: Readonly<Record<Scalar, readonly [bigint, bigint]>> = {
  u8: [0n, 0xffn],
  u16: [0n, 0xffffn],
  u32: [0n, 0xffff_ffffn],
  s32: [-0x8000_0000n, 0x7fff_ffffn],
  u64: [0n, 0xffff_ffff_ffff_ffffn],
  s64: [-0x8000_0000_0000_0000n, 0x7fff_ffff_ffff_ffffn],
  n64: [0n, BigInt(Number.MAX_SAFE_INTEGER)],
};

function writeScalar(view: DataView, at: number, type: Scalar, value: unknown, name: string): void {
  const whole = typeof value === 'bigint' || Number.isSafeInteger(value) ? BigInt(value as bigint | number) : null;
  const [least, greatest] = RANGES[type];
  if (whole === null || whole < least || whole > greatest) {
    throw new RangeError(`${name} is ${type}, which cannot hold ${String(value)}`);
  }
  switch (type) {
    case 'u8':
      view.setUint8(at, Number(whole));
      return;
    case 'u16':
      view.setUint16(at, Number(whole), true);
      return;
    case 'u32':
    case 's32':
      view.setInt32(at, Number(whole), true);
      return;
    case 'u64':
    case 's64':
    case 'n64':
      view.setBigInt64(at, whole, true);
  }
}

function readScalar(view: DataView, at: number, type: Scalar): number | bigint {
  switch (type) {
    case 'u8':
      return view.getUint8(at);
    case 'u16':
      return view.getUint16(at, true);
    case 'u32':
      return view.getUint32(at, true);
    case 's32':
      return view.getInt32(at, true);
    case 'u64':
      return view.getBigUint64(at, true);
    case 's64':
      return view.getBigInt64(at, true);
    case 'n64':
      return countOf(view.getBigUint64(at, true));
  }
}

function countOf(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError(`${value} is more than a number holds exactly`);
  return Number(value);
}
