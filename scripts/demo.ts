/**
 * `npm run demo`: a good upgrade and a bad one of the rolling example, on a real cluster, under load.
 *
 * `-- --down` takes it all down · `-- --json` ends with one JSON line · `-- --haproxy` puts HAProxy before the portal.
 * Ends with status 1 when something that was promised did not hold.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { clusterObstacle, downLocal, openBed } from './demo/bed.ts';
import type { DemoBed } from './demo/bed.ts';
import { storyLines } from './demo/print.ts';
import { brokenPromises } from './demo/promises.ts';
import { upgradeUnderLoad } from './demo/upgrade.ts';
import { root } from './process.ts';
import { Example } from '../test/e2e/example.ts';

const startedAt = performance.now();
const log = (line: string): void => {
  const at =
    line.startsWith(' ') || line === ''
      ? ''
      : `[${((performance.now() - startedAt) / 1000).toFixed(0).padStart(4)} s] `;
  console.log(`${at}${line}`);
};

const { values } = parseArgs({
  options: {
    down: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    haproxy: { type: 'boolean', default: false },
    rate: { type: 'string', default: '200' },
  },
});

async function demonstrate(bed: DemoBed): Promise<boolean> {
  const balancer = values.haproxy ? 'haproxy' : 'service';
  const example = new Example({ ...bed.example, balancer });
  await example.remove(true);
  log(`applying deploy/examples/rolling to namespace ${example.namespace}`);
  await example.install();
  const common = { example, rate: Number(values.rate), log };
  log('upgrading 1.0.0 to 1.1.0, a good release, while users keep coming');
  const good = await upgradeUnderLoad({ ...common, packageName: 'portal-1.1.0', loadName: 'good' });
  storyLines('1.0.0 to 1.1.0', good).forEach(log);
  log('upgrading 1.1.0 to 1.2.0: it is healthy, but nobody can log in');
  const bad = await upgradeUnderLoad({ ...common, packageName: 'portal-1.2.0', loadName: 'bad' });
  storyLines('1.1.0 to 1.2.0', bad).forEach(log);
  const broken = brokenPromises(good, bad);
  log('');
  for (const promise of broken) log(`PROMISE BROKEN: ${promise}`);
  if (broken.length === 0)
    log('Every promise held: no request failed, no acknowledged write was lost, all data is what it was.');
  bed.hints(example.namespace).forEach(log);
  if (values.json) console.log(JSON.stringify({ good: good.result, bad: bad.result }));
  return broken.length === 0;
}

/** The next best thing where there can be no cluster: the same planner and engine against simulated servers. */
function simulate(): Promise<number> {
  const args = [join(root, 'src/main.ts'), 'simulate', '-f', join(root, 'deploy/examples/rolling')];
  return new Promise((resolve) => {
    spawn(process.execPath, args, { stdio: 'inherit' }).on('close', (code) => resolve(code ?? 1));
  });
}

async function main(): Promise<number> {
  if (values.down) {
    await downLocal(log);
    return 0;
  }
  const kubeconfig = process.env['KUBECONFIG'];
  const isRemote = kubeconfig !== undefined && existsSync(kubeconfig);
  const obstacle = isRemote ? '' : clusterObstacle();
  if (obstacle !== '') {
    console.log(`This machine cannot run the demo's own cluster (${obstacle}); here is the simulator instead.`);
    return simulate();
  }
  const isGood = await demonstrate(await openBed(log, isRemote ? kubeconfig : undefined));
  return isGood ? 0 : 1;
}

process.exit(
  await main().catch((error: unknown) => {
    console.error(`demo: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }),
);
