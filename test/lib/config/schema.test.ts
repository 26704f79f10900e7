import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { configJsonSchema } from '../../../lib/config/schema';

/** The fields of a JSON schema that these tests read. */
interface Schema {
  readonly description?: string;
  readonly default?: unknown;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
}

describe('configJsonSchema', () => {
  const schema: Schema = JSON.parse(configJsonSchema());

  it('returns the content of refresher.schema.json (if not: npm run schema)', () => {
    const file = readFileSync(join(__dirname, '../../../refresher.schema.json'), 'utf8');

    expect(file).toBe(configJsonSchema());
  });

  it('describes every key, so that an editor can show it', () => {
    const undescribed = keysOf(schema, '').filter(({ description }) => description === undefined);

    expect(undescribed).toEqual([]);
  });

  it('requires only keys without a default', () => {
    expect(schema.required).toBeUndefined();
    expect(schema.anyOf).toEqual([{ required: ['targets'] }, { required: ['delegations'] }]);
    expect(schema.properties?.targets?.items?.required).toEqual(['name', 'registry']);
    expect(schema.properties?.refreshIntervalHours?.default).toBe(6);
  });
});

function keysOf(schema: Schema, path: string): { path: string; description: string | undefined }[] {
  const properties = Object.entries(schema.properties ?? {}).flatMap(([key, value]) => [
    { path: `${path}.${key}`, description: value.description },
    ...keysOf(value, `${path}.${key}`),
  ]);
  const nested = [...(schema.oneOf ?? []), ...(schema.items ? [schema.items] : [])];
  return [...properties, ...nested.flatMap((inner) => keysOf(inner, path))];
}
