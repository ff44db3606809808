/**
 * `npm test`: every layer, from the quickest to the slowest. `node scripts/test.ts unit e2e` runs only those named.
 *
 * A failure in a layer that needs no cluster ends the run. A layer that this machine cannot run is named and counted
 * as skipped; with CI=true that is a failure.
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { clusterPackages, ensurePackages } from '../test/cluster/packages.ts';
import { filesOf, nodeTestArgs } from './layers.ts';
import type { LayerName } from './layers.ts';
import { endAll, root, run } from './process.ts';
import { countsLine } from './test-reporter.ts';
import type { Counts } from './test-reporter.ts';

interface Layer {
  readonly name: LayerName | 'mutation';
  readonly limitMinutes: number;
  /** What must be there first. `cluster` includes the packages. */
  readonly needs: 'nothing' | 'packages' | 'cluster';
}

interface LayerResult extends Counts {
  readonly name: string;
  readonly seconds: number;
  readonly note: string;
}

const layers: readonly Layer[] = [
  { name: 'unit', limitMinutes: 5, needs: 'nothing' },
  { name: 'architecture', limitMinutes: 5, needs: 'nothing' },
  { name: 'simulation', limitMinutes: 30, needs: 'nothing' },
  { name: 'mutation', limitMinutes: 10, needs: 'nothing' },
  { name: 'conformance', limitMinutes: 10, needs: 'packages' },
  { name: 'integration', limitMinutes: 15, needs: 'cluster' },
  { name: 'e2e', limitMinutes: 50, needs: 'cluster' },
];

/** The whole run ends before the machine that runs it gives up, so that the summary is still printed. */
const totalLimitMs = 85 * 60_000;
const nothing: Counts = { passed: 0, failed: 0, skipped: 0 };
const log = (line: string): void => console.log(line);

function limitMs(layer: Layer): number {
  return Math.max(1000, Math.min(layer.limitMinutes * 60_000, totalLimitMs - performance.now()));
}

function hasProgram(name: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, name)));
}

/** Installs what the conformance tests and the cluster start; answers why it could not. */
function preparePackages(): Promise<string> {
  return ensurePackages([...clusterPackages, 'haproxy', 'postgresql-15', 'postgresql-client-15'], log).then(
    () => '',
    (error: unknown) => `packages are missing: ${error instanceof Error ? error.message : String(error)}`,
  );
}

/** Why this machine can run no cluster of its own, or the empty string. */
function clusterObstacle(): string {
  if (process.platform !== 'linux') return 'a local cluster needs Linux';
  if (process.getuid?.() !== 0) return 'a local cluster needs root';
  if (!hasProgram('go')) return 'a local cluster needs Go on the PATH';
  return '';
}

/** One promise for all layers that wait for it, started before the first: the build takes longer than the quick layers. */
interface Preparation {
  readonly packages: Promise<string>;
  readonly cluster: Promise<string>;
}

function prepare(chosen: readonly Layer[]): Preparation {
  const needsPackages = chosen.some((layer) => layer.needs !== 'nothing');
  const packages = needsPackages ? preparePackages() : Promise.resolve('');
  if (!chosen.some((layer) => layer.needs === 'cluster')) return { packages, cluster: Promise.resolve('') };
  const obstacle = clusterObstacle();
  if (obstacle !== '') return { packages, cluster: Promise.resolve(obstacle) };
  const build = run(process.execPath, ['test/cluster/build-tools.ts'], { nice: true, timeoutMs: 40 * 60_000 });
  const cluster = Promise.all([packages, build]).then(
    ([problem, built]) => problem || (built.ok ? '' : `the tools of the cluster could not be built: ${built.why}`),
  );
  return { packages, cluster };
}

type Outcome = Counts & { readonly note: string };

/** Runs a program that leaves its counts in the file `TEST_COUNTS`; without them it is one thing that passed or not. */
async function runCounted(layer: Layer, args: readonly string[]): Promise<Outcome> {
  const countsFile = join(root, '.test', `${layer.name}-counts.json`);
  mkdirSync(join(root, '.test'), { recursive: true });
  rmSync(countsFile, { force: true });
  const result = await run(process.execPath, args, {
    timeoutMs: limitMs(layer),
    env: { TEST_COUNTS: countsFile, TEST_VERBOSE: layer.needs === 'cluster' ? '1' : '0' },
  });
  const hasCounts = existsSync(countsFile);
  const counts: Counts = hasCounts
    ? JSON.parse(readFileSync(countsFile, 'utf8'))
    : { ...nothing, passed: result.ok ? 1 : 0 };
  // A test file that cannot even be loaded fails the run without failing any test.
  const failed = result.ok ? counts.failed : Math.max(1, counts.failed);
  return { ...counts, failed, note: result.ok || counts.failed > 0 ? '' : `${args[0]}: ${result.why}` };
}

async function runLayer(layer: Layer): Promise<Outcome> {
  if (layer.name === 'mutation') return runCounted(layer, ['test/mutation/run.ts']);
  const files = filesOf(layer.name);
  const tests =
    files.length === 0
      ? { ...nothing, note: 'NO TEST FILES' }
      : await runCounted(layer, nodeTestArgs(files, layer.needs === 'cluster'));
  if (layer.name !== 'architecture') return tests;
  const check = await runCounted(layer, ['scripts/check.ts', '--without', 'unit']);
  return {
    passed: tests.passed + check.passed,
    failed: tests.failed + check.failed,
    skipped: tests.skipped,
    note: [tests.note, check.note].filter((note) => note !== '').join('; '),
  };
}

async function runOrSkip(layer: Layer, preparation: Preparation): Promise<LayerResult> {
  const obstacle = layer.needs === 'nothing' ? '' : await preparation[layer.needs];
  const startedAt = performance.now();
  log(`\n== ${layer.name}`);
  if (obstacle !== '') {
    const skipped = layer.name === 'mutation' ? 1 : Math.max(1, filesOf(layer.name).length);
    log(`!! SKIPPED ${layer.name}: ${obstacle}`);
    return { ...nothing, name: layer.name, skipped, seconds: 0, note: `SKIPPED: ${obstacle.split('\n')[0]}` };
  }
  const result = await runLayer(layer);
  return { ...result, name: layer.name, seconds: (performance.now() - startedAt) / 1000 };
}

function summarize(results: readonly LayerResult[]): Counts {
  log('\n== seconds of each layer');
  for (const { name, seconds, note, ...counts } of results) {
    log(
      `${name.padEnd(13)} ${seconds.toFixed(1).padStart(7)} s  ${countsLine(counts)}${note === '' ? '' : `  (${note})`}`,
    );
  }
  const sum = (pick: (counts: Counts) => number) => results.reduce((total, result) => total + pick(result), 0);
  return { passed: sum((c) => c.passed), failed: sum((c) => c.failed), skipped: sum((c) => c.skipped) };
}

function chooseLayers(names: readonly string[]): readonly Layer[] {
  const unknown = names.filter((name) => !layers.some((layer) => layer.name === name));
  if (unknown.length > 0) {
    console.error(`test: there is no layer ${unknown.join(', ')}; layers are ${layers.map((l) => l.name).join(', ')}`);
    process.exit(2);
  }
  return names.length === 0 ? layers : layers.filter((layer) => names.includes(layer.name));
}

async function main(): Promise<void> {
  const chosen = chooseLayers(process.argv.slice(2));
  const preparation = prepare(chosen);
  const results: LayerResult[] = [];
  for (const layer of chosen) {
    const result = await runOrSkip(layer, preparation);
    results.push(result);
    if (result.failed > 0 && layer.needs !== 'cluster') {
      const left = chosen.slice(results.length).map(({ name }) => name);
      if (left.length > 0) log(`\n!! ${layer.name} failed; not run: ${left.join(', ')}`);
      break;
    }
  }
  const total = summarize(results);
  const notAllowed = process.env['CI'] === 'true' && total.skipped > 0;
  if (notAllowed) log('!! with CI=true nothing may be skipped');
  log(`\n${countsLine(total)}`);
  endAll();
  process.exit(total.failed > 0 || notAllowed ? 1 : 0);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    endAll();
    process.exit(130);
  });
}
await main();
