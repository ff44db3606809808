import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { bare, image } from '../../test/unit/simulate-scene.ts';
import { simulate } from './simulate.ts';

const manifests = `${bare}---
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

/** The same manifests with one thing changed, as a file of their own. */
async function edited(from: string | RegExp, to: string): Promise<string> {
  const inner = await mkdtemp(join(folder, 'edited-'));
  const path = join(inner, 'edited.yaml');
  const text = manifests.replace(from, to);
  assert.notEqual(text, manifests);
  await writeFile(path, text);
  return path;
}

describe('belay simulate', () => {
  const ends = (text: string): Promise<string> =>
    edited('spec: {package: portal-1.2.0,', `spec: {schedule: {until: "${text}"}, package: portal-1.2.0,`);

  it('refuses a set whose agreed window has ended, and says how to rehearse the agreed evening', async () => {
    const { status, text } = await run('-f', await ends('2020-01-01T04:00:00Z'));
    assert.equal(status, 1, text);
    assert.match(
      text,
      /refused: WindowEnded: upgradeset\/portal, spec\.schedule\.until: .*say when with --at INSTANT\./,
    );
  });

  it('begins at the instant that --at says', async () => {
    const { status, text } = await run('-f', await ends('2020-01-01T04:00:00Z'), '--at', '2020-01-01T01:00:00Z');
    assert.equal(status, 0, text);
    assert.match(text, /It begins at 2020-01-01T01:00:00\.000Z; the window of portal ends 2020-01-01T04:00:00Z\./);
  });

  it('refuses an instant that no calendar has, instead of another day', async () => {
    for (const instant of ['2026-02-30T20:00:00Z', '2026-02-29T20:00:00Z', '2026-11-31T20:00:00+01:00']) {
      const { status, text } = await run('-f', folder, '--at', instant);
      assert.equal(status, 2, instant);
      assert.match(text, /--at wants an instant/);
    }
    assert.equal((await run('-f', folder, '--at', '2028-02-29T20:00:00Z')).status, 0);
  });

  it('leaves out a folder whose name ends like that of a file', async () => {
    const path = await edited('portal-1.2.0,', 'portal-1.2.0 ,');
    await mkdir(join(dirname(path), 'charts.yaml'));
    assert.equal((await run('-f', dirname(path))).status, 0);
  });

  it('rehearses a good upgrade and says what users had of it', async () => {
    const { status, text } = await run('-f', folder);
    assert.equal(status, 0);
    assert.match(text, /^Plan of portal-1, Upgrade to 1\.2\.0, sha256:/);
    assert.match(text, /portal-1 completed: version 1\.2\.0 serves\./);
    assert.match(
      text,
      /Users were served all the time \(\d+ requests, 0 failed, .*; 0 met an untested release; 0 users cut off\)\./,
    );
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

  it('prints the UpgradeRuns as YAML', async () => {
    const { status, text } = await run('-f', folder, '--output', 'yaml');
    assert.equal(status, 0, text);
    assert.match(text, /^---\napiVersion: belay\.dev\/v1alpha1\nkind: UpgradeRun\nmetadata:\n {2}name: portal-1\n/);
  });

  it('ends with 3 where the promises were kept and it is no success', async () => {
    const { status, text } = await run('-f', await edited(/ {2}probes: functions\n/g, ''));
    assert.equal(status, 3, text);
    assert.match(
      text,
      /THIS IS NO SUCCESS\.\nportal-1 completed: .*\n.*\nNOT WELL: no test has proved version 1\.2\.0/,
    );
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
      /--package: the manifests hold no Package "portal-9"; there are portal-1\.1\.0, portal-1\.2\.0/,
    ],
    'a set that is not there': [
      ['-f', 'FOLDER', '--set', 'shop'],
      /no UpgradeSet "shop" in the manifests; there are portal/,
    ],
    'a failure of a group that is not there': [
      ['-f', 'FOLDER', '--fail', 'start@group-9'],
      /it names group group-9, which is not in the set; there are group-1, group-2/,
    ],
    'a failure that means nothing': [
      ['-f', 'FOLDER', '--fail', 'fire@group-1'],
      /not a failure that can be simulated; wanted probe:NAME@GROUP/,
    ],
    'a failure of a probe that is not there': [
      ['-f', 'FOLDER', '--fail', 'probe:lgin@group-1'],
      /group-1 has no probe lgin; did you mean login\?/,
    ],
    'a probe that fails in isolation and in the pool at once': [
      ['-f', 'FOLDER', '--fail', 'probe:login@group-1:isolated:pool'],
      /:isolated and :pool exclude each other/,
    ],
    'a qualifier that means nothing': [
      ['-f', 'FOLDER', '--fail', 'start@group-1:old'],
      /:old means nothing after start@; wanted start@GROUP/,
    ],
    'a failure of a database where there is none': [
      ['-f', 'FOLDER', '--fail', 'database:backup'],
      /no group of the set names a Database/,
    ],
    'a failure that never comes about': [
      ['-f', 'FOLDER', '--fail', 'restore@group-2'],
      /--fail restore@group-2 never came about/,
    ],
    'a crash that never comes': [['-f', 'FOLDER', '--crash-after', '9999'], /--crash-after 9999 never came: .* in all/],
    'a crash after nothing': [['-f', 'FOLDER', '--crash-after', '0'], /--crash-after wants a whole number, 1 or more/],
    'a version to come from that is none': [
      ['-f', 'FOLDER', '--from', 'old'],
      /--from wants a version such as 1\.2\.0/,
    ],
    'a time without a time zone': [
      ['-f', 'FOLDER', '--at', '2026-12-05T20:00'],
      /--at wants an instant with a time zone/,
    ],
    'a form of output that there is not': [
      ['-f', 'FOLDER', '-o', 'xml'],
      /--output wants text, json or yaml, not "xml"/,
    ],
    'two forms of output': [['-f', 'FOLDER', '-o', 'yaml', '--json'], /--json and --output yaml exclude each other/],
    'a seed that is no number': [['-f', 'FOLDER', '--seed', 'x'], /--seed wants a whole number, not "x"/],
    'an object that is not valid': [['-f', 'FOLDER/broken.txt'], /broken\.txt: Package "a" is not valid: spec\./],
  };
  const edits: Readonly<Record<string, readonly [string | RegExp, string, RegExp]>> = {
    'a field that there is not': [
      'serverGroups: [group-1, group-2]}',
      'serverGroups: [group-1, group-2], rollback: {polcy: Automatic}}',
      /edited\.yaml: UpgradeSet "portal": spec\.rollback\.polcy is not a field; did you mean policy\?/,
    ],
    'a field inside a list': [
      'probes: [{name: login,',
      'probes: [{name: login, htp: {},',
      /ProbeSuite "functions": spec\.probes\[0\]\.htp is not a field; did you mean http\?/,
    ],
    'a kind of ours that there is not': [
      'kind: Pool',
      'kind: Pol',
      /Pol "web": belay\.dev\/v1alpha1 has no such kind; did you mean Pool\?/,
    ],
    'an object that is there twice': [
      'name: portal-1.2.0}',
      'name: portal-1.1.0}',
      /Package "portal-1\.1\.0" is in .*edited\.yaml too/,
    ],
    'a group that is not there': [
      'serverGroups: [group-1, group-2]',
      'serverGroups: [group-1, blue]',
      /edited\.yaml: UpgradeSet "portal", spec\.serverGroups\[1\]: the manifests hold no ServerGroup "blue"; there are group-1, group-2/,
    ],
    'a suite that is not there': [
      'probes: functions',
      'probes: nothing',
      /ServerGroup "group-1", spec\.probes: the manifests hold no ProbeSuite "nothing"; there is functions/,
    ],
    'a workload that is not there': [
      'kind: StatefulSet, name: web-1',
      'kind: StatefulSet, name: db-main',
      /ServerGroup "group-1", spec\.servers\[0\]\.workload: the manifests hold no StatefulSet "db-main"; there are web-1, web-2/,
    ],
    'a pool whose Service does not select by the label': [
      /spec: \{haproxy: .*/,
      'spec: {service: {name: web}, healthChecked: true}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}}',
      /Service "web", spec\.selector: it does not select by label belay\.dev\/pool/,
    ],
    'pods that would never join': [
      /spec: \{haproxy: .*/,
      'spec: {service: {name: web}, healthChecked: true}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {belay.dev/pool: web}}',
      /StatefulSet "web-1", spec\.template\.metadata\.labels: its pods would never join: set belay\.dev\/pool: web/,
    ],
    'an image that no Package holds': [
      `portal: "${image('1')}"}}`,
      `portal: "${image('9')}"}}`,
      /no Package holds the image that web-1 runs .*: write one for today's release, or pass --from/,
    ],
  };
  for (const [what, [from, to, message]] of Object.entries(edits)) {
    it(`refuses ${what}`, async () => {
      const { status, text } = await run('-f', await edited(from, to));
      assert.equal(status, 2, text);
      assert.match(text, message);
    });
  }

  it('goes on from the version that --from says where no Package holds the image', async () => {
    const path = await edited(`portal: "${image('1')}"}}`, `portal: "${image('9')}"}}`);
    const { status, text } = await run('-f', path, '--from', '1.1.0');
    assert.equal(status, 0, text);
    assert.match(text, /portal-1 completed: version 1\.2\.0 serves\./);
  });

  it('ends with 1 and the reason when the plan is refused', async () => {
    const { status, text } = await run('-f', await edited('1.2.0, upgradeType: Minor', '1.2.0, upgradeType: Major'));
    assert.equal(status, 1);
    assert.match(
      text,
      /The plan of portal is refused: UpgradeTypeMismatch: package\/portal-1\.2\.0, spec\.upgradeType: /,
    );
  });

  it('says which workloads it made up', async () => {
    const { status, text } = await run('-f', await edited(/apiVersion: apps\/v1\n[^]*?---/g, '---'));
    assert.equal(status, 0, text);
    assert.match(text, /no StatefulSet and no Deployment, so these are invented, with one pod each: web-1, web-2\./);
  });

  it('names the releases that could be rehearsed instead of the one that runs', async () => {
    const { text } = await run('-f', folder, '--package', 'portal-1.1.0');
    assert.match(text, /To rehearse another release, name it with --package: portal-1\.2\.0\./);
  });

  it('tells of a failure that another one came before', async () => {
    const { status, text } = await run('-f', folder, '--fail', 'start@group-1', '--fail', 'probe:login@group-2');
    assert.equal(status, 0, text);
    assert.match(text, /Never came about, because the run ended before: --fail probe:login@group-2\./);
  });

  it('answers with one JSON object when something is wrong', async () => {
    for (const format of ['--json', '-ojson', '--output=json']) {
      const { status, text } = await run('-f', '/nowhere/at/all', format);
      assert.deepEqual([status, JSON.parse(text)], [2, { error: 'cannot read /nowhere/at/all' }]);
    }
  });

  for (const [what, [args, message]] of Object.entries(refused)) {
    it(`refuses ${what}`, async () => {
      const { status, text } = await run(...args.map((arg) => arg.replace('FOLDER', folder)));
      assert.equal(status, 2);
      assert.match(text, message);
    });
  }
});
