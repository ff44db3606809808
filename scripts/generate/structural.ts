import * as z from 'zod';

/** A node of a structural schema, as the API server defines it. */
export interface JsonSchema {
  [keyword: string]: unknown;
  type?: string;
  description?: string;
  properties?: Record<string, JsonSchema>;
  additionalProperties?: JsonSchema | boolean;
  items?: JsonSchema;
  required?: string[];
}

/** Turns a zod schema into a structural schema; whatever has no structural form is an error, never dropped. */
export function structuralSchema(schema: z.ZodType): JsonSchema {
  const raw = z.toJSONSchema(schema, { target: 'openapi-3.0', io: 'input', reused: 'inline', cycles: 'throw' });
  return clean(raw, '');
}

/** The same schema without the rules below its top. */
export function withTopRulesOnly(schema: JsonSchema): JsonSchema {
  const { properties = {} } = schema;
  return { ...schema, properties: mapValues(properties, withoutRules) };
}

function withoutRules(schema: JsonSchema): JsonSchema {
  const { 'x-kubernetes-validations': _, ...rest } = schema;
  const result: JsonSchema = rest;
  if (result.properties !== undefined) result.properties = mapValues(result.properties, withoutRules);
  if (result.items !== undefined) result.items = withoutRules(result.items);
  if (typeof result.additionalProperties === 'object')
    result.additionalProperties = withoutRules(result.additionalProperties);
  return result;
}

function mapValues(
  record: Record<string, JsonSchema>,
  change: (value: JsonSchema) => JsonSchema,
): Record<string, JsonSchema> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}

const keywords = new Set([
  'type',
  'format',
  'description',
  'default',
  'enum',
  'pattern',
  'minLength',
  'maxLength',
  'minimum',
  'maximum',
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
  'properties',
  'required',
  'items',
  'additionalProperties',
  'x-kubernetes-validations',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
]);

function clean(node: unknown, path: string): JsonSchema {
  if (!isObject(node)) throw new Error(`${path}: not a schema`);
  const result: JsonSchema = {};
  for (const [keyword, value] of Object.entries(node)) {
    if (!keywords.has(keyword)) throw new Error(`${path}: "${keyword}" has no structural form`);
    if (keyword === 'properties' && isObject(value)) {
      result.properties = Object.fromEntries(
        Object.entries(value).map(([name, child]) => [name, clean(child, `${path}.${name}`)]),
      );
    } else if (keyword === 'items' || keyword === 'additionalProperties') {
      result[keyword] = clean(value, `${path}.${keyword}`);
    } else {
      result[keyword] = value;
    }
  }
  if (result.type === 'integer') Object.assign(result, integerBounds(result));
  return ordered(result);
}

/** JavaScript's largest integer is no bound anybody chose. */
function integerBounds(schema: JsonSchema): JsonSchema {
  const { minimum, maximum } = schema;
  if (minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
  if (maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  return { format: 'int64' };
}

/** Description first, children last: the order in which people read. */
function ordered(schema: JsonSchema): JsonSchema {
  const order = [...keywords];
  const rank = (keyword: string): number => (keyword === 'description' ? -1 : order.indexOf(keyword));
  return Object.fromEntries(Object.entries(schema).toSorted(([a], [b]) => rank(a) - rank(b)));
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
