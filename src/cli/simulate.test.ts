import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { simulate } from './simulate.ts';

const image = (digit: string): string => `registry.example/portal@sha256:${digit.repeat(64)}`;

const group = (number: number): string => `
apiVersion: belay.dev/v1alpha1
kind: ServerGroup
metadata: {name: group-${number}}
spec:
  servers:
  - {name: web-${number}, workload: {kind: StatefulSet, name: web-${number}}, pools: [{name: web}]}
  probes: functions
  snapshot: {volumeSnapshotClassName: csi}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web-${number}}
spec:
  replicas: 1
  template: {spec: {containers: [{name: portal, image: "${image('1')}"}]}}
  volumeClaimTemplates: [{metadata: {name: data}}]
---`;

const release = (version: string, digit: string): string => `
apiVersion: belay.dev/v1alpha1
kind: Package
metadata: {name: portal-${version}}
spec: {product: portal, version: ${version}, upgradeType: Minor, images: {portal: "${image(digit)}"}}
---`;

const manifests = `${group(1)}${group(2)}${release('1.1.0', '1')}${release('1.2.0', '2')}
apiVersion: belay.dev/v1alpha1
kind: Pool
metadata: {name: web}
spec: {haproxy: {endpoints: ["tcp://haproxy-0:9999"], backend: web}, healthChecked: true}
---
apiVersion: belay.dev/v1alpha1
kind: ProbeSuite
metadata: {name: functions}
spec: {probes: [{name: login, http: {url: "https://portal.example/login"}}]}
---
apiVersion: belay.dev/v1alpha1
kind: UpgradeSet
metadata: {name: portal}
spec: {package: portal-1.2.0, serverGroups: [group-1, group-2]}
---
apiVersion: v1
kind: Secret
metadata: {name: probe}
`;

let folder = '';

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'simulate-'));
  await writeFile(join(folder, 'all.yaml'), manifests);
  await writeFile(
    join(folder, 'broken.txt'),
    'apiVersion: belay.dev/v1alpha1\nkind: Package\nmetadata: {name: a}\nspec: {}\n',
  );
  await writeFile(join(folder, 'notes.md'), 'not read');
});

after(() => rm(folder, { recursive: true }));

async function run(...args: string[]): Promise<{ status: number; text: string }> {
  let text = '';
  const status = await simulate(args, (part) => {
    text += part;
  });
  return { status, text };
}

describe('belay simulate', () => {
  it('rehearses a good upgrade and says what users had of it', async () => {
    const { status, text } = await run('-f', folder);
    assert.equal(status, 0);
    assert.match(text, /^Plan of portal-1, Upgrade to 1\.2\.0, sha256:/);
    assert.match(text, /portal-1 completed: version 1\.2\.0 serves\./);
    assert.match(text, / requests, 0 failed; 0 met an untested release; 0 users were cut off\./);
    assert.match(text, /Not simulated: 1 Secret\./);
  });

  it('rehearses a release whose tests fail, and the way back', async () => {
    const { status, text } = await run('-f', folder, '--fail', 'probe:login@group-2');
    assert.equal(status, 0);
    assert.match(text, /portal-1 went back to version 1\.1\.0, because .*login/);
  });

  it('ends the same when the controller is killed, in an order drawn from a seed', async () => {
    const { status, text } = await run(
      '-f',
      folder,
      '--fail',
      'start@group-1',
      '--crash-after',
      '12',
      '--crash-after',
      '40',
      '--seed',
      '7',
    );
    assert.equal(status, 0);
    assert.match(text, /the controller is killed and starts again/);
    assert.match(text, /portal-1 went back to version 1\.1\.0/);
  });

  it('prints one JSON object', async () => {
    const { status, text } = await run('-f', join(folder, 'all.yaml'), '--json');
    const parsed: unknown = JSON.parse(text);
    assert.ok(
      typeof parsed === 'object' && parsed !== null && 'ok' in parsed && 'runs' in parsed && Array.isArray(parsed.runs),
    );
    assert.deepEqual([status, parsed.ok, parsed.runs.length], [0, true, 1]);
  });

  it('does nothing where the package runs already', async () => {
    const { status, text } = await run('-f', folder, '--package', 'portal-1.1.0');
    assert.deepEqual([status, text.includes('Nothing was done for portal: every server runs 1.1.0.')], [0, true]);
  });

  it('explains itself', async () => {
    const { status, text } = await run('--help');
    assert.deepEqual([status, text.startsWith('Usage: belay simulate -f PATH')], [0, true]);
  });

  const refused: Readonly<Record<string, readonly [readonly string[], RegExp]>> = {
    'no manifests named': [[], /name your manifests with -f/],
    'an option that does not exist': [['--speed', '9'], /--speed/],
    'a path that does not exist': [['-f', '/nowhere/at/all'], /cannot read \/nowhere\/at\/all/],
    'a package that is not there': [
      ['-f', 'FOLDER', '--package', 'portal-9'],
      /UpgradeSet "portal" names Package "portal-9"/,
    ],
    'a set that is not there': [
      ['-f', 'FOLDER', '--set', 'shop'],
      /no UpgradeSet "shop" in the manifests; there are portal/,
    ],
    'a failure of a group that is not there': [
      ['-f', 'FOLDER', '--fail', 'start@group-9'],
      /names group group-9, which is not in the set; there are group-1, group-2/,
    ],
    'a failure that means nothing': [
      ['-f', 'FOLDER', '--fail', 'fire@group-1'],
      /not a failure that can be simulated; wanted probe:NAME@GROUP/,
    ],
    'a seed that is no number': [['-f', 'FOLDER', '--seed', 'x'], /--seed wants a whole number, not "x"/],
    'an object that is not valid': [['-f', 'FOLDER/broken.txt'], /broken\.txt: Package "a" is not valid: spec\./],
  };
  for (const [what, [args, message]] of Object.entries(refused)) {
    it(`refuses ${what}`, async () => {
      const { status, text } = await run(...args.map((arg) => arg.replace('FOLDER', folder)));
      assert.equal(status, 2);
      assert.match(text, message);
    });
  }
});
