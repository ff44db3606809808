import { globSync } from 'node:fs';
import { cpus } from 'node:os';
import { root } from './process.ts';

/** Which test files belong to which layer: every file to exactly one. */
export const layerNames = ['unit', 'architecture', 'simulation', 'conformance', 'integration', 'e2e'] as const;
export type LayerName = (typeof layerNames)[number];

const patterns: Readonly<Record<LayerName, readonly string[]>> = {
  unit: ['src/**/*.test.ts', 'scripts/**/*.test.ts', 'test/{builders,fakes,unit,api,chart,docs}/**/*.test.ts'],
  architecture: ['test/*.test.ts'],
  simulation: ['test/simulation/**/*.test.ts'],
  conformance: ['test/{conformance,postgres}/**/*.test.ts'],
  integration: ['test/integration/**/*.test.ts', 'test/cluster/**/*.test.ts'],
  e2e: ['test/e2e/**/*.test.ts'],
};

/** Paths relative to the repository, sorted: the order of a run must not depend on the file system. */
export function filesOf(layer: LayerName): string[] {
  return globSync([...patterns[layer]], { cwd: root }).toSorted();
}

/** Every test file there is, in whatever folder. */
export function allTestFiles(): string[] {
  return globSync(['{src,scripts,test,bench}/**/*.test.ts'], { cwd: root }).toSorted();
}

/** Arguments for Node that run test files: all in one process, or each in its own and one after the other. */
export function nodeTestArgs(files: readonly string[], isolated: boolean): string[] {
  const mode = isolated
    ? ['--test-isolation=process', '--test-concurrency=1']
    : ['--test-isolation=none', `--test-concurrency=${cpus().length}`];
  return ['--test', ...mode, '--test-reporter=./scripts/test-reporter.ts', ...files];
}
