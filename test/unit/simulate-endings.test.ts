/** How a rehearsal ends, in words and by exit status: nothing reads like success that is none. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAllDocuments } from 'yaml';
import * as z from 'zod';
import { decodeUpgradeRun } from '../../src/api/decode.ts';
import { parseInstant } from '../../src/shared/instant.ts';
import type { RehearsalOptions } from '../../src/rehearsal/rehearse.ts';
import { edited, image, portal, told, type Edit } from './simulate-scene.ts';

const withSet = (fields: string): Edit => [
  'serverGroups: [group-1, group-2]}',
  `serverGroups: [group-1, group-2], ${fields}}`,
];
const required = (...checks: string[]): Edit => withSet(`preflight: {require: [${checks.join(', ')}]}`);
const withoutTests: readonly Edit[] = [
  ['  probes: functions\n', ''],
  ['  probes: functions\n', ''],
];
const tls = (minTLS: string): readonly Edit[] => [
  [
    'version: 1.2.0,',
    `version: 1.2.0, checks: [{name: tls, expression: "pools.all(p, p.facts.minTLS >= '1.2')", message: switch it on}],`,
  ],
  ['healthChecked: true', `healthChecked: true, facts: {${minTLS}}`],
];
const asking = (expression: string): Edit => [
  'probes: [{name: login, http: {url: "https://portal.example/login"}}]',
  `probes: [{name: feed, resource: {kind: ConfigMap, name: "\${FEED}", expression: "${expression}"}}], parameters: [{name: FEED, default: feed}]`,
];
const feed = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: feed}\ndata: {missing: a}\n';
const labelled: Edit = ['template: {spec', 'template: {metadata: {labels: {app.kubernetes.io/version: 1.1.0}}, spec'];
const unknownImage: Edit = [`portal: "${image('1')}"}}`, `portal: "${image('9')}"}}`];
const until = withSet('schedule: {until: 2026-12-05T23:00:00Z}');

interface Case {
  readonly edits?: readonly Edit[];
  readonly more?: string;
  readonly options?: Partial<RehearsalOptions> & { readonly namespace?: string };
  readonly status: 0 | 1 | 2 | 3;
  readonly says: readonly RegExp[];
}

const cases: Readonly<Record<string, Case>> = {
  'a good upgrade': {
    status: 0,
    says: [
      /\n\nportal-1 completed: version 1\.2\.0 serves\.\nUsers were served all the time \(\d+ requests, 0 failed, /,
    ],
  },
  'an outage that the pool allows and nobody has announced': {
    edits: [
      ['serverGroups: [group-1, group-2]', 'serverGroups: [group-1]'],
      ['healthChecked: true', 'healthChecked: true, minServing: 0'],
      ['name: web-2}, pools: [{name: web}]}', 'name: web-2}}'],
    ],
    status: 1,
    says: [
      /\n\nTHIS IS NO SUCCESS\.\nportal-1 completed/,
      /BROKEN: users were without service for \d+s that no run had announced\./,
      /Users were WITHOUT SERVICE for \d+s that nobody had announced \(/,
    ],
  },
  'a release that no test has proved': {
    edits: withoutTests,
    status: 3,
    says: [
      /THIS IS NO SUCCESS\./,
      /NOT WELL: no test has proved version 1\.2\.0 on group-1, group-2: name a ProbeSuite in spec\.probes of those ServerGroups\./,
      /NOT WELL: \d+ requests met a release that no test had passed\./,
    ],
  },
  'a way back that --fail asked for': {
    options: { fail: ['probe:login@group-2'] },
    status: 0,
    says: [/portal-1 went back to version 1\.1\.0, because functions: login: /],
  },
  'a failure that nobody asked for: a CEL expression that does not hold for an object of the files': {
    edits: [asking("object.data.missing == ''")],
    more: feed,
    status: 3,
    says: [
      /portal-1 FAILED, because functions: feed: ConfigMap feed: object\.data\.missing == '' does not hold/,
      /NOT WELL: portal-1 failed/,
    ],
  },
  'a CEL expression that holds': {
    edits: [asking("object.data.missing == 'a'")],
    more: feed,
    status: 0,
    says: [/serves\./],
  },
  'a CEL expression over an object that is not in the files': {
    edits: [asking("object.data.missing == ''")],
    status: 0,
    says: [
      /Probe feed of ProbeSuite "functions" was not asked, and taken for passed: ConfigMap feed is not in these files\./,
    ],
  },
  'a check of the Package that holds, as CEL': { edits: tls('minTLS: "1.3"'), status: 0, says: [/serves\./] },
  'a check of the Package that does not hold': {
    edits: tls('minTLS: "1.0"'),
    status: 3,
    says: [
      /NOT WELL: portal-1 would wait before its start for package\/tls \(pools\.all\(.*\) does not hold\): switch it on; the rehearsal waived it\./,
    ],
  },
  'a check of the Package that asks for a fact that nobody declares': {
    edits: tls('vendor: a'),
    status: 3,
    says: [
      /package\/tls \(.* has no answer: field not found: minTLS\): declare what it asks for in spec\.facts of the Pool/,
    ],
  },
  'a check that is to fail': {
    options: { fail: ['check:PodDisruptionBudgets'] },
    status: 0,
    says: [
      /would wait before its start for PodDisruptionBudgets \(failed, because of --fail check:PodDisruptionBudgets\)/,
    ],
  },
  'a check of the Package that is to fail': {
    edits: tls('minTLS: "1.3"'),
    options: { fail: ['check:package/tls'] },
    status: 0,
    says: [/would wait before its start for package\/tls \(failed, because of --fail/],
  },
  'a probe before the start that is to fail, and only there': {
    edits: [withSet('preflight: {checks: [functions]}')],
    options: { fail: ['check:functions/login'] },
    status: 0,
    says: [/would wait before its start for functions\/login \(/, /portal-1 completed/],
  },
  'a check that only warns': {
    options: { fail: ['check:Staging'] },
    status: 0,
    says: [/Check Staging of portal-1 warns: .*failed, because of --fail check:Staging/],
  },
  'a restore drill that fails': {
    edits: [required('RestoreDrill')],
    options: { fail: ['drill'] },
    status: 0,
    says: [/portal-1 would wait before its start for RestoreDrill \(failed, because of --fail drill\)/],
  },
  'a restore drill that nobody asks for': {
    options: { fail: ['drill'] },
    status: 2,
    says: [
      /--fail drill never came about: portal-1 makes no check RestoreDrill, only .*: ask for it in spec\.preflight/,
    ],
  },
  'a check that there is not': {
    options: { fail: ['check:Budgets'] },
    status: 2,
    says: [
      /--fail check:Budgets: there is no check "Budgets" that a cluster answers; there are PodDisruptionBudgets, /,
    ],
  },
  'a check that the manifests alone decide': {
    options: { fail: ['check:Contacts'] },
    status: 2,
    says: [/Contacts, TestAccount, Topology and Capacity follow from the manifests: change those to see them fail/],
  },
  'contacts that are missing': {
    edits: [required('Contacts', 'Channel')],
    status: 3,
    says: [
      /NOT WELL: portal-1 would wait before its start for Contacts \(nobody is named/,
      /portal-1 would wait before its start for Channel \(.*\)\. The rehearsal attested it\./,
    ],
  },
  'an agreed window that has ended': {
    edits: [withSet('schedule: {until: "2026-11-23T11:00:00Z"}')],
    status: 1,
    says: [
      /The plan of portal is refused: WindowEnded: .*To rehearse the agreed evening, say when with --at INSTANT\./,
    ],
  },
  'an agreed window, rehearsed now': {
    edits: [until],
    status: 0,
    says: [/It begins at 2026-11-23T12:00:00\.000Z, the time now; --at rehearses another.*ends 2026-12-05T23:00:00Z\./],
  },
  'an agreed evening': {
    edits: [until],
    options: { at: parseInstant('2026-12-05T20:00:00Z') },
    status: 0,
    says: [/It begins at 2026-12-05T20:00:00\.000Z; the window of portal ends/],
  },
  'an agreed window that the upgrade does not fit into': {
    edits: [until],
    options: { at: parseInstant('2026-12-05T22:58:00Z') },
    status: 3,
    says: [
      /THIS IS NO SUCCESS\.\nportal-1 completed/,
      /NOT WELL: portal-1: 2m left of the agreed window, which ends .*, and the upgrade is expected to take \d+m/,
    ],
  },
  'an agreed window that may leave no time after a problem': {
    edits: [until],
    options: { at: parseInstant('2026-12-05T22:20:00Z') },
    status: 0,
    says: [/\nportal-1: 40m left of the agreed window, .*: a problem may find less than /],
  },
  'an agreed evening that is over': {
    edits: [until],
    options: { at: parseInstant('2026-12-05T23:00:00Z') },
    status: 1,
    says: [/refused: WindowEnded/],
  },
  'a release of today that only labels tell': {
    edits: [unknownImage, labelled, labelled],
    status: 0,
    says: [/No Package in these files holds what web-1, web-2 run: version 1\.1\.0 is read from the label/],
  },
  'a release of today that only --from tells': {
    edits: [unknownImage, ['version: 1.2.0,', 'version: 1.2.0, upgradesFrom: ">=1.1",']],
    options: { from: '1.1.0' },
    status: 0,
    says: [
      /version 1\.1\.0 is what --from says\. A cluster does not know it and refuses portal-1\.2\.0, which has to: /,
    ],
  },
  'workloads that are invented': {
    edits: [[/apiVersion: apps\/v1\n[^]*?---/g, '---']],
    status: 0,
    says: [
      /these are invented, with one pod each: web-1, web-2\. They run portal-1\.1\.0, the newest Package before portal-1\.2\.0/,
    ],
  },
  'objects of other namespaces, which are left out': {
    more: 'apiVersion: belay.dev/v1alpha1\nkind: Pool\nmetadata: {name: web, namespace: shop}\nspec: {service: {name: x}}\n',
    status: 0,
    says: [/Left out, because default is rehearsed: 1 object of shop\./],
  },
  'objects without a namespace, in the one that -n says': {
    edits: [['kind: Pool\nmetadata: {name: web}', 'kind: Pool\nmetadata: {name: web, namespace: shop}']],
    options: { namespace: 'shop' },
    status: 0,
    says: [/portal-1 completed/],
  },
  'Secrets and PodTemplates that are made elsewhere, as a note': {
    edits: [
      [
        'http: {url: "https://portal.example/login"}',
        'job: {podTemplate: tools, env: [{name: PASSWORD, secretKeyRef: {name: probe, key: password}}]}',
      ],
    ],
    status: 0,
    says: [
      /Not in these files, so it must be in the cluster already \(namespace default\):\n {2}Secret probe with key password \(ProbeSuite "functions", spec\.probes\[login\]\.job\.env\[PASSWORD\]\)\n {2}PodTemplate tools \(/,
    ],
  },
  'claims that the Job of a hook mounts, by server and without those of a StatefulSet of the files': {
    edits: [
      [
        '  probes: functions\n',
        '  probes: functions\n  hooks: [{name: copy, at: BeforeRun, job: {podTemplate: tools}}]\n',
      ],
    ],
    more: `apiVersion: v1
kind: PodTemplate
metadata: {name: tools}
template:
  spec:
    volumes:
    - {name: own, persistentVolumeClaim: {claimName: "data-\${SERVER}-0"}}
    - {name: aside, persistentVolumeClaim: {claimName: "aside-\${SERVER}"}}
    containers: [{name: a, image: "${image('7')}"}]
`,
    status: 0,
    says: [
      /must be in the cluster already .*:\n {2}PersistentVolumeClaim aside-web-1 \(PodTemplate "tools", .*\)\n[^ ]/,
    ],
  },
  'components that a probe and the Package do not call the same': {
    edits: [
      ['version: 1.2.0,', 'version: 1.2.0, components: {jdk: "21"},'],
      [
        'http: {url: "https://portal.example/login"}',
        'http: {url: "https://portal.example/login", components: [{name: JDK, json: $.jdk}]}',
      ],
    ],
    status: 0,
    says: [
      /Components of Package portal-1\.2\.0 that are not compared: no probe asks for jdk; probes ask for JDK, which it does not name \(did you mean jdk\?\)\./,
    ],
  },
  'a failure of another kind than there is': {
    options: { fail: ['reboot@group-1'] },
    status: 2,
    says: [/that is not a failure that can be simulated; wanted probe:NAME@GROUP.*, check:NAME\[:unknown\], drill/],
  },
  'a failure on the way back, where no run goes back': {
    options: { fail: ['restore@group-1'] },
    status: 2,
    says: [/--fail restore@group-1 never came about: it happens on the way back, and no run went back: add a --fail/],
  },
  'a set that is only to be looked at': {
    edits: [withSet('dryRun: true')],
    status: 0,
    says: [/spec\.dryRun of portal is true: a cluster would plan and check, and change nothing until it is false\./],
  },
};

describe('simulate tells how it ended', () => {
  for (const [name, { edits = [], more, options, status, says }] of Object.entries(cases)) {
    it(name, async () => {
      const got = await told(edited(edits, more), options);
      for (const part of says) assert.match(got.text, part);
      assert.equal(got.status, status, got.text);
    });
  }
});

const plans = z.object({ runs: z.array(z.object({ planHash: z.string() })) });

async function decided(name: string, spec: string) {
  const first = plans.parse((await told(portal)).json);
  const text = `apiVersion: belay.dev/v1alpha1\nkind: Decision\nmetadata: {name: ${name}}\nspec: {${spec.replace('HASH', `planHash: "${first.runs[0]?.planHash ?? ''}"`)}}\n`;
  return told(edited([], text));
}

describe('simulate gives the Decisions of the files', () => {
  it('when their run asks for them, instead of a simulated person', async () => {
    const { status, text } = await decided('fine', 'run: portal-1, HASH, choice: SignOff, decidedBy: anna, reason: ok');
    assert.equal(status, 0, text);
    assert.match(text, /Decision "fine" of the files is given: SignOff/);
    assert.match(text, /Verification and sign-off: succeeded {2}because signed off by anna: ok/);
    assert.doesNotMatch(text, /a simulated person decides/);
  });

  it('also where they say no', async () => {
    const { text } = await decided(
      'nay',
      'run: portal-1, HASH, choice: SignOff, verdict: Denied, decidedBy: anna, reason: slow',
    );
    assert.match(text, /Decision "nay" of the files is given: SignOff \(Denied\)/);
    assert.match(text, /anna/);
    assert.doesNotMatch(text, /portal-1 completed/);
  });

  it('and an end at once', async () => {
    const { status, text } = await decided(
      'stop',
      'run: portal-1, HASH, choice: Abort, decidedBy: anna, reason: not today',
    );
    assert.match(text, /portal-1 is Cancelled\./);
    assert.equal(status, 0, text);
  });

  const unheard: Readonly<Record<string, readonly [spec: string, says: RegExp]>> = {
    'for another run': [
      'run: portal-9, HASH, choice: SignOff',
      /spec\.run names portal-9, and the rehearsal makes portal-1\./,
    ],
    'for another plan': [
      `run: portal-1, planHash: "sha256:${'0'.repeat(64)}", choice: SignOff`,
      /spec\.planHash is that of another plan, so it is void; portal-1 has sha256:[0-9a-f]{64}\./,
    ],
    'that nobody asks for': ['run: portal-1, HASH, choice: Resume', /portal-1 never asked for Resume\./],
    'that can never count': [
      'run: portal-1, HASH, choice: Approve',
      /no start waits for it: spec\.approvals\.start of the UpgradeSet was not Required/,
    ],
  };
  for (const [name, [spec, says]] of Object.entries(unheard)) {
    it(`and says of one ${name} why it was not given, which is no rehearsal of it`, async () => {
      const { status, text } = await decided('stray', spec);
      assert.equal(status, 2, text);
      assert.match(text, /Decision "stray" of the files was not given: /);
      assert.match(text, says);
    });
  }

  it('and takes none for given because a simulated person calls another one the same', async () => {
    const { status, text } = await decided('portal-1-1', 'run: portal-9, HASH, choice: SignOff');
    assert.equal(status, 2, text);
    assert.match(text, /a simulated person decides SignOff/);
    assert.match(text, /Decision "portal-1-1" of the files was not given: /);
  });
});

describe('simulate prints the run as a cluster would show it', () => {
  it('as YAML that kubectl reads, with plan and status, in the namespace of the set', async () => {
    const { yaml } = await told(portal);
    const [document] = parseAllDocuments(yaml, { version: '1.1' });
    const run = decodeUpgradeRun(document?.toJS());
    assert.deepEqual(
      [run.metadata.name, run.metadata.namespace, run.spec.package, run.status?.phase],
      ['portal-1', 'default', 'portal-1.2.0', 'Completed'],
    );
    assert.match(yaml, /^# portal-1 completed: version 1\.2\.0 serves\.$/m);
  });

  it('with the way back as a run of its own', async () => {
    const { yaml } = await told(portal, { fail: ['start@group-1'] });
    const names = parseAllDocuments(yaml, { version: '1.1' }).map((one) => decodeUpgradeRun(one.toJS()).metadata.name);
    assert.deepEqual(names, ['portal-1', 'portal-1-back']);
  });
});
