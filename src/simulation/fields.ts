/** Fields that a kind of ours does not have. The API server would drop them in silence; whoever rehearses wants to know. */
import type { KindDefinition } from '../api/kind.ts';

type Fields = Readonly<Record<string, unknown>>;

const topFields = ['apiVersion', 'kind', 'metadata', 'spec', 'status'];
const maxFields = 3;

/** One sentence for each unknown field, three at the most, such as "spec.rollback.polcy is not a field; did you mean policy?". */
export function unknownFields(kind: KindDefinition, object: unknown): string[] {
  if (!isFields(object)) return [];
  const top = Object.keys(object)
    .filter((name) => !topFields.includes(name))
    .map((name) => sentence(name, name, topFields));
  const schema = kind.spec.toJSONSchema({ target: 'openapi-3.0', io: 'input', reused: 'inline' });
  return [...top, ...walk(schema, object['spec'], 'spec')].slice(0, maxFields);
}

function walk(schema: unknown, value: unknown, path: string): string[] {
  if (!isFields(schema)) return [];
  if (Array.isArray(value)) return value.flatMap((item, i) => walk(schema['items'], item, `${path}[${i}]`));
  if (!isFields(value)) return [];
  const { properties, additionalProperties } = schema;
  if (!isFields(properties))
    return Object.entries(value).flatMap(([name, inner]) => walk(additionalProperties, inner, `${path}.${name}`));
  return Object.entries(value).flatMap(([name, inner]) =>
    Object.hasOwn(properties, name)
      ? walk(properties[name], inner, `${path}.${name}`)
      : [sentence(`${path}.${name}`, name, Object.keys(properties))],
  );
}

function sentence(path: string, name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  return `${path} is not a field; ${near === undefined ? `there are ${known.join(', ')}` : `did you mean ${near}?`}`;
}

/** The known name that takes the fewest keystrokes to reach; undefined when all are far away. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const [best] = known
    .map((candidate) => ({ candidate, keystrokes: distance(name.toLowerCase(), candidate.toLowerCase()) }))
    .toSorted((a, b) => a.keystrokes - b.keystrokes);
  return best !== undefined && best.keystrokes <= Math.max(1, Math.floor(name.length / 3)) ? best.candidate : undefined;
}

/** Letters to insert, delete or replace. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (const [i, letter] of a.split('').entries()) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j += 1) {
      const replaced = (row[j] ?? 0) + (letter === b[j] ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
