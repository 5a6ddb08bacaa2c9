import { describe, expect, test } from 'vitest';
import { decodeDomain } from '../../lib/config/domain.ts';
import { keyRows } from '../../lib/config/keys.ts';
import { parseConfig } from '../../lib/config/parse.ts';
import { configSchema } from '../../lib/config/schema.ts';

interface Property {
  readonly description: string;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly oneOf?: readonly Property[];
  readonly items?: Property;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: unknown;
}

const { properties } = configSchema() as { properties: Record<string, Property> };

/** As much of JSON Schema as ours uses. */
function allows(property: Property, value: unknown): boolean {
  if (property.enum !== undefined) return property.enum.includes(value);
  if (property.oneOf !== undefined) return property.oneOf.filter((one) => allows(one, value)).length === 1;
  switch (property.type ?? '') {
    case 'array':
      return Array.isArray(value) && value.every((item) => allows(property.items!, item));
    case 'integer':
      return (
        Number.isInteger(value) &&
        Number(value) >= (property.minimum ?? -Infinity) &&
        Number(value) <= (property.maximum ?? Infinity)
      );
    default:
      return typeof value === property.type;
  }
}

describe('the JSON Schema', () => {
  test('has every key, and is JSON', () => {
    expect(Object.keys(properties).sort()).toEqual(keyRows.map(({ name }) => name).sort());
    expect(JSON.parse(JSON.stringify(configSchema()))).toEqual(configSchema());
  });

  test.each(Object.entries(properties))('%s has a description, and a default of its own type', (_, property) => {
    expect(property.description).toMatch(/[.…]$/);
    if (property.default !== undefined) expect(allows(property, property.default)).toBe(true);
  });

  test.each([
    'memory = 512',
    'type = "hvm"\nviridian = 1',
    'type = "hvm"\nviridian = [ "base" ]',
    'gfx_passthru = "igd"',
    'vnuma = [ [ "pnode=0" ] ]',
    'serial = "pty"',
    'tsc_mode = 2',
    'localtime = 1',
  ])('describes what %j is decoded to', (text) => {
    const parsed = parseConfig(`name = "t"\nkernel = "/k"\n${text}\n`);
    const { config } = decodeDomain(parsed, { unsupported: 'read' });
    const said = Object.entries(config.keys).filter(([, value]) => value !== null);
    expect(said.filter(([name, value]) => !allows(properties[name]!, value))).toEqual([]);
  });
});
