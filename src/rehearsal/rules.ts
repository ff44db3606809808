/** The rules of the definitions, as the API server enforces them on a new object: the same texts, evaluated here. */
import type { KindDefinition } from '../api/kind.ts';
import { readHere } from '../drivers/cel-evaluate.ts';

type Fields = Readonly<Record<string, unknown>>;

interface SchemaRule {
  readonly rule: string;
  readonly message: string;
  readonly fieldPath?: string;
}

/** RFC 1123, as for every object whose kind says nothing else. */
const namePattern = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

export interface Ruled {
  readonly metadata: { readonly name: string };
  /** Decoded, so with the defaults that the API server fills in before it asks. */
  readonly spec: unknown;
}

/** The definitions' rules, each read once for all objects. */
export class Rules {
  readonly #schemas = new Map<string, unknown>();
  readonly #read = new Map<string, ReturnType<typeof readHere>>();

  /**
   * One sentence for each rule that does not hold, such as "spec.servers: two servers name the same workload: …".
   * Rules about a change (`oldSelf`) are not asked: an object in a file has no state before.
   */
  broken(kind: KindDefinition, { metadata, spec }: Ruled): string[] {
    const known = this.#schemas.get(kind.kind);
    const schema = known ?? kind.spec.toJSONSchema({ target: 'openapi-3.0', io: 'input', reused: 'inline' });
    this.#schemas.set(kind.kind, schema);
    return [...nameProblems(kind, metadata.name), ...this.#walk(schema, spec, 'spec')];
  }

  #walk(schema: unknown, value: unknown, path: string): string[] {
    if (!isFields(schema) || value === undefined || value === null) return [];
    const own = rulesOf(schema).flatMap((rule) => this.#ask(rule, value, path));
    if (Array.isArray(value))
      return [...own, ...value.flatMap((item, i) => this.#walk(schema['items'], item, `${path}[${i}]`))];
    if (!isFields(value)) return own;
    const { properties, additionalProperties } = schema;
    const below = Object.entries(value).flatMap(([name, inner]) =>
      this.#walk(isFields(properties) ? properties[name] : additionalProperties, inner, `${path}.${name}`),
    );
    return [...own, ...below];
  }

  #ask({ rule, message, fieldPath = '' }: SchemaRule, value: unknown, path: string): string[] {
    if (/\boldSelf\b/.test(rule)) return [];
    const program = this.#read.get(rule) ?? readHere(rule);
    this.#read.set(rule, program);
    const outcome = program({ self: value });
    if (outcome.kind === 'holds') return [];
    const why = 'why' in outcome ? ` (its rule cannot be evaluated: ${outcome.why})` : '';
    return [`${path}${fieldPath}: ${message}${why}`];
  }
}

function nameProblems({ kind, maxNameLength }: KindDefinition, name: string): string[] {
  if (name === '') return [`metadata.name is empty: every ${kind} needs one`];
  if (name.length > maxNameLength)
    return [
      `metadata.name must have at most ${maxNameLength} characters, because other names are made from it: choose a shorter one`,
    ];
  return namePattern.test(name)
    ? []
    : [`metadata.name "${name}" must be lower case letters, digits, dashes and dots, such as portal-1.2.0`];
}

function rulesOf(schema: Fields): readonly SchemaRule[] {
  const rules = schema['x-kubernetes-validations'];
  // Written by src/api alone.
  return Array.isArray(rules) ? (rules as readonly SchemaRule[]) : [];
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
