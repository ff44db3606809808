/** What a cluster refuses, `belay simulate` refuses: the file, the object, the field and the next move, a line for each. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { kinds } from '../../src/api/kinds.ts';
import { readEntries } from '../../src/rehearsal/load.ts';
import { Rules } from '../../src/rehearsal/rules.ts';
import { badObjects, withValues, validObjects } from '../integration/bad-objects.ts';
import { edited, image, told, type Edit } from './simulate-scene.ts';

const digest = `sha256:${'9b1d'.repeat(16)}`;

/** Every rule of a definition that is about an object alone, by kind. */
function rulesOf(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const own = 'x-kubernetes-validations' in schema ? schema['x-kubernetes-validations'] : [];
  const rules = (Array.isArray(own) ? own : []) as { rule: string; message: string }[];
  return [
    ...rules.filter(({ rule }) => !rule.includes('oldSelf')).map(({ message }) => message),
    ...Object.values(schema).flatMap(rulesOf),
  ];
}

describe('simulate: objects that the API server refuses', () => {
  for (const bad of badObjects.filter(({ isUpdate }) => isUpdate !== true)) {
    it(`${bad.kind} that ${bad.why}`, () => {
      const valid = validObjects[bad.kind];
      assert.ok(valid);
      const text = JSON.stringify(withValues(valid, bad.set));
      if (bad.kind === 'UpgradeRun') return assert.deepEqual(readEntries([{ file: 'a.yaml', text }]).length, 1);
      assert.throws(() => readEntries([{ file: 'a.yaml', text }]), /^TerminalError: a\.yaml: /);
    });
  }

  it('are refused by the rules themselves, each of them evaluated as the API server does', () => {
    const rules = new Rules();
    const written = kinds.filter(({ kind }) => kind !== 'UpgradeRun');
    const proven = new Set(
      badObjects.flatMap((bad) => {
        const kind = written.find((candidate) => candidate.kind === bad.kind);
        const valid = validObjects[bad.kind];
        if (kind === undefined || valid === undefined || bad.isUpdate === true) return [];
        const { metadata, spec } = withValues(valid, bad.set) as { metadata: { name: string }; spec: unknown };
        return rules.broken(kind, { metadata, spec });
      }),
    );
    const messages = written.flatMap((kind) =>
      rulesOf(kind.spec.toJSONSchema({ target: 'openapi-3.0', io: 'input', reused: 'inline' })),
    );
    const never = [...new Set(messages)].filter((message) => ![...proven].some((said) => said.includes(message)));
    assert.deepEqual(never, []);
  });

  for (const [kind, object] of Object.entries(validObjects)) {
    it(`but not a valid ${kind}`, () => {
      assert.equal(readEntries([{ file: 'a.yaml', text: JSON.stringify(object) }]).length, 1);
    });
  }
});

interface Case {
  readonly edits?: readonly Edit[];
  readonly more?: string;
  readonly says: RegExp;
}

const probes = 'probes: [{name: login, http: {url: "https://portal.example/login"}}]';
const secret = (name: string, data: string, namespace = ''): string => `apiVersion: v1
kind: Secret
metadata: {name: ${name}${namespace === '' ? '' : `, namespace: ${namespace}`}}
stringData: {${data}}
`;
const template = (spec: string): string => `apiVersion: v1
kind: PodTemplate
metadata: {name: tools}
template: {spec: {${spec}}}
`;
const database = (change: string): string => `apiVersion: belay.dev/v1alpha1
kind: Database
metadata: {name: portal-db}
spec:
  connection: {host: postgres, port: 5432, database: portal}
  schemaVersion: {job: {podTemplate: tools, ${change}}}
`;
const env = 'env: [{name: PASSWORD, secretKeyRef: {name: probe, key: password}}]';
const hook = (job: string): Edit => [
  '  probes: functions\n',
  `  probes: functions\n  hooks: [{name: copy, at: BeforeRun, job: {image: "tools@${digest}", ${job}}}]\n`,
];
const withSet = (fields: string): Edit => [
  'serverGroups: [group-1, group-2]}',
  `serverGroups: [group-1, group-2], ${fields}}`,
];
const service = (name: string, value: string): string => `apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec: {selector: {belay.dev/pool: ${value}}}
`;

const cases: Readonly<Record<string, Case>> = {
  'YAML that kubectl reads otherwise: on is true, and no text': {
    edits: [['upgradeType: Minor', 'upgradeType: Minor, components: {cache: on}']],
    says: /^all\.yaml: Package "portal-1\.1\.0" is not valid: spec\.components\.cache: .*expected string, received boolean: quote it/,
  },
  'a name that kubectl reads as no text': {
    edits: [['kind: UpgradeSet\nmetadata: {name: portal}', 'kind: UpgradeSet\nmetadata: {name: no}']],
    says: /^all\.yaml: UpgradeSet: metadata\.name is read as false: put it in quotes$/,
  },
  'an instant without its time zone': {
    edits: [withSet('schedule: {until: "2026-11-23 22:00"}')],
    says: /spec\.schedule\.until: must be an instant with its time zone, such as 2026-11-23T22:00:00Z/,
  },
  'a duration of another notation': {
    edits: [withSet('timeouts: {Stop: 30 minutes}')],
    says: /spec\.timeouts\.Stop: must be a duration such as 30m or 1h30m/,
  },
  'a line to people of no known type': {
    edits: [withSet('notify: [{secret: chat}]')],
    more: secret('chat', 'type: teams, url: "https://chat.example/hook"'),
    says: /^all\.yaml: Secret "chat", which spec\.notify names: its key type is neither cloudevents nor slack: write one/,
  },
  'a line to people without an address': {
    edits: [withSet('notify: [{secret: chat}]')],
    more: secret('chat', 'type: slack, url: "chat.example/hook"'),
    says: /^all\.yaml: Secret "chat", which spec\.notify names: its key url is no http or https URL: write the address/,
  },
  'an object of no version': {
    more: 'kind: Package\nmetadata: {name: a}\n',
    says: /^all\.yaml: Package "a" has no apiVersion: every object needs one$/,
  },
  'a document that is no object': { more: '- a\n', says: /^all\.yaml: a document of it is no object/ },
  'a name that the API server does not take': {
    edits: [['name: functions}\nspec', 'name: Functions}\nspec']],
    says: /^all\.yaml: ProbeSuite "Functions" is not valid: metadata\.name "Functions" must be lower case/,
  },
  'a name that is too long for what is made from it': {
    edits: [['kind: UpgradeSet\nmetadata: {name: portal}', `kind: UpgradeSet\nmetadata: {name: ${'a'.repeat(51)}}`]],
    says: /UpgradeSet "a+" is not valid: metadata\.name must have at most 50 characters/,
  },
  'an expression of a probe that is no CEL': {
    edits: [[probes, 'probes: [{name: login, resource: {kind: ConfigMap, name: a, expression: "object.data.x ="}}]']],
    says: /^all\.yaml: ProbeSuite "functions", spec\.probes\[login\]\.resource\.expression: "object\.data\.x =" cannot be used: /,
  },
  'a path of a probe that is no JSONPath': {
    edits: [['"https://portal.example/login"', '"https://a", expect: {json: [{path: "$.[", exists: true}]}']],
    says: /ProbeSuite "functions", spec\.probes\[login\]\.http\.expect\.json: "\$\.\[" cannot be used/,
  },
  'a pattern of a probe that RE2 does not know': {
    edits: [['"https://portal.example/login"', '"https://a", expect: {body: {matches: "(?=a)"}}']],
    says: /ProbeSuite "functions", spec\.probes\[login\]\.http\.expect\.body\.matches: .*RE2 has no look-around/,
  },
  'a variable that is used before it is captured': {
    edits: [
      [
        probes,
        'probes: [{name: a, http: {url: "https://a/${SESSION}"}}, {name: b, http: {url: "https://b", capture: [{name: SESSION, json: $.id}]}}]',
      ],
    ],
    says: /ProbeSuite "functions", spec\.probes\[a\]: \$\{SESSION\} has no value yet: probe "b" captures it/,
  },
  'a Secret without the key that a probe names': {
    edits: [['"https://portal.example/login"', `"https://a", ${env}`]],
    more: secret('probe', 'user: x'),
    says: /^all\.yaml: ProbeSuite "functions", spec\.probes\[login\]\.http\.env\[PASSWORD\]: Secret probe has no key "password"; there is user: add it, or correct the key$/,
  },
  'a Secret that is in another namespace': {
    edits: [['"https://portal.example/login"', `"https://a", ${env}`]],
    more: secret('probe', 'password: x', 'shop'),
    says: /Secret probe is in namespace shop, and this is in default: references stay within the namespace/,
  },
  'a PodTemplate whose image is named by tag': {
    edits: [[probes, 'probes: [{name: login, job: {podTemplate: tools}}]']],
    more: template('containers: [{name: tools, image: "tools:1"}]'),
    says: /^all\.yaml: PodTemplate "tools", template\.spec\.containers\[tools\]\.image: "tools:1" may be another program/,
  },
  'a PodTemplate without a container': {
    edits: [[probes, 'probes: [{name: login, job: {podTemplate: tools}}]']],
    more: template('containers: []'),
    says: /PodTemplate "tools", template\.spec\.containers: there is no container to run the Job/,
  },
  'a PodTemplate that mounts a key that is not there': {
    edits: [[probes, 'probes: [{name: login, job: {podTemplate: tools}}]']],
    more: `${template(`containers: [{name: tools, image: "tools@${digest}", env: [{name: A, valueFrom: {secretKeyRef: {name: probe, key: b}}}]}]`)}---\n${secret('probe', 'a: x')}`,
    says: /^all\.yaml: PodTemplate "tools", template\.spec\.containers\[tools\]\.env\[A\]: Secret probe has no key "b"; there is a/,
  },
  'a variable that a Job of a Database does not get': {
    more: `${database('args: ["${TO_SCHEMA}"]')}---\n${template(`containers: [{name: tools, image: "tools@${digest}"}]`)}`,
    says: /^all\.yaml: Database "portal-db", spec\.schemaVersion\.job\.args: \$\{TO_SCHEMA\} has no value here: take one of VERB, /,
  },
  'a variable that a hook does not get': {
    edits: [hook('args: ["${BACKUP}"]')],
    says: /^all\.yaml: ServerGroup "group-1", spec\.hooks\[copy\]\.job\.args: \$\{BACKUP\} has no value here/,
  },
  'a variable that a rebuild does not get': {
    edits: [
      [
        '  probes: functions\n',
        `  probes: functions\n  rebuild: {reboot: {job: {image: "tools@${digest}", args: ["\${BACKUP}"]}}}\n`,
      ],
    ],
    says: /ServerGroup "group-1", spec\.rebuild\.reboot\.job\.args: \$\{BACKUP\} has no value here/,
  },
  'a document of a group whose name has a variable that nobody sets': {
    edits: [
      [
        '  probes: functions\n',
        '  probes: functions\n  configs: [{name: options, object: {kind: ConfigMap, name: "${APP}"}, key: a, format: Ini}]\n',
      ],
    ],
    says: /ServerGroup "group-1", spec\.configs\[options\]\.object\.name: \$\{APP\} has no value for server web-1: take one of GROUP, SERVER/,
  },
  'a document of a group that lacks its key': {
    edits: [
      [
        '  probes: functions\n',
        '  probes: functions\n  configs: [{name: options, object: {kind: ConfigMap, name: "${SERVER}-conf"}, key: a, format: Ini}]\n',
      ],
    ],
    more: 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web-1-conf}\ndata: {b: x}\n',
    says: /ServerGroup "group-1", spec\.configs\[options\]\.object\.name: ConfigMap web-1-conf has no key "a"; there is b/,
  },
  'a workload whose data goes when it is scaled to zero': {
    edits: [['  replicas: 1\n', '  replicas: 1\n  persistentVolumeClaimRetentionPolicy: {whenScaled: Delete}\n']],
    says: /^all\.yaml: StatefulSet "web-1", spec\.persistentVolumeClaimRetentionPolicy\.whenScaled: scaling to zero would delete its data: set whenScaled to Retain$/,
  },
  'a workload whose pods keep the template before': {
    edits: [['  replicas: 1\n', '  replicas: 1\n  updateStrategy: {type: OnDelete}\n']],
    says: /StatefulSet "web-1", spec\.updateStrategy\.type: pods would keep the template before/,
  },
  'two workloads that use one claim': {
    edits: [
      ['template: {spec: {', 'template: {spec: {volumes: [{name: d, persistentVolumeClaim: {claimName: all}}], '],
      [
        /(web-2}\nspec:[^]*?)template: \{spec: \{/,
        '$1template: {spec: {volumes: [{name: d, persistentVolumeClaim: {claimName: all}}], ',
      ],
    ],
    says: /^all\.yaml: StatefulSet "web-1", spec\.template\.spec\.volumes: claim all is also used by statefulset\/web-2: give each its own$/,
  },
  'a path to a number of connections that is no JSONPath': {
    edits: [
      [
        'healthChecked: true',
        'healthChecked: true, drain: {connections: {http: {url: "http://${MEMBER}", json: "$.["}}}',
      ],
    ],
    says: /^all\.yaml: Pool "web", spec\.drain\.connections\.http\.json: .*: correct the path$/,
  },
  'a Database that lacks what installing the release runs': {
    edits: [
      ['  probes: functions\n', '  probes: functions\n  database: portal-db\n'],
      [
        /(web-2, pools[^]*?|web-2}, pools[^]*?) {2}probes: functions\n/,
        '$1  probes: functions\n  database: portal-db\n',
      ],
    ],
    more: database('args: [a]'),
    says: /^all\.yaml: Database "portal-db", spec\.migrate: installing portal-1\.2\.0 runs it, also where the schema stays: fill it in/,
  },
  'two Pools that are one': {
    edits: [['pools: [{name: web}]', 'pools: [{name: web}, {name: also}]']],
    more: 'apiVersion: belay.dev/v1alpha1\nkind: Pool\nmetadata: {name: also}\nspec: {haproxy: {endpoints: ["tcp://haproxy-0:9999"], backend: web}}\n',
    says: /^all\.yaml: Pool "web", spec: it is the same as Pool also \(backend web at tcp:\/\/haproxy-0:9999\): name one of them only$/,
  },
  'pods in two Services that select different labels': {
    edits: [
      ['pools: [{name: web}]', 'pools: [{name: web}, {name: also}]'],
      ['spec: {haproxy: {endpoints: ["tcp://haproxy-0:9999"], backend: web}', 'spec: {service: {name: one}'],
      ['template: {spec', 'template: {metadata: {labels: {belay.dev/pool: one}}, spec'],
      ['template: {spec', 'template: {metadata: {labels: {belay.dev/pool: one}}, spec'],
    ],
    more: `apiVersion: belay.dev/v1alpha1\nkind: Pool\nmetadata: {name: also}\nspec: {service: {name: two}}\n---\n${service('one', 'one')}---\n${service('two', 'two')}`,
    says: /StatefulSet "web-1", spec\.template\.metadata\.labels: Pools web and also select different values of belay\.dev\/pool/,
  },
  'a Pool that is in another namespace': {
    edits: [['kind: Pool\nmetadata: {name: web}', 'kind: Pool\nmetadata: {name: web, namespace: lb}']],
    says: /ServerGroup "group-1", spec\.servers\[0\]\.pools\[0\]\.name: Pool "web" is in namespace lb, and this is in default: references stay within the namespace/,
  },
  'a Package of another namespace': {
    edits: [['metadata: {name: portal-1.2.0}', 'metadata: {name: portal-1.2.0, namespace: catalogue}']],
    says: /UpgradeSet "portal", spec\.package: Package "portal-1\.2\.0" is in namespace catalogue, and this is in default/,
  },
  'sets of several namespaces at once': {
    more: 'apiVersion: belay.dev/v1alpha1\nkind: UpgradeSet\nmetadata: {name: shop, namespace: shop}\nspec: {package: a, serverGroups: [b]}\n',
    says: /UpgradeSets of several namespaces \(default\/portal, shop\/shop\).*name one with --set NAMESPACE\/NAME/,
  },
  'today’s release, where neither Package nor label tells': {
    edits: [[`portal: "${image('1')}"}}`, `portal: "${image('9')}"}}`]],
    says: /no Package holds the image that web-1 runs .*: write one for today's release, or pass --from VERSION\. A cluster does not know the version either/,
  },
  'today’s release, where there is nothing at all': {
    edits: [
      [/apiVersion: apps\/v1\n[^]*?---/g, '---'],
      [/apiVersion: belay.dev\/v1alpha1\nkind: Package\nmetadata: \{name: portal-1.1.0\}\n[^]*?---/, '---'],
    ],
    says: /the manifests hold neither workloads nor a Package before portal-1\.2\.0, so nothing tells which version runs: .*--from VERSION/,
  },
  'a Decision that cannot be one': {
    more: `apiVersion: belay.dev/v1alpha1\nkind: Decision\nmetadata: {name: back}\nspec: {run: portal-1, planHash: ${digest}, choice: Rollback}\n`,
    says: /^all\.yaml: Decision "back" is not valid: spec\.method: method is required for the choice Rollback/,
  },
  'two problems at once: both are told': {
    edits: [
      ['serverGroups: [group-1, group-2]', 'serverGroups: [group-1, blue]'],
      ['probes: functions', 'probes: nothing'],
    ],
    says: /spec\.serverGroups\[1\]: the manifests hold no ServerGroup "blue".*\n.*spec\.probes: the manifests hold no ProbeSuite "nothing"/,
  },
};

describe('simulate: what only several objects show', () => {
  for (const [name, { edits = [], more, says }] of Object.entries(cases)) {
    it(`refuses ${name}`, async () => {
      const { status, text } = await told(edited(edits, more));
      assert.equal(status, 2, text);
      assert.match(text, says);
    });
  }

  it('refuses the plan where nobody sets a variable of a probe, as a cluster does', async () => {
    const { status, text } = await told(edited([['portal.example/login', '${HOST}/login']]));
    assert.equal(status, 1);
    assert.match(
      text,
      /refused: VariableNotSet: probesuite\/functions, spec\.probes: nobody sets \$\{HOST\}: add it to/,
    );
  });

  it('refuses a variable that only another probe has in its env', async () => {
    const { status, text } = await told(
      edited([
        [
          probes,
          'probes: [{name: a, http: {url: "https://a", env: [{name: A, value: b}]}}, {name: b, http: {url: "https://${A}"}}]',
        ],
      ]),
    );
    assert.equal(status, 2, text);
    assert.match(text, /ProbeSuite "functions", spec\.probes\[b\]: nobody sets \$\{A\}: add it to spec\.parameters/);
  });
});
