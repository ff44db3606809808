import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { stringify } from 'yaml';
import { createManualClock } from '../../test/fakes/manual-clock.ts';
import { createMemoryClient } from '../../test/fakes/memory-client.ts';
import { upgradeRuns } from '../api/resources.ts';
import type { UpgradeRun } from '../api/upgrade-run.ts';
import { KubeError } from '../kube/kube-error.ts';
import type { ConfigMap } from '../kube/objects.ts';
import { configMaps } from '../kube/resources.ts';
import { upgradeRun } from '../status/fixture.test.ts';
import { byHand } from './by-hand.ts';
import { logs } from './logs.ts';
import { tellDeploymentLog } from '../status/deployment-log.ts';
import { fromCluster } from './read-run.ts';
import { report } from './report.ts';

const run = upgradeRun(
  'portal-1',
  [
    { id: 'preflight', state: 'Succeeded', message: 'all locks are held', started: '2026-12-05T20:00:00.000Z' },
    {
      id: 'g1-drain',
      state: 'Failed',
      reason: 'DrainDeadlineExceeded',
      message: 'two users stay',
      log: 'portal-1-log-g1-drain-1',
    },
    { id: 'g1-stop', state: 'Failed', reason: 'StopFailed', message: 'no', log: 'portal-1-log-g1-stop-1' },
  ],
  {
    phase: 'Failed',
    decisions: [
      { name: 'd1', choice: 'Resume', verdict: 'Approved', by: 'ana', at: '2026-12-05T20:10:00Z', phase: 'Accepted' },
    ],
  },
);

function logOf(name: string, step: string, uid = 'uid-portal-1'): ConfigMap {
  const owner = { apiVersion: 'belay.dev/v1alpha1', kind: 'UpgradeRun', name: 'portal-1', uid };
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name,
      namespace: 'shop',
      labels: { 'belay.dev/run': 'portal-1', 'belay.dev/log': 'true' },
      annotations: { 'belay.dev/step': step, 'belay.dev/attempt': '1' },
      ownerReferences: [owner],
    },
    data: { log: `exit code: 3\noutput of ${name}` },
  };
}

let folder = '';
let file = '';

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'logs-'));
  file = join(folder, 'run.yaml');
  const list = { apiVersion: 'v1', kind: 'List', items: [logOf('portal-1-log-g1-drain-1', 'g1-drain')] };
  await writeFile(file, `${stringify(run)}---\n${stringify(list)}`);
  await writeFile(join(folder, 'two.yaml'), `${stringify(run)}---\n${stringify(upgradeRun('portal-2', []))}`);
  await writeFile(join(folder, 'none.yaml'), 'kind: ConfigMap\nmetadata: {name: a}\n');
  await writeFile(join(folder, 'broken.yaml'), 'kind: [\n');
});

after(() => rm(folder, { recursive: true }));

type Command = typeof logs;

async function told(command: Command, ...args: string[]): Promise<{ status: number; out: string; err: string }> {
  const [out, err]: [string[], string[]] = [[], []];
  const status = await command(
    args,
    (text) => out.push(text),
    (text) => err.push(text),
  );
  return { status, out: out.join(''), err: err.join('') };
}

describe('belay logs, from a file', () => {
  it('prints the journal, and below each step what its Jobs left (001-119, 001-121)', async () => {
    const { status, out } = await told(logs, '-f', file);
    assert.equal(status, 0);
    assert.match(out, /^Upgrade portal-1: 1\.1\.0 to 1\.2\.0, Failed$/m);
    assert.match(out, /^0 .*\(preflight\): Succeeded\n {2}attempt 1, .*\n {2}all locks are held$/m);
    assert.match(
      out,
      /\(g1-drain\): Failed DrainDeadlineExceeded\n.*\n {2}two users stay\n {2}log portal-1-log-g1-drain-1:\n {4}exit code: 3\n {4}output of /,
    );
    assert.match(out, /^ {2}log portal-1-log-g1-stop-1 is not in these files$/m);
    assert.match(
      out,
      /another -f.*\n {2}kubectl -n shop get configmaps -l belay\.dev\/run=portal-1,belay\.dev\/log=true -o yaml /,
    );
    assert.doesNotMatch(out, /\(g1-upgrade\)/);
  });

  it('prints one step, and names those there are', async () => {
    const { out } = await told(logs, 'portal-1', '-f', file, '--step', 'g1-drain');
    assert.match(out, /two users stay/);
    assert.doesNotMatch(out, /all locks/);
    const wrong = await told(logs, '-f', file, '--step', 'g9');
    assert.deepEqual([wrong.status, wrong.out], [2, '']);
    assert.match(wrong.err, /run portal-1 has no step g9; there are preflight, /);
  });

  it('takes the number of a row where no other has it', async () => {
    const { spec } = run;
    const drain = spec.steps.find(({ id }) => id === 'g1-drain');
    const byNumber = await told(logs, '-f', file, '--step', drain?.number ?? '');
    assert.equal(byNumber.out, (await told(logs, '-f', file, '--step', 'g1-drain')).out);
    const twice = { ...run, spec: { ...spec, steps: spec.steps.map((step) => ({ ...step, number: '5.1' })) } };
    await writeFile(join(folder, 'twice.yaml'), stringify(twice));
    const several = await told(logs, '-f', join(folder, 'twice.yaml'), '--step', '5.1');
    assert.deepEqual([several.status, several.out], [2, '']);
    assert.match(several.err, /several steps of run portal-1 are number 5\.1: name preflight or /);
  });

  it('says that a log is gone only where all were looked for', () => {
    const lines = tellDeploymentLog(run, []);
    assert.ok(lines.includes('  log portal-1-log-g1-stop-1 is gone'));
    assert.ok(!lines.some((line) => line.includes('kubectl')));
  });

  it('says how to go on without a kubeconfig', () => {
    const program =
      'import { logs } from "./src/cli/logs.ts"; process.exitCode = await logs(["portal-1"], console.log);';
    for (const KUBECONFIG of ['', join(folder, 'nowhere')]) {
      const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
        env: { PATH: process.env['PATH'], HOME: folder, KUBECONFIG },
        encoding: 'utf8',
        timeout: 60_000,
      });
      const words = 'no kubeconfig could be read; set KUBECONFIG, or give the run with -f';
      assert.deepEqual([status, stdout.trim()], [2, words]);
    }
  });

  const refusals: Readonly<Record<string, readonly [args: () => string[], want: RegExp]>> = {
    'a file that is not there': [() => ['-f', join(folder, 'x.yaml')], /^cannot read .*x\.yaml\n$/],
    'a file without a run': [() => ['-f', join(folder, 'none.yaml')], /holds no UpgradeRun/],
    'a file that is no YAML': [() => ['-f', join(folder, 'broken.yaml')], /broken\.yaml is no YAML: /],
    'another run than those there are': [
      () => ['portal-9', '-f', file],
      /no UpgradeRun "portal-9" there: there are portal-1/,
    ],
    'two runs without a name': [() => ['-f', join(folder, 'two.yaml')], /name one of the runs .*portal-1, portal-2/],
    'an option that is not there': [() => ['--all'], /Unknown option '--all'/],
    'two names': [() => ['a', 'b'], /one run at a time: a, b/],
    'no name at all': [() => [], /name the run/],
  };
  for (const [title, [args, want]] of Object.entries(refusals)) {
    it(`refuses ${title} with words and status 2`, async () => {
      const { status, out, err } = await told(logs, ...args());
      assert.deepEqual([status, out], [2, '']);
      assert.match(err, want);
    });
  }
});

describe('belay by-hand and belay report, from a file', () => {
  it('print what they are asked for, and their help', async () => {
    const commands = await told(byHand, '-f', file);
    assert.equal(commands.status, 0);
    assert.match(commands.out, /^# ended at step 1 Drain group-1 \(Failed\)$/m);
    assert.match(commands.out, /kubectl -n shop annotate statefulset\/web-1 belay\.dev\/lock-/);
    assert.match((await told(byHand, '--help')).out, /Nothing is run/);
  });

  it('give the same record as YAML and as JSON (001-142)', async () => {
    const yaml = await told(report, '-f', file);
    const json = await told(report, '-f', file, '--json');
    assert.match(yaml.out, /^run: portal-1$/m);
    const record: unknown = JSON.parse(json.out);
    assert.ok(typeof record === 'object' && record !== null && 'decisions' in record);
    assert.deepEqual(record.decisions, run.status?.decisions);
  });
});

describe('a run read from the cluster', () => {
  it('comes with its own logs only', async () => {
    const client = createMemoryClient({ clock: createManualClock() });
    client.seed<UpgradeRun>(upgradeRuns, run);
    client.seed<ConfigMap>(configMaps, logOf('portal-1-log-g1-drain-1', 'g1-drain'));
    client.seed<ConfigMap>(configMaps, logOf('of-a-run-before', 'g1-drain', 'uid-of-another'));
    const found = await fromCluster(client, 'portal-1', 'shop');
    assert.deepEqual(
      found.logs.map(({ name }) => name),
      ['portal-1-log-g1-drain-1'],
    );
    await assert.rejects(
      fromCluster(client, 'portal-9', 'shop'),
      /there is no UpgradeRun "portal-9" in namespace shop/,
    );
  });

  it('says what the server says where that refuses', async () => {
    const client = createMemoryClient({ clock: createManualClock() });
    client.server.interceptors.push(() => {
      throw new KubeError({ status: 403, reason: 'Forbidden', message: 'upgraderuns is forbidden' });
    });
    await assert.rejects(fromCluster(client, 'portal-1', 'shop'), /reading run portal-1: .*upgraderuns is forbidden/);
  });
});
