/** `belay simulate --fail component:NAME@GROUP` (001-34). */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { image } from '../../test/unit/simulate-scene.ts';
import { simulate } from './simulate.ts';

const group = (number: number): string => `
apiVersion: belay.dev/v1alpha1
kind: ServerGroup
metadata: {name: group-${number}}
spec:
  product: portal
  servers:
  - {name: admin-${number}, workload: {kind: StatefulSet, name: web-${number}}, pools: [{name: web}]}
  probes: functions
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web-${number}}
spec: {replicas: 1, template: {spec: {containers: [{name: portal, image: "${image('1')}"}]}}}
---`;

const release = (version: string, digit: string, jdk: string): string => `
apiVersion: belay.dev/v1alpha1
kind: Package
metadata: {name: portal-${version}}
spec:
  product: portal
  version: ${version}
  upgradeType: Minor
  images: {portal: "${image(digit)}"}
  components: {jdk: ${jdk}, tomcat: 10.1.33}
---`;

const manifests = `${group(1)}${group(2)}${release('1.1.0', '1', '17.0.9')}${release('1.2.0', '2', '21.0.5')}
apiVersion: belay.dev/v1alpha1
kind: Pool
metadata: {name: web}
spec: {haproxy: {endpoints: ["tcp://haproxy-0:9999"], backend: web}, healthChecked: true}
---
apiVersion: belay.dev/v1alpha1
kind: ProbeSuite
metadata: {name: functions}
spec:
  probes:
  - name: about
    http:
      url: "https://portal.example/about"
      components:
      - {name: jdk, json: $.jdk}
      - {name: tomcat, json: $.tomcat}
      - {name: perl, json: $.perl}
---
apiVersion: belay.dev/v1alpha1
kind: UpgradeSet
metadata: {name: portal}
spec: {package: portal-1.2.0, serverGroups: [group-1, group-2], rollback: {policy: Automatic}}
`;

let folder = '';

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'simulate-components-'));
  await writeFile(join(folder, 'all.yaml'), manifests);
});

after(() => rm(folder, { recursive: true }));

async function run(...args: string[]): Promise<{ status: number; text: string }> {
  let text = '';
  const status = await simulate(['-f', folder, ...args], (part) => {
    text += part;
  });
  return { status, text };
}

describe('belay simulate with components (001-34)', () => {
  it('tells what every server answers', async () => {
    const { status, text } = await run();
    assert.equal(status, 0, text);
    assert.match(text, /in isolation, version 1\.2\.0: succeeded .*; admin-2 \(jdk 21\.0\.5, tomcat 10\.1\.33\)/);
  });

  it('rehearses a component that was not upgraded', async () => {
    const { text } = await run('--fail', 'component:jdk@group-2');
    assert.match(
      text,
      /Test group-2 in isolation, version 1\.2\.0: failed .*component jdk of admin-2 is 17\.0\.9, want 21\.0\.5/,
    );
    assert.match(text, / requests, 0 failed.*; 0 met an untested release/);
    assert.match(text, /portal-1-back  is RolledBack/);
  });

  const refused: Readonly<Record<string, readonly [fault: string, why: RegExp]>> = {
    'that no probe asks for': [
      'component:node@group-1',
      /no probe of group-1 asks for component node: name it in http\.components of one; there are jdk, tomcat, perl/,
    ],
    'that the Package does not name': [
      'component:perl@group-1',
      /Package portal-1\.2\.0 does not name component perl: add it to spec\.components/,
    ],
    'that is the same in both releases': ['component:tomcat@group-1', /component:tomcat@group-1 never came about/],
    'of a group that is not there': ['component:jdk@group-9', /it names group group-9, which is not in the set/],
    'with a qualifier': ['component:jdk@group-1:old', /:old means nothing after component:NAME@GROUP/],
  };
  for (const [title, [fault, why]] of Object.entries(refused))
    it(`refuses a component ${title}`, async () => {
      const { status, text } = await run('--fail', fault);
      assert.notEqual(status, 0);
      assert.match(text, why);
    });
});
