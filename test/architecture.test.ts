/**
 * Data goes one way: spec -> observed -> decision -> effect -> status. This file holds which folder may import which,
 * which folders are pure, and how long a file may be. It reads text, no types: an upward `import type` is upward too.
 */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

interface FolderRule {
  /** Folders of src/, or single modules (`drivers/contract`). The folder itself is always allowed. */
  readonly folders: readonly string[];
  /** Packages by name; `node:*` stands for every module of Node. */
  readonly packages: readonly string[];
  readonly pure?: true;
}

const contract = 'drivers/contract';
const languages = ['drivers/cel-evaluate', 'drivers/json-path', 'drivers/probes/pattern'];
const rules: Readonly<Record<string, FolderRule>> = {
  shared: { folders: [], packages: [], pure: true },
  api: { folders: ['shared'], packages: ['zod'], pure: true },
  planner: { folders: ['shared', 'api'], packages: [], pure: true },
  status: { folders: ['shared', 'api', 'planner'], packages: [], pure: true },
  kube: { folders: ['shared'], packages: ['undici', '@kubernetes/client-node', 'p-limit', 'node:*'] },
  drivers: {
    folders: ['shared', 'api', 'planner', 'kube'],
    packages: ['node:*', '@bufbuild/cel', 'undici', 'json-p3', 'p-limit', 'yaml', 'zod'],
  },
  // `status` too: the journal and what people read of it are one status write, before the effect.
  engine: { folders: ['shared', 'api', 'planner', 'status', contract], packages: ['node:*'] },
  simulation: {
    // Of the drivers only what reads texts of users: CEL, JSONPath and RE2 mean the same here as in a cluster.
    folders: ['shared', 'api', 'planner', 'status', 'engine', contract, 'drivers/cel-evaluate'],
    packages: ['node:*'],
  },
  rehearsal: {
    folders: ['shared', 'api', 'planner', 'status', 'simulation', contract, ...languages, 'drivers/line'],
    packages: ['node:*', 'yaml'],
  },
  controllers: {
    folders: ['shared', 'api', 'planner', 'status', 'kube', 'drivers', 'engine'],
    packages: ['node:*', 'zod', 'p-limit'],
  },
  observability: { folders: ['shared'], packages: ['node:*', 'pino', 'prom-client'] },
  cli: {
    folders: ['shared', 'api', 'planner', 'status', 'kube', 'simulation', 'rehearsal'],
    packages: ['node:*', 'yaml'],
  },
};

/** What a pure folder may not contain, with the words the failure uses. */
const impurities: readonly (readonly [RegExp, string])[] = [
  [/\basync\b|\bawait\b/, 'async code'],
  [/\bDate\.now\b|\bnew Date\(\s*\)|(?<!\bnew )\bDate\(\s*\)/, 'the current time'],
  [/\bMath\.random\b|\bcrypto\.\w+/, 'randomness'],
  [/\bprocess\.\w+/, 'the process'],
  [/\b(?:setTimeout|setInterval|setImmediate|queueMicrotask)\b/, 'a timer'],
  [/\bfetch\(/, 'fetch'],
  [/\bperformance\.now\b/, 'the current time'],
];

const fileCap = 400;

/** Text without comments and without what stands inside strings, except the module names of imports. */
function codeOf(source: string): string {
  const token = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`/g;
  return source.replaceAll(token, (text) => (text.startsWith('/') ? ' ' : "''"));
}

/** The modules a source names: `import`, `export … from`, `import type`, bare and dynamic imports, `require`. */
function importsOf(source: string): string[] {
  const pattern =
    /(?:^|[;}\s])(?:import|export)\s[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]|(?:^|[;}\s])import\s*['"]([^'"]+)['"]|\b(?:import|require)\s*\(\s*['"`]([^'"`]+)['"`]/g;
  const withoutComments = source.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/[^\n]*|(?<=[;,{}\s])\/\/[^\n]*/gm, ' ');
  return [...withoutComments.matchAll(pattern)].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
}

function isUnder(module: string, folder: string): boolean {
  return module === folder || module.startsWith(`${folder}/`);
}

function importProblem(path: string, folder: string, rule: FolderRule, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) {
    const isNode = specifier.startsWith('node:');
    const allowed = rule.packages.some((name) => isUnder(specifier, name) || (isNode && name === 'node:*'));
    return allowed ? undefined : `${path}: ${folder} may not import ${specifier}`;
  }
  const target = posix.join(posix.dirname(path), specifier).replace(/\.ts$/, '');
  if (!target.startsWith('src/')) return `${path}: src may not import ${target}`;
  const module = target.slice('src/'.length);
  const allowed = [folder, ...rule.folders].some((name) => isUnder(module, name));
  return allowed ? undefined : `${path}: ${folder} may not import ${module}`;
}

/** Drivers know each other only through what lies directly in drivers/. */
function sidewaysProblem(path: string, specifier: string): string | undefined {
  const own = /^src\/drivers\/([^/]+)\//.exec(path)?.[1];
  if (own === undefined || !specifier.startsWith('.')) return undefined;
  const other = /^src\/drivers\/([^/]+)\//.exec(posix.join(posix.dirname(path), specifier))?.[1];
  return other === undefined || other === own || other === 'jobs'
    ? undefined
    : `${path}: drivers/${own} may not import drivers/${other}`;
}

/** Everything that is wrong with one file, in sentences that name it. */
function problemsOf(path: string, source: string): string[] {
  const lines = source.split('\n').length - 1;
  const folder = path.split('/')[1] ?? '';
  const problems: string[] = [];
  if (lines > fileCap && folder !== 'api') problems.push(`${path}: ${lines} lines, the cap is ${fileCap}`);
  if (path === 'src/main.ts') return problems;
  const rule = Object.hasOwn(rules, folder) ? rules[folder] : undefined;
  if (rule === undefined) return [...problems, `${path}: src/${folder} is no folder of the layout`];
  for (const specifier of importsOf(source)) {
    const problem = importProblem(path, folder, rule, specifier) ?? sidewaysProblem(path, specifier);
    if (problem !== undefined) problems.push(problem);
  }
  const code = codeOf(source);
  if (/^(?:export )?(?:let|var)\s/m.test(code)) problems.push(`${path}: mutable state of the module`);
  if (rule.pure !== true) return problems;
  for (const [pattern, what] of impurities)
    if (pattern.test(code)) problems.push(`${path}: ${folder} is pure, but has ${what}`);
  return problems;
}

function sourceFiles(): string[] {
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  return globSync('src/**/*.ts', { cwd })
    .filter((path) => !path.endsWith('.test.ts'))
    .toSorted();
}

describe('the layout of src/', () => {
  it('has only imports that go one way, pure folders that are pure, and files below the cap', () => {
    const files = sourceFiles();
    assert.ok(files.length > 0);
    const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
    assert.deepEqual(
      files.flatMap((path) => problemsOf(path, read(path))),
      [],
    );
  });

  it('has no folder for leftovers', () => {
    assert.deepEqual(
      sourceFiles().filter((path) => /\/(?:utils?|helpers?|common|misc)\//.test(path)),
      [],
    );
  });
});

describe('the architecture test itself', () => {
  const cases: Readonly<Record<string, readonly [path: string, source: string, want: readonly string[]]>> = {
    'accepts what the layout allows': [
      'src/planner/decide.ts',
      `import type { Reason } from '../api/reasons.ts';\nexport { at } from './at.ts';\nexport const now = new Date(0);\n`,
      [],
    ],
    'refuses an upward import': [
      'src/planner/a.ts',
      `import { apply } from '../kube/apply.ts';\n`,
      ['src/planner/a.ts: planner may not import kube/apply'],
    ],
    'refuses an upward import of types only': [
      'src/shared/a.ts',
      `import type {\n  Plan,\n  Step,\n} from '../planner/plan.ts';\n`,
      ['src/shared/a.ts: shared may not import planner/plan'],
    ],
    'refuses an upward re-export': [
      'src/api/a.ts',
      `export * from '../status/summarize.ts';\n`,
      ['src/api/a.ts: api may not import status/summarize'],
    ],
    'refuses an upward dynamic import': [
      'src/engine/a.ts',
      `const load = () => import('../controllers/assemble.ts');\n`,
      ['src/engine/a.ts: engine may not import controllers/assemble'],
    ],
    'refuses an inline type import': [
      'src/planner/a.ts',
      `export type T = import('../engine/journal.ts').Journal;\n`,
      ['src/planner/a.ts: planner may not import engine/journal'],
    ],
    'refuses an import for its side effects': [
      'src/kube/a.ts',
      `import '../drivers/setup.ts';\n`,
      ['src/kube/a.ts: kube may not import drivers/setup'],
    ],
    'lets the engine see the contract of the drivers and nothing else of them': [
      'src/engine/a.ts',
      `import type { Drivers } from '../drivers/contract.ts';\nimport { haproxy } from '../drivers/pools/haproxy.ts';\n`,
      ['src/engine/a.ts: engine may not import drivers/pools/haproxy'],
    ],
    'refuses one driver that uses another': [
      'src/drivers/pools/a.ts',
      `import { stop } from '../workloads/stop.ts';\nimport { read } from '../read.ts';\n`,
      ['src/drivers/pools/a.ts: drivers/pools may not import drivers/workloads'],
    ],
    'refuses a module of Node in a pure folder': [
      'src/status/a.ts',
      `import { readFileSync } from 'node:fs';\n`,
      ['src/status/a.ts: status may not import node:fs'],
    ],
    'refuses a package the folder has no use for': [
      'src/planner/a.ts',
      `import * as z from 'zod';\n`,
      ['src/planner/a.ts: planner may not import zod'],
    ],
    'does not take a longer name for an allowed one': [
      'src/api/a.ts',
      `import * as z from 'zod-mini';\nimport * as core from 'zod/v4/core';\n`,
      ['src/api/a.ts: api may not import zod-mini'],
    ],
    'refuses the test folders in the product': [
      'src/cli/a.ts',
      `import { group } from '../../test/builders/group.ts';\n`,
      ['src/cli/a.ts: src may not import test/builders/group'],
    ],
    'refuses a folder that is not in the layout': [
      'src/utils/a.ts',
      '',
      ['src/utils/a.ts: src/utils is no folder of the layout'],
    ],
    'refuses async code in a pure folder': [
      'src/planner/a.ts',
      'export async function f(): Promise<void> {}\n',
      ['src/planner/a.ts: planner is pure, but has async code'],
    ],
    'refuses the current time in a pure folder': [
      'src/shared/a.ts',
      'export const a = Date.now();\n',
      ['src/shared/a.ts: shared is pure, but has the current time'],
    ],
    'refuses the current date, randomness, the process, timers and fetch in a pure folder': [
      'src/api/a.ts',
      'const a = () => [new Date(), Math.random(), process.env, setTimeout(f, 1), fetch(u)];\n',
      ['the current time', 'randomness', 'the process', 'a timer', 'fetch'].map(
        (what) => `src/api/a.ts: api is pure, but has ${what}`,
      ),
    ],
    'reads neither comments nor strings as code': [
      'src/shared/a.ts',
      `// never Date.now() or import x from 'y'\n/* import a from '../kube/b.ts' */\nexport const a = 'await fetch()';\n`,
      [],
    ],
    'refuses mutable state of a module': [
      'src/drivers/a.ts',
      `let count = 0;\n`,
      ['src/drivers/a.ts: mutable state of the module'],
    ],
    'lets main.ts import everything': [
      'src/main.ts',
      `import { a } from './drivers/pools/a.ts';\nimport 'pino';\n`,
      [],
    ],
    'refuses a file above the cap': [
      'src/main.ts',
      'const a = 1;\n'.repeat(fileCap + 1),
      [`src/main.ts: ${fileCap + 1} lines, the cap is ${fileCap}`],
    ],
    'lets a file of the API be longer': ['src/api/a.ts', 'const a = 1;\n'.repeat(fileCap + 1), []],
  };
  for (const [name, [path, source, want]] of Object.entries(cases)) {
    it(name, () => assert.deepEqual(problemsOf(path, source), want));
  }
});
