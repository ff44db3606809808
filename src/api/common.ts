/**
 * Building blocks of the kinds: every string, list and map has a bound here, so that the API server can
 * compute the cost of the rules and no object grows without end. Descriptions begin with the field's JSON name.
 */
import * as z from 'zod';
import type { Rule } from './kind.ts';

type Validations = { 'x-kubernetes-validations'?: readonly Omit<Rule, 'check'>[] };

function validations(rules: readonly Rule<never>[]): Validations {
  if (rules.length === 0) return {};
  return { 'x-kubernetes-validations': rules.map(({ check: _, ...rule }) => rule) };
}

function withChecks<Schema extends z.ZodType>(schema: Schema, rules: readonly Rule<z.output<Schema>>[]): Schema {
  let checked = schema;
  for (const { check, message, fieldPath } of rules) {
    if (check === undefined) continue;
    checked = checked.refine(check, { message, path: fieldPath?.split('.').slice(1) ?? [] });
  }
  return checked;
}

/** An object with a description and, if given, rules the API server enforces on it. */
export function object<Shape extends z.ZodRawShape>(
  description: string,
  shape: Shape,
  rules: readonly Rule<z.output<z.ZodObject<Shape, z.core.$strip>>>[] = [],
): z.ZodObject<Shape, z.core.$strip> {
  return withChecks<z.ZodObject<Shape, z.core.$strip>>(z.object(shape), rules).meta({
    description,
    ...validations(rules),
  });
}

/** Exactly one of the members is set. */
export function exactlyOne(...members: readonly string[]): Rule<Record<string, unknown>> {
  return {
    rule: `[${members.map((member) => `has(self.${member})`).join(', ')}].exists_one(x, x)`,
    message: `set exactly one of: ${members.join(', ')}`,
    check: (value) => members.filter((member) => value[member] !== undefined).length === 1,
  };
}

/** Whether no two values are equal. */
export function allDifferent(values: readonly string[]): boolean {
  return new Set(values).size === values.length;
}

/** Free text for people. */
export function text(description: string, maxLength = 512): z.ZodString {
  return z.string().max(maxLength).meta({ description });
}

/** A string that is never empty. */
export function nonEmpty(description: string, maxLength = 512): z.ZodString {
  return z.string().min(1).max(maxLength).meta({ description });
}

/** Name of a Kubernetes object in the same namespace: a DNS name of at most 63 characters, dots allowed. */
export function objectName(description: string): z.ZodString {
  return z
    .string()
    .min(1)
    .max(63)
    .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/)
    .meta({ description });
}

/** Name of an entry in a list of ours: lower case letters, digits and dashes, at most 63 characters. */
export function entryName(description: string, maxLength = 63): z.ZodString {
  return z
    .string()
    .min(1)
    .max(maxLength)
    .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/)
    .meta({ description });
}

/** Name of a variable: upper case letters, digits and underscores. */
export function variableName(description: string): z.ZodString {
  const rule: Rule<string> = {
    rule: "self.matches('^[A-Z][A-Z0-9_]*$')",
    message:
      'a variable name starts with an upper case letter, followed by upper case letters, digits and underscores, such as BASE_URL',
    check: (name) => /^[A-Z][A-Z0-9_]*$/.test(name),
  };
  return withChecks(z.string().min(1).max(63), [rule]).meta({ description, ...validations([rule]) });
}

/** A duration such as "1h30m": units h, m, s, ms in this order. */
export function duration(description: string): z.ZodString {
  return z
    .string()
    .min(2)
    .max(32)
    .regex(/^([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$/, 'must be a duration such as 30m or 1h30m')
    .meta({ description });
}

/** A duration in which something can happen: 0s is refused with this message. */
export function positiveDuration(description: string, message: string): z.ZodString {
  // In this notation every other duration has a digit that is no zero.
  const rule: Rule<string> = { rule: "self.matches('[1-9]')", message, check: (text) => /[1-9]/.test(text) };
  return withChecks(duration(description), [rule]).meta({ description, ...validations([rule]) });
}

/** An instant in RFC 3339, such as "2026-12-05T20:00:00Z". */
export function instant(description: string): z.ZodString {
  return z
    .string()
    .max(64)
    .regex(
      /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$/,
      'must be an instant with its time zone, such as 2026-11-23T22:00:00Z',
    )
    .refine((text) => !Number.isNaN(Date.parse(text)), { message: 'there is no such day or time' })
    .meta({ description, format: 'date-time' });
}

/** A version: optional v, one to six numbers separated by dots, optional -suffix. */
export function versionText(description: string): z.ZodString {
  return z
    .string()
    .min(1)
    .max(64)
    .regex(/^[vV]?[0-9]{1,12}(\.[0-9]{1,12}){0,5}(-[0-9A-Za-z.-]+)?$/)
    .meta({ description });
}

/** A range of versions: comparisons separated by spaces, alternatives by "||". */
export function versionRange(description: string): z.ZodString {
  return z
    .string()
    .min(1)
    .max(256)
    .regex(/^ *(>=|<=|>|<|=)? *[vV]?[0-9][0-9A-Za-z.-]*( *( |\|\|) *(>=|<=|>|<|=)? *[vV]?[0-9][0-9A-Za-z.-]*)* *$/)
    .meta({ description });
}

/** A URL; may hold variables. */
export function url(description: string): z.ZodString {
  return z
    .string()
    .min(1)
    .max(2048)
    .regex(/^(https?:\/\/|\$\{)/)
    .meta({ description });
}

/** A place to fetch something from that nobody can change on the way; no variables. */
export function httpsURL(description: string): z.ZodString {
  const rule: Rule<string> = {
    rule: "self.matches('^https://[^\\\\s/]+(/[^\\\\s]*)?$')",
    message: 'it must be a URL that begins with https://, such as https://downloads.example/portal/1.2.0',
    check: (text) => /^https:\/\/[^\s/]+(\/[^\s]*)?$/.test(text),
  };
  return withChecks(z.string().min(1).max(2048), [rule]).meta({ description, ...validations([rule]) });
}

/** A place in a JSON document, RFC 9535. */
export function jsonPath(description: string): z.ZodString {
  return z.string().min(1).max(512).regex(/^\$/).meta({ description });
}

/** The hash of a plan. */
export function planHash(description: string): z.ZodString {
  return z
    .string()
    .max(71)
    .regex(/^sha256:[0-9a-f]{64}$/)
    .meta({ description });
}

/** An integer within bounds. */
export function integer(description: string, minimum: number, maximum: number): z.ZodInt {
  return z.int().min(minimum).max(maximum).meta({ description });
}

export function boolean(description: string): z.ZodBoolean {
  return z.boolean().meta({ description });
}

interface MapBounds {
  maxProperties?: number;
  minProperties?: number;
  rules?: readonly Rule<Record<string, string>>[];
}

/** A map from string to string. */
export function map<Value extends z.ZodType<string>>(
  description: string,
  value: Value,
  { maxProperties = 64, minProperties, rules = [] }: MapBounds = {},
): z.ZodRecord<z.ZodString, Value> {
  const bounded = z
    .record(z.string(), value)
    .refine((entries) => Object.keys(entries).length <= maxProperties, { message: `at most ${maxProperties} entries` })
    .refine((entries) => Object.keys(entries).length >= (minProperties ?? 0), {
      message: `at least ${minProperties ?? 0} entries`,
    });
  return withChecks(bounded, rules).meta({
    description,
    maxProperties,
    ...(minProperties === undefined ? {} : { minProperties }),
    ...validations(rules),
  });
}

interface ListBounds<Item extends z.ZodType> {
  min?: number;
  max?: number;
  rules?: readonly Rule<z.output<Item>[]>[];
}

function list<Item extends z.ZodType>(
  description: string,
  item: Item,
  bounds: ListBounds<Item>,
  kind: object,
): z.ZodArray<Item> {
  const array = z.array(item).max(bounds.max ?? 64);
  const bounded = bounds.min === undefined ? array : array.min(bounds.min);
  const rules = bounds.rules ?? [];
  return withChecks(bounded, rules).meta({ description, ...kind, ...validations(rules) });
}

/** A list of objects of which no two have the same value of `key`. */
export function mapList<Item extends z.ZodType<Record<string, unknown>>>(
  description: string,
  key: string,
  item: Item,
  bounds: ListBounds<Item> = {},
): z.ZodArray<Item> {
  const keyed = { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [key] };
  return list(description, item, bounds, keyed).refine(
    (items) => allDifferent(items.map((entry) => String(entry[key]))),
    {
      message: `duplicate value of ${key}: every entry needs its own`,
    },
  );
}

/** A list of scalars without duplicates, whose order means nothing. */
export function setList<Item extends z.ZodType<string | number>>(
  description: string,
  item: Item,
  bounds: ListBounds<Item> = {},
): z.ZodArray<Item> {
  return list(description, item, bounds, { 'x-kubernetes-list-type': 'set' }).refine(
    (items) => allDifferent(items.map(String)),
    {
      message: 'duplicate value: name each once',
    },
  );
}

/** A list that is replaced whole: ordered lists, unions and journals. */
export function atomicList<Item extends z.ZodType>(
  description: string,
  item: Item,
  bounds: ListBounds<Item> = {},
): z.ZodArray<Item> {
  return list(description, item, bounds, { 'x-kubernetes-list-type': 'atomic' });
}

/** `observedGeneration` of every status. */
export const observedGeneration = z
  .int()
  .min(0)
  .meta({ description: 'observedGeneration is the metadata.generation this status speaks about.' })
  .optional();

/** A key of a Secret or ConfigMap in the same namespace. */
export function keyRef(
  description: string,
  kind: string,
): z.ZodObject<{ name: z.ZodString; key: z.ZodString }, z.core.$strip> {
  return object(description, {
    name: objectName(`name is the name of the ${kind} in this namespace.`),
    key: nonEmpty(`key is the key in the ${kind}, such as "password".`, 253),
  });
}

const envVar = object(
  'env is one variable: a value, or a key of a Secret that is read when it is needed and never stored or logged.',
  {
    name: variableName('name is the name of the variable, such as "PASSWORD".'),
    value: text('value is the value as it stands; variables are expanded.').optional(),
    secretKeyRef: keyRef('secretKeyRef names the key of a Secret that holds the value.', 'Secret').optional(),
  },
  [exactlyOne('value', 'secretKeyRef')],
);

export function envList(description: string): z.ZodArray<typeof envVar> {
  return mapList(description, 'name', envVar);
}

export type EnvVar = z.output<typeof envVar>;

/** How an image names its content by digest; a tag can change under a run. */
export const digestPattern = '@sha256:[0-9a-f]{64}$';

/** Whether an image is named by its digest. */
export function hasDigest(image: string): boolean {
  return /@sha256:[0-9a-f]{64}$/.test(image);
}

const imageRule: Rule<string> = {
  rule: `self.matches('${digestPattern}')`,
  message: 'image must name its content by digest: replace the tag by @sha256: and 64 hexadecimal digits',
  check: hasDigest,
};

/** A container image that names its content. */
export function imageByDigest(description: string): z.ZodString {
  return withChecks(z.string().min(1).max(512), [imageRule]).meta({ description, ...validations([imageRule]) });
}

const image = imageByDigest(
  'image is the container image by digest, such as "registry.example/tools@sha256:…"; it is run as Pod Security asks for with "restricted", so not as root. Excludes podTemplate.',
);

export const job = object(
  'job runs a Kubernetes Job and reads its exit status: 0 is success. Variables come as BELAY_* environment variables.',
  {
    podTemplate: objectName('podTemplate is the name of a core PodTemplate in this namespace.').optional(),
    image: image.optional(),
    command: atomicList(
      'command replaces the entry point of the image.',
      nonEmpty('An argument; variables are expanded.', 1024),
    ).optional(),
    args: atomicList(
      'args are the arguments, such as ["launch"].',
      text('An argument; variables are expanded.', 1024),
    ).optional(),
    env: envList('env are further environment variables of the container.').optional(),
    timeout: duration('timeout is how long one Job may run. Default "5m".').default('5m'),
  },
  [exactlyOne('podTemplate', 'image')],
);

export type JobAction = z.output<typeof job>;
