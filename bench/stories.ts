/** How many random stories hold every promise: the test of the same name, for longer than a test may take. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { BenchResult } from './result.ts';

const file = fileURLToPath(new URL('../test/simulation/random.test.ts', import.meta.url));

/** @param seconds how long stories are begun for; the first seed is drawn, and printed where one fails */
export async function benchStories(seconds: number): Promise<BenchResult> {
  const child = spawn(process.execPath, ['--test', '--test-isolation=none', '--test-reporter=spec', file], {
    env: { ...process.env, RANDOM_SECONDS: String(seconds) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const { promise, resolve } = Promise.withResolvers<number | null>();
  child.on('close', resolve);
  const code = await promise;
  if (code !== 0) console.error(output);
  const [, stories = '0', seed = '0'] = /random stories: (\d+) from seed (\d+)/.exec(output) ?? [];
  const told = Number(stories);
  return {
    bench: 'stories',
    ok: code === 0 && told > 0,
    figures: {
      stories: told,
      firstSeed: Number(seed),
      seconds,
      storiesPerSecond: Math.round((10 * told) / seconds) / 10,
    },
  };
}
