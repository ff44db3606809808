/**
 * `npm run bench -- [rolling] [idle] [--json]`: figures of the product on a real control plane with a simulated node.
 * With `--json` the only lines on standard output are one JSON object per bench. Exit status 1: a target was missed.
 */
import { parseArgs } from 'node:util';
import { startBenchCluster } from './cluster.ts';
import type { BenchCluster } from './cluster.ts';
import { benchIdle } from './idle.ts';
import { describeResult } from './result.ts';
import type { BenchResult } from './result.ts';
import { benchRolling } from './rolling.ts';

const benches: Readonly<Record<string, (cluster: BenchCluster) => Promise<BenchResult>>> = {
  rolling: benchRolling,
  idle: benchIdle,
};

const { values, positionals } = parseArgs({
  options: { json: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const names = positionals.length > 0 ? positionals : Object.keys(benches);
let isGood = true;
for (const name of names) {
  const bench = benches[name];
  if (bench === undefined) throw new Error(`there is no bench "${name}", known are ${Object.keys(benches).join(', ')}`);
  console.error(`bench ${name}: starting a control plane …`);
  // A new one for each: what one leaves behind would be measured by the next.
  const cluster = await startBenchCluster((line) => console.error(line));
  try {
    console.error(`bench ${name}: measuring …`);
    const result = await bench(cluster);
    console.log(values.json ? JSON.stringify(result) : describeResult(result));
    isGood &&= result.ok;
  } finally {
    await cluster.stop();
  }
}
process.exit(isGood ? 0 : 1);
