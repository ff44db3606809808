import type { KindDefinition, Rule } from '../../src/api/kind.ts';
import { apiGroup, apiVersion } from '../../src/api/kind.ts';
import { kinds } from '../../src/api/kinds.ts';
import { reasons } from '../../src/api/reasons.ts';
import { openApiSchema } from './crds.ts';
import { type JsonSchema, isObject } from './structural.ts';

const header = '<!-- Generated from src/api by scripts/generate.ts; do not edit. -->\n';

/** One page per kind, by file name. */
export function renderReference(): Map<string, string> {
  const pages = kinds.map((kind): [string, string] => [`${kind.kind.toLowerCase()}.md`, page(kind)]);
  return new Map([['README.md', index()], ...pages]);
}

/** The catalogue of reasons, sorted by name. */
export function renderReasons(): string {
  const rows = Object.entries(reasons)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([reason, { meaning, remedy }]) => `| \`${reason}\` | ${cell(meaning)} | ${cell(remedy)} |`);
  return [
    header,
    '# Reasons\n',
    'The words in `reason` of conditions, steps, blockers and events, and what to do about each. None is ever renamed or removed.\n',
    '| reason | meaning | what to do |',
    '|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

function index(): string {
  const rows = kinds.map(
    (kind) =>
      `| [${kind.kind}](${kind.kind.toLowerCase()}.md) | ${kind.shortNames.map((name) => `\`${name}\``).join(', ')} | ${kind.writtenBy} | ${cell(kind.description)} |`,
  );
  return [
    header,
    `# \`${apiGroup}/${apiVersion}\`\n`,
    '| kind | short | written by | what it is |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

function page(kind: KindDefinition): string {
  const { spec, status } = openApiSchema(kind).properties ?? {};
  return [
    header,
    `# ${kind.kind}\n`,
    `${kind.description}\n`,
    `Written by: ${kind.writtenBy}. Short name: ${kind.shortNames.map((name) => `\`${name}\``).join(', ')}. Names have at most ${kind.maxNameLength} characters.\n`,
    ...(kind.example === '' ? [] : ['```yaml', kind.example.trimEnd(), '```\n']),
    ...table('spec', spec),
    ...rules(spec),
    ...table('status', status),
    '## Columns\n',
    ...kind.columns.map(
      ({ name, description, priority }) => `- **${name}**: ${description}${priority === 1 ? ' (with `-o wide`)' : ''}.`,
    ),
    '',
  ].join('\n');
}

function table(title: string, schema: JsonSchema | undefined): string[] {
  const rows = fields(schema ?? {}, '').map(
    ({ path, node, required }) =>
      `| \`${path}\` | ${typeOf(node)} | ${required ? 'yes' : bounds(node.default)} | ${cell(describe(node))} |`,
  );
  return [`## ${title}\n`, '| field | type | required or default | meaning |', '|---|---|---|---|', ...rows, ''];
}

interface Field {
  path: string;
  node: JsonSchema;
  required: boolean;
}

/** Depth first, in the order of the schema. */
function fields(schema: JsonSchema, prefix: string): Field[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, node]) => {
    const path = prefix === '' ? name : `${prefix}.${name}`;
    const own = { path, node, required: schema.required?.includes(name) ?? false };
    return [own, ...fields(node.items ?? node, node.items === undefined ? path : `${path}[]`)];
  });
}

function typeOf(node: JsonSchema): string {
  if (Array.isArray(node.enum)) return node.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (node.type === 'array') return `list of ${node.items?.type ?? 'any'}`;
  if (isObject(node.additionalProperties)) return `map to ${String(node.additionalProperties.type)}`;
  return node.type ?? 'any';
}

function bounds(value: unknown): string {
  if (value === undefined) return '';
  return isObject(value) ? 'filled in' : `\`${JSON.stringify(value)}\``;
}

function describe(node: JsonSchema): string {
  const limits = [
    limit('characters', node.minLength, node.maxLength),
    limit('entries', node.minItems ?? node.minProperties, node.maxItems ?? node.maxProperties),
    limit('', node.minimum, node.maximum),
  ].filter((text) => text !== '');
  return [node.description ?? '', ...limits].join(' ');
}

function limit(unit: string, minimum: unknown, maximum: unknown): string {
  const suffix = unit === '' ? '' : ` ${unit}`;
  if (typeof maximum !== 'number')
    return typeof minimum === 'number' && minimum > 0 ? `At least ${minimum}${suffix}.` : '';
  return typeof minimum === 'number' ? `${minimum} to ${maximum}${suffix}.` : `At most ${maximum}${suffix}.`;
}

function rules(schema: JsonSchema | undefined): string[] {
  const found = rulesOf(schema ?? {}, 'spec');
  if (found.length === 0) return [];
  return ['Refused when applied:\n', ...found.map(({ path, message }) => `- \`${path}\`: ${message}.`), ''];
}

function rulesOf(node: JsonSchema, path: string): { path: string; message: string }[] {
  const own = (Array.isArray(node['x-kubernetes-validations']) ? node['x-kubernetes-validations'] : [])
    .filter(isRule)
    .map(({ message, fieldPath }) => ({ path: `${path}${fieldPath ?? ''}`, message }));
  const children = Object.entries(node.properties ?? {}).flatMap(([name, child]) => rulesOf(child, `${path}.${name}`));
  const items = node.items === undefined ? [] : rulesOf(node.items, `${path}[]`);
  return [...own, ...children, ...items];
}

function isRule(value: unknown): value is Rule {
  return isObject(value) && typeof value.message === 'string';
}

/** Text inside a table. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ').replaceAll('<', '&lt;').trim();
}
