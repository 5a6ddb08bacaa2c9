import { unreachable } from '../base/error.ts';
import { keyRows, type KeyRow } from './keys.ts';

type JsonObject = Readonly<Record<string, unknown>>;

/**
 * The keys of xl.cfg as a JSON Schema (draft 2020-12), made from the table: what `DomainConfig.keys` holds, booleans as
 * such. What JSON Schema has no word for stands in annotations: `x-unit`, `x-guests`, `x-since`, `x-arch`, `x-support`.
 */
export function configSchema(): JsonObject {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'xl.cfg',
    description: 'The keys of a Xen domain configuration; see xl.cfg(5).',
    type: 'object',
    required: ['name'],
    additionalProperties: false,
    properties: Object.fromEntries(keyRows.map((row) => [row.name, propertyOf(row)])),
  };
}

function propertyOf(row: KeyRow): JsonObject {
  const { doc, default: value, deprecated, unit, guests, since, arch, support } = row;
  return {
    description: deprecated === undefined ? doc : `${doc} An old key: write ${deprecated}.`,
    ...shapeOf(row),
    // A lone string is read as a list of one.
    ...(value === undefined ? {} : { default: row.type === 'string-or-list' ? [value] : value }),
    ...(deprecated === undefined ? {} : { deprecated: true }),
    ...(unit === undefined ? {} : { 'x-unit': unit }),
    'x-guests': guests,
    ...(since === undefined ? {} : { 'x-since': since }),
    ...(arch === undefined ? {} : { 'x-arch': arch }),
    ...(support === undefined ? {} : { 'x-support': support }),
  };
}

const strings = { type: 'array', items: { type: 'string' } } as const;

function shapeOf({ type, values, range }: KeyRow): JsonObject {
  switch (type) {
    case 'string':
    case 'boolean':
      return { type };
    case 'integer':
      return range === undefined ? { type } : { type, minimum: range[0], maximum: range[1] };
    case 'enum':
      return { enum: values };
    case 'list':
    case 'string-or-list':
      return strings;
    case 'list-of-lists':
      return { type: 'array', items: strings };
    case 'boolean-or-enum':
      return { enum: [true, false, ...(values ?? [])] };
    case 'boolean-or-list':
      return { oneOf: [{ type: 'boolean' }, strings] };
    default:
      return unreachable(type);
  }
}
