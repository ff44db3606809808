/**
 * `npm run bench -- [rolling] [idle] [stories] [--json]`: figures of the product, on a real control plane with a simulated
 * node or, for `stories`, in simulation for `--seconds`.
 * With `--json` the only lines on standard output are one JSON object per bench. Exit status 1: a target was missed.
 */
import { parseArgs } from 'node:util';
import { startBenchCluster } from './cluster.ts';
import type { BenchCluster } from './cluster.ts';
import { benchIdle } from './idle.ts';
import { describeResult } from './result.ts';
import type { BenchResult } from './result.ts';
import { benchRolling } from './rolling.ts';
import { benchStories } from './stories.ts';

const benches: Readonly<Record<string, (cluster: BenchCluster) => Promise<BenchResult>>> = {
  rolling: benchRolling,
  idle: benchIdle,
};

const { values, positionals } = parseArgs({
  options: { json: { type: 'boolean', default: false }, seconds: { type: 'string', default: '600' } },
  allowPositionals: true,
});
const names = positionals.length > 0 ? positionals : [...Object.keys(benches), 'stories'];
let isGood = true;
for (const name of names) {
  if (name === 'stories') {
    report(await benchStories(Number(values.seconds)));
    continue;
  }
  const bench = benches[name];
  if (bench === undefined)
    throw new Error(`there is no bench "${name}", known are ${Object.keys(benches).join(', ')}, stories`);
  console.error(`bench ${name}: starting a control plane …`);
  // A new one for each: what one leaves behind would be measured by the next.
  const cluster = await startBenchCluster((line) => console.error(line));
  try {
    console.error(`bench ${name}: measuring …`);
    report(await bench(cluster));
  } finally {
    await cluster.stop();
  }
}
process.exit(isGood ? 0 : 1);

function report(result: BenchResult): void {
  console.log(values.json ? JSON.stringify(result) : describeResult(result));
  isGood &&= result.ok;
}
