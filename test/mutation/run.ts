/**
 * Tests the tests: breaks one rule at a time in a copy of the source and asks whether the test that is named for it
 * turns red. A mutation whose text is no longer in the source, and a test that is not there or red without it, fail.
 */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { root, run } from '../../scripts/process.ts';
import { countsLine } from '../../scripts/test-reporter.ts';
import { mutations } from './rules.ts';
import type { Mutation } from './rules.ts';

const line = z.object({ name: z.string(), passed: z.boolean() });
const folders = [
  'src',
  'test/builders',
  'test/fakes',
  'test/unit',
  'test/simulation',
  'test/conformance',
  'test/mutation',
];

function copySource(): string {
  const copy = mkdtempSync(join(tmpdir(), 'belay-mutation-'));
  mkdirSync(join(copy, 'test'));
  for (const folder of folders) cpSync(join(root, folder), join(copy, folder), { recursive: true });
  cpSync(join(root, 'package.json'), join(copy, 'package.json'));
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

/** Whether each test of a file passed, by name. */
async function outcomes(copy: string, file: string): Promise<Map<string, boolean>> {
  const args = ['--test', '--test-isolation=none', '--test-reporter=./test/mutation/names-reporter.ts', file];
  const { output } = await run(process.execPath, args, { cwd: copy, capture: true, timeoutMs: 120_000 });
  const lines = output.split('\n').filter((text) => text.startsWith('{"name"'));
  return new Map(lines.map((text) => line.parse(JSON.parse(text))).map(({ name, passed }) => [name, passed]));
}

/** Why the mutation cannot be tried or is not noticed; empty when its test turned red. */
async function tryMutation(copy: string, mutation: Mutation): Promise<string> {
  const path = join(copy, mutation.file);
  const source = readFileSync(path, 'utf8');
  const places = source.split(mutation.find).length - 1;
  if (places !== 1) return `${mutation.file} has its text ${places} times: "${mutation.find}"`;
  writeFileSync(
    path,
    source.replace(mutation.find, () => mutation.replace),
  );
  try {
    const passed = (await outcomes(copy, mutation.test.file)).get(mutation.test.name);
    if (passed === undefined) return `"${mutation.test.name}" did not run at all: the change does not compile`;
    return passed ? `"${mutation.test.name}" did not notice` : '';
  } finally {
    writeFileSync(path, source);
  }
}

const copy = copySource();
let failures = 0;
try {
  const before = new Map<string, Map<string, boolean>>();
  for (const file of new Set(mutations.map(({ test }) => test.file))) before.set(file, await outcomes(copy, file));
  for (const mutation of mutations) {
    const { file, name } = mutation.test;
    const isGreen = before.get(file)?.get(name) === true;
    const problem = isGreen ? await tryMutation(copy, mutation) : `"${name}" of ${file} is not green without it`;
    console.log(problem === '' ? `noticed: ${mutation.name}` : `NOT NOTICED: ${mutation.name}: ${problem}`);
    if (problem !== '') failures += 1;
  }
} finally {
  rmSync(copy, { recursive: true, force: true });
}
const counts = { passed: mutations.length - failures, failed: failures, skipped: 0 };
const countsFile = process.env['TEST_COUNTS'];
if (countsFile !== undefined) writeFileSync(countsFile, JSON.stringify(counts));
console.log(countsLine(counts));
process.exit(failures === 0 ? 0 : 1);
