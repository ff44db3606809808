/** docs/requirements.md: who carries which requirement, and which tests name it. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { kinds } from '../../src/api/kinds.ts';
import { openApiSchema } from './crds.ts';
import { requirements } from './requirements-map.ts';
import { type JsonSchema, isObject } from './structural.ts';

interface Requirement {
  readonly id: string;
  readonly summary: string;
  /** Fields and behaviour; empty where nothing carries it. */
  readonly carriedBy: string;
  /** What of it is not built. */
  readonly missing: string;
}

interface Section {
  readonly title: string;
  readonly rows: readonly Requirement[];
}

const idPattern = String.raw`(?:001-\d{2,3}|A-1\d|S-\d{2})(?!\d)`;

export function renderRequirements(root: string): string {
  const sections = parse(requirements);
  const rows = sections.flatMap((section) => section.rows);
  const unknown = rows.flatMap(({ carriedBy }) => fieldsIn(carriedBy)).filter((path) => !exists(path));
  if (unknown.length > 0) throw new Error(`scripts/generate/requirements-map.ts: no such field: ${unknown.join(', ')}`);
  const tests = testsById(root);
  const open = rows.filter(({ id, carriedBy }) => carriedBy === '' && !tests.has(id));
  const partly = rows.filter(({ id, carriedBy, missing }) => missing !== '' && (carriedBy !== '' || tests.has(id)));
  const untested = rows.filter(({ id, carriedBy }) => carriedBy !== '' && !tests.has(id));
  return [
    '<!-- Generated from scripts/generate/requirements-map.ts and the names of tests by scripts/generate.ts; do not edit. -->\n',
    '# Requirements\n',
    'What was asked for, by its ID: the field or behaviour that carries it, and the files whose tests name it. A test names an',
    'ID, or a range of them, in its title. *Open* says what is not built.\n',
    `**Open** (${open.length}): ${listOf(open)}.\n`,
    `**Open in part** (${partly.length}): ${listOf(partly)}.\n`,
    `**Carried, and named by no test** (${untested.length}): ${listOf(untested)}.\n`,
    ...sections.flatMap(({ title, rows: ours }) => [
      `## ${title}\n`,
      '| ID | what | carried by | tests |',
      '|---|---|---|---|',
      ...ours.map((row) => rowOf(row, tests.get(row.id) ?? [])),
      '',
    ]),
  ].join('\n');
}

/** Test files by the ID that a name in them carries. */
function testsById(root: string): Map<string, string[]> {
  const files = globSync(['src/**/*.test.ts', 'test/**/*.ts'], { cwd: root, exclude: ['test/mutation/**'] });
  const found = new Map<string, string[]>();
  for (const file of files.toSorted()) {
    for (const id of idsIn(readFileSync(join(root, file), 'utf8'))) found.set(id, [...(found.get(id) ?? []), file]);
  }
  return found;
}

/** IDs in the strings of a source; a message that is one ID alone names no test. */
function idsIn(source: string): Set<string> {
  const lines = source.split('\n').filter((line) => !/^\s*(?:\/\/|\/?\*)/.test(line));
  const literals = lines.flatMap((line) =>
    [...line.matchAll(/(ids: )?(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|`((?:[^`\\]|\\.)*)`)/g)].flatMap((match) => {
      const text = match[2] ?? match[3] ?? match[4] ?? '';
      return match[1] === undefined && new RegExp(`^${idPattern}$`).test(text) ? [] : [text];
    }),
  );
  return new Set(literals.flatMap(expand));
}

/** "001-97 … 001-114" counts for all in between. */
function expand(text: string): string[] {
  const single = text.match(new RegExp(String.raw`\b${idPattern}`, 'g')) ?? [];
  const ranges = text.matchAll(/\b(001|A|S)-(\d+) … \1-(\d+)/g);
  const between = [...ranges].flatMap(([, prefix = '', from, to]) => {
    const first = Number(from);
    const count = Math.max(0, Number(to) - first + 1);
    return Array.from({ length: count }, (_, index) => `${prefix}-${String(first + index).padStart(2, '0')}`);
  });
  return [...single, ...between];
}

function parse(text: string): Section[] {
  const sections: { title: string; rows: Requirement[] }[] = [];
  for (const line of text.trim().split('\n')) {
    if (line.startsWith('# ')) {
      sections.push({ title: line.slice(2), rows: [] });
      continue;
    }
    const [id = '', summary = '', carriedBy = '', missing = ''] = line.split('|').map((part) => part.trim());
    sections.at(-1)?.rows.push({ id, summary, carriedBy, missing });
  }
  return sections;
}

function rowOf({ id, summary, carriedBy, missing }: Requirement, tests: readonly string[]): string {
  const gap = carriedBy === '' && tests.length === 0 ? ['open', missing] : ['open in part', missing];
  const open = missing === '' && carriedBy !== '' ? [] : [`*${gap.filter((part) => part !== '').join(': ')}*`];
  const carried = [carriedBy, ...open].filter((part) => part !== '').join('; ');
  return `| ${id} | ${summary} | ${carried} | ${tests.length === 0 ? '—' : tests.map((file) => `\`${file}\``).join(', ')} |`;
}

function listOf(rows: readonly Requirement[]): string {
  return rows.length === 0 ? 'none' : rows.map(({ id }) => id).join(', ');
}

/** `Kind.path` in code, such as `Pool.spec.minServing`. */
function fieldsIn(text: string): string[] {
  return [...text.matchAll(/`([A-Z][A-Za-z]+\.(?:spec|status)[.\w]*)`/g)].map(([, path]) => path ?? '');
}

function exists(path: string): boolean {
  const [name, ...fields] = path.split('.');
  const kind = kinds.find((candidate) => candidate.kind === name);
  if (kind === undefined) return false;
  let schema: JsonSchema | undefined = openApiSchema(kind);
  for (const field of fields) {
    const object: JsonSchema | undefined = isObject(schema.items) ? schema.items : schema;
    schema = object.properties?.[field];
    if (schema === undefined) return false;
  }
  return true;
}
