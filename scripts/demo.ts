/**
 * `npm run demo`: a good upgrade and a bad one of the rolling example, on a real cluster, under load.
 * Options: `-- --help`. Ends with status 1 when something that was promised did not hold.
 */
import { openBed, placeHere, takeDown, writeImages } from './demo/bed.ts';
import type { DemoBed } from './demo/bed.ts';
import { parseDemoArgs, usage } from './demo/options.ts';
import type { DemoOptions } from './demo/options.ts';
import { storyLines } from './demo/print.ts';
import { brokenPromises } from './demo/promises.ts';
import { rehearseDemo } from './demo/rehearse.ts';
import { upgradeUnderLoad } from './demo/upgrade.ts';
import { Example } from '../test/e2e/example.ts';

const startedAt = performance.now();
const log = (line: string): void => {
  const at =
    line.startsWith(' ') || line === ''
      ? ''
      : `[${((performance.now() - startedAt) / 1000).toFixed(0).padStart(4)} s] `;
  console.log(`${at}${line}`);
};

async function demonstrate(bed: DemoBed, options: DemoOptions): Promise<boolean> {
  const example = new Example({ ...bed.example, balancer: options.haproxy ? 'haproxy' : 'service' });
  await example.remove(true);
  log(`applying deploy/examples/rolling to namespace ${example.namespace}`);
  await example.install();
  const common = { example, rate: options.rate, log };
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
  if (options.json) console.log(JSON.stringify({ good: good.result, bad: bad.result }));
  return broken.length === 0;
}

async function main(argv: readonly string[]): Promise<number> {
  const options = parseDemoArgs(argv);
  if (options.help) {
    console.log(usage);
    return 0;
  }
  if (options.images !== undefined) {
    await writeImages(log, options.images);
    return 0;
  }
  const place = placeHere();
  if (options.down) {
    await takeDown(log, place);
    return 0;
  }
  if (place.kind === 'nowhere') {
    console.log(`This machine cannot run the demo's own cluster (${place.why}); here is the simulator instead.`);
    return (await rehearseDemo(options.json, (text) => process.stdout.write(text))) ? 0 : 1;
  }
  return (await demonstrate(await openBed(log, place, options.haproxy), options)) ? 0 : 1;
}

process.exit(
  await main(process.argv.slice(2)).catch((error: unknown) => {
    console.error(`demo: ${error instanceof Error ? error.message : String(error)}`);
    return error instanceof RangeError ? 2 : 1;
  }),
);
