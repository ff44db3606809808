/**
 * Objects that must be refused, as changes to valid ones, with a part of the message the user sees.
 * The API server refuses all of them; the decoder refuses the same, for a cluster with older definitions (S-41).
 */
export type Plain = { [key: string]: unknown };

const digest = `sha256:${'9b1d'.repeat(16)}`;
const image = `registry.example/portal@${digest}`;

function objectOf(kind: string, name: string, spec: Plain): Plain {
  return { apiVersion: 'belay.dev/v1alpha1', kind, metadata: { name }, spec };
}

const http = {
  url: '${BASE}/login',
  method: 'POST',
  env: [{ name: 'PASSWORD', secretKeyRef: { name: 'probe', key: 'password' } }],
};

const databaseJob = (verb: string): Plain => ({
  job: {
    podTemplate: 'pg-tools',
    command: ['belay-pg'],
    args: [verb, '--to=${TO_SCHEMA}'],
    env: [
      { name: 'PGOPTIONS', value: '-c lock_timeout=60s' },
      { name: 'PGPASSWORD', secretKeyRef: { name: 'portal-db', key: 'password' } },
    ],
    timeout: '30m',
  },
});

const database: Plain = {
  connection: { host: 'postgres', port: 5432, database: 'portal', credentialsSecret: 'portal-db' },
  schemaVersion: { job: { image, args: ['schema-version'] } },
  backup: { ...databaseJob('backup'), verify: databaseJob('verify') },
  migrate: databaseJob('migrate'),
  readOnly: {
    set: databaseJob('read-only'),
    clear: databaseJob('read-write'),
    writeProbe: databaseJob('write-probe'),
  },
  restore: databaseJob('restore'),
  drill: databaseJob('drill'),
};

/** One valid object per kind with nearly every field filled in. */
export const validObjects: Readonly<Record<string, Plain>> = {
  Package: objectOf('Package', 'portal-1.2.0', {
    product: 'portal',
    version: '1.2.0',
    reportedAs: ['1.2.0 (build 118)'],
    upgradeType: 'Minor',
    upgradesFrom: '>=1.1 <1.2 || =0.9',
    coexistsWith: '>=1.1',
    requires: [{ product: 'db-access', version: '>=8.1' }],
    images: { portal: image, 'admin/sidecar': image },
    components: { jdk: '21.0.5', 'apache-tomcat': '10.1.33' },
    settings: [{ config: 'options', add: { 'general/cache': 'on' } }],
    checks: [
      { name: 'tls', expression: "pools.all(p, p.facts.minTLS >= '1.2')", message: 'switch TLS 1.0 off' },
      { name: 'vendor', severity: 'Warn', expression: "pools.all(p, p.driver != 'a10')", message: 'see the notes' },
    ],
    notes: {
      download: 'https://downloads.example/portal/1.2.0',
      released: '2026-11-02',
      features: ['faster login'],
    },
  }),
  Pool: objectOf('Pool', 'web', {
    haproxy: { endpoints: ['tcp://haproxy-0.haproxy:9999', 'tcp://[fd00::5]:9999'], backend: 'web' },
    healthChecked: true,
    facts: { vendor: 'haproxy' },
    drain: {
      hook: { http: { url: 'http://${MEMBER}:9000/shed' } },
      connections: { http: { url: 'http://${MEMBER}:9000/stats', json: '$.open' } },
    },
  }),
  ProbeSuite: objectOf('ProbeSuite', 'web-functions', {
    parameters: [{ name: 'BASE', default: 'https://portal.example' }],
    attempts: { interval: '5s' },
    probes: [
      {
        name: 'login',
        http: {
          ...http,
          tls: { minVersion: '1.3' },
          expect: {
            status: [200],
            json: [{ path: '$.id', notEmpty: true }],
            header: [{ name: 'content-type', contains: 'json' }],
          },
          capture: [{ name: 'SESSION', json: '$.id' }],
          components: [
            { name: 'jdk', json: '$.components.jdk' },
            { name: 'apache-tomcat', header: 'server' },
          ],
        },
        attempts: { success: 2 },
      },
      { name: 'port', tcp: { host: 'portal.example', port: 443 } },
      { name: 'certificate', tls: { host: 'portal.example', notAfterDays: 14 }, severity: 'Warn' },
      { name: 'launch', job: { image, args: ['launch'], timeout: '2m' } },
      {
        name: 'complete',
        resource: { apiVersion: 'apps/v1', kind: 'Deployment', name: '${RUN}', expression: 'object.spec.replicas > 0' },
        remedy: 'put the missing ones back',
      },
    ],
  }),
  Database: objectOf('Database', 'portal-db', database),
  ServerGroup: objectOf('ServerGroup', 'group-1', {
    product: 'portal',
    servers: [
      {
        name: 'admin-1',
        role: 'admin',
        vars: { APP: 'a' },
        workload: { kind: 'StatefulSet', name: 'admin-1' },
        pools: [{ name: 'admin' }],
      },
      {
        name: 'stream-1',
        role: 'stream',
        workload: { kind: 'Deployment', name: 'admin-1' },
        pools: [{ name: 'stream', member: 's1' }],
      },
    ],
    database: 'portal-db',
    probes: 'web-functions',
    isolatedParameters: { BASE: 'http://${SERVER}:8080' },
    rebuild: { volumes: 'Replace', reboot: { job: { podTemplate: 'reboot', timeout: '10m' }, restarts: 'Node' } },
    hooks: [
      { name: 'copy', at: 'BeforeRun', job: { podTemplate: 'tools', args: ['copy', '${SERVER}'], timeout: '30m' } },
      { name: 'republish', at: 'AfterRun', job: { image, args: ['republish'] }, onFailure: 'Warn' },
    ],
    snapshot: { volumeSnapshotClassName: 'csi-hostpath', retain: 'UntilSignOff' },
    configs: [
      { name: 'options', object: { kind: 'ConfigMap', name: '${SERVER}-conf' }, key: 'server.conf', format: 'Ini' },
    ],
  }),
  UpgradeSet: objectOf('UpgradeSet', 'portal', {
    package: 'portal-1.2.0',
    serverGroups: ['group-1', 'group-2'],
    schedule: { until: '2026-12-06T04:00:00+02:00' },
    preflight: { require: ['Contacts', 'Channel', 'RestoreDrill'], checks: ['repository'], image },
    contacts: [
      { name: 'ana', role: 'Lead', available: 'WholeWindow', via: '+359 2 555 0100' },
      { name: 'ben', role: 'DatabaseAdministrator' },
    ],
    notify: [{ secret: 'ops-chat', events: ['Start', 'Step', 'Issue', 'End'] }, { secret: 'audit-log' }],
    approvals: { fourEyes: true, start: 'Required', jointSteps: 'Both', expireAfter: '24h' },
    rollback: { policy: 'Automatic', authorizeBelow: '90m' },
    timeouts: { Upgrade: '15m' },
    serviceAccountName: 'upgrader',
  }),
  UpgradeRun: objectOf('UpgradeRun', 'portal-1', {
    format: 1,
    upgradeSet: 'portal',
    upgradeSetUID: '5f0c',
    purpose: 'Upgrade',
    procedure: 'rolling',
    package: 'portal-1.2.0',
    from: { version: '1.1.0' },
    to: { version: '1.2.0' },
    planHash: digest,
    facts: { loadBalanced: 'Yes' },
    policy: { signOff: 'Required', rollback: {}, timeouts: {} },
    groups: [],
    database: { name: 'portal-db', uid: '7d1a', spec: database },
    suites: [],
    pools: [],
    handles: {},
    steps: [
      {
        id: 'g1-stop',
        number: '1',
        title: 'Stop group-1',
        action: 'Stop',
        actor: 'Engineer',
        requires: [],
        timeout: '15m',
        estimate: '2m',
      },
    ],
  }),
  Decision: objectOf('Decision', 'portal-1-rollback', {
    run: 'portal-1',
    planHash: digest,
    choice: 'Rollback',
    method: 'Snapshots',
    data: 'Discard',
    reason: 'no time left to find the cause',
    expires: '2026-12-06T02:00:00Z',
  }),
};

export interface BadObject {
  kind: string;
  /** Sentence for the test's name. */
  why: string;
  /** Values by path; undefined takes the field out. */
  set: Readonly<Record<string, unknown>>;
  /** Part of what the API server answers. */
  says: string;
  /** The answer is about a change of a stored object. */
  isUpdate?: true;
  /** Only the API server can tell. */
  isServerOnly?: true;
}

/** A copy of `object` with the values at dotted paths; parts that are numbers index lists, "/" stands for a dot. */
export function withValues(object: Plain, values: Readonly<Record<string, unknown>>): Plain {
  const copy: Plain = structuredClone(object);
  for (const [path, value] of Object.entries(values)) {
    const parts = path.split('.');
    const last = parts.pop() ?? '';
    let at = copy;
    for (const part of parts) {
      at[part] ??= {};
      const next = at[part];
      if (!isPlain(next)) throw new Error(`${path}: ${part} has no fields`);
      at = next;
    }
    if (value === undefined) delete at[last];
    else at[last] = value;
  }
  return copy;
}

function isPlain(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null;
}

function of(kind: string, cases: Record<string, Omit<BadObject, 'kind' | 'why'>>): BadObject[] {
  return Object.entries(cases).map(([why, rest]) => ({ kind, why, ...rest }));
}

const packages = of('Package', {
  'changes nothing': {
    set: { 'spec.images': undefined, 'spec.settings': undefined },
    says: 'a Package without images and settings changes nothing',
  },
  'is Minor and migrates the schema (001-18)': {
    set: { 'spec.schema': { version: '42', change: 'Migrate' } },
    says: 'a Minor upgrade must not change the schema: set upgradeType to Major',
  },
  'is Minor and converts the schema': {
    set: { 'spec.schema': { version: '42', change: 'Convert' } },
    says: 'a Minor upgrade must not change the schema',
  },
  'names an image by tag': {
    set: { 'spec.images': { portal: 'registry.example/portal:1.2.0' } },
    says: 'every image must name its content by digest',
  },
  'names an image by nothing': {
    set: { 'spec.images': { portal: 'portal' } },
    says: 'every image must name its content by digest',
  },
  'has a digest that is cut short': {
    set: { 'spec.images': { portal: image.slice(0, -1) } },
    says: 'every image must name its content by digest',
  },
  'has a container name that cannot be one': {
    set: { 'spec.images': { 'Portal!': image } },
    says: 'the keys of images are container names',
  },
  'has an empty map of images': { set: { 'spec.images': {} }, says: 'should have at least 1 properties' },
  'has a word for a version': { set: { 'spec.version': 'latest' }, says: 'spec.version' },
  'has seven numbers in its version': { set: { 'spec.version': '1.2.3.4.5.6.7' }, says: 'spec.version' },
  'has a third type (001-07)': { set: { 'spec.upgradeType': 'Patch' }, says: 'Unsupported value: "Patch"' },
  'has a range of another grammar': { set: { 'spec.upgradesFrom': '~1.1' }, says: 'spec.upgradesFrom' },
  'is a release of nothing': { set: { 'spec.product': undefined }, says: 'spec.product: Required value' },
  'requires a product twice': {
    set: {
      'spec.requires': [
        { product: 'a', version: '1' },
        { product: 'a', version: '2' },
      ],
    },
    says: 'Duplicate value',
  },
  'is reported twice as the same': { set: { 'spec.reportedAs': ['a', 'a'] }, says: 'Duplicate value' },
  'has a setting that changes nothing': {
    set: { 'spec.settings': [{ config: 'options' }] },
    says: 'a setting without set, add or remove',
  },
  'brings no components and says so': { set: { 'spec.components': {} }, says: 'should have at least 1 properties' },
  'brings a component of no version': { set: { 'spec.components.jdk': '' }, says: 'spec.components.jdk' },
  'brings a component whose name is a sentence': {
    set: { 'spec.components': { 'the new JDK': '21.0.5' } },
    says: 'the keys of components are names such as jdk or apache-tomcat',
  },
  'brings 33 components': {
    set: { 'spec.components': Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`part-${i}`, '1'])) },
    says: 'must have at most 32 items',
  },
  '001-50: is fetched over a line that anybody can change': {
    set: { 'spec.notes.download': 'http://downloads.example/portal/1.2.0' },
    says: 'begins with https://',
  },
  '001-50: is fetched from a URL without a host': {
    set: { 'spec.notes.download': 'https:///portal' },
    says: 'begins with https://',
  },
  'checks the same twice': { set: { 'spec.checks.1.name': 'tls' }, says: 'Duplicate value' },
  'checks nothing': { set: { 'spec.checks.0.expression': '' }, says: 'spec.checks[0].expression' },
  'checks and does not say what to do': {
    set: { 'spec.checks.0.message': undefined },
    says: 'spec.checks[0].message: Required value',
  },
  'checks neither to hold nor to warn': {
    set: { 'spec.checks.0.severity': 'Fail' },
    says: 'Unsupported value: "Fail"',
  },
  'has a name of 64 characters': {
    set: { 'metadata.name': 'a'.repeat(64) },
    says: 'metadata.name must have at most 63 characters',
    isServerOnly: true,
  },
  'gets another product': { set: { 'spec.product': 'other' }, says: 'product is immutable', isUpdate: true },
  'gets another version': { set: { 'spec.version': '1.2.1' }, says: 'version is immutable', isUpdate: true },
  'gets another type': { set: { 'spec.upgradeType': 'Major' }, says: 'upgradeType is immutable', isUpdate: true },
  'loses its images': { set: { 'spec.images': undefined }, says: 'images is immutable', isUpdate: true },
  'gets another image': {
    set: { 'spec.images.portal': image.replace('9b1d', '0000') },
    says: 'images is immutable',
    isUpdate: true,
  },
  'gets a schema': { set: { 'spec.schema': { version: '42' } }, says: 'schema is immutable', isUpdate: true },
});

const pools = of('Pool', {
  'is two load balancers': { set: { 'spec.service': { name: 'web' } }, says: 'set exactly one of: service, haproxy' },
  'is none': { set: { 'spec.haproxy': undefined }, says: 'set exactly one of: service, haproxy' },
  'has no process': { set: { 'spec.haproxy.endpoints': [] }, says: 'should have at least 1 items' },
  'has the same process twice': {
    set: { 'spec.haproxy.endpoints': ['tcp://a:1', 'tcp://a:1'] },
    says: 'Duplicate value',
  },
  'has an address without a scheme': {
    set: { 'spec.haproxy.endpoints': ['haproxy-0:9999'] },
    says: 'spec.haproxy.endpoints[0]',
  },
  'has no backend': { set: { 'spec.haproxy.backend': undefined }, says: 'spec.haproxy.backend: Required value' },
  'wants fewer than none to serve': { set: { 'spec.minServing': -1 }, says: 'spec.minServing' },
  'settles for a number': { set: { 'spec.drain.settle': '10' }, says: 'spec.drain.settle' },
  'counts with something that is no JSONPath': {
    set: { 'spec.drain.connections.http.json': 'open' },
    says: 'spec.drain.connections.http.json',
  },
  'drains by GET': { set: { 'spec.drain.hook.http.method': 'GET' }, says: 'Unsupported value: "GET"' },
  'has a hook that is no URL': {
    set: { 'spec.drain.hook.http.url': 'file:///etc/passwd' },
    says: 'spec.drain.hook.http.url',
  },
  'has a fact that is a number': { set: { 'spec.facts.minTLS': 1.2 }, says: 'must be of type string' },
});

const suites = of('ProbeSuite', {
  'tests nothing': { set: { 'spec.probes': [] }, says: 'should have at least 1 items' },
  'has a probe with a bad name': { set: { 'spec.probes.0.name': 'Log In' }, says: 'spec.probes[0].name' },
  'has a probe twice': { set: { 'spec.probes.1.name': 'login' }, says: 'Duplicate value' },
  'has a probe of two kinds': { set: { 'spec.probes.1.http': http }, says: 'set exactly one of: http, tcp, tls, job' },
  'has a probe of no kind': {
    set: { 'spec.probes.1.tcp': undefined },
    says: 'set exactly one of: http, tcp, tls, job',
  },
  'has 65 probes': {
    set: { 'spec.probes': Array.from({ length: 65 }, (_, i) => ({ name: `p${i}`, tcp: { host: 'a', port: 1 } })) },
    says: 'must have at most 64 items',
  },
  'runs an image by tag': {
    set: { 'spec.probes.3.job.image': 'registry.example/tools:1' },
    says: 'image must name its content by digest',
  },
  'runs an image and a template': {
    set: { 'spec.probes.3.job.podTemplate': 'tools' },
    says: 'set exactly one of: podTemplate, image',
  },
  'runs neither image nor template': {
    set: { 'spec.probes.3.job.image': undefined },
    says: 'set exactly one of: podTemplate, image',
  },
  'asks a URL of another scheme': {
    set: { 'spec.probes.0.http.url': 'ftp://portal.example' },
    says: 'spec.probes[0].http.url',
  },
  'sends by an unknown method': { set: { 'spec.probes.0.http.method': 'FETCH' }, says: 'Unsupported value: "FETCH"' },
  'sends more than 8 KiB': { set: { 'spec.probes.0.http.body': 'x'.repeat(8193) }, says: 'spec.probes[0].http.body' },
  'expects two things of one value': {
    set: { 'spec.probes.0.http.expect.json': [{ path: '$.a', equals: '1', exists: true }] },
    says: 'set exactly one of: equals, notEmpty, exists, matches',
  },
  'expects nothing of a value': {
    set: { 'spec.probes.0.http.expect.json': [{ path: '$.a' }] },
    says: 'set exactly one of: equals, notEmpty, exists, matches',
  },
  'expects nothing of a header': {
    set: { 'spec.probes.0.http.expect.header': [{ name: 'a' }] },
    says: 'set exactly one of: present, equals, contains, matches',
  },
  'expects a status that is none': {
    set: { 'spec.probes.0.http.expect.status': [99] },
    says: 'spec.probes[0].http.expect.status[0]',
  },
  'captures from nowhere': {
    set: { 'spec.probes.0.http.capture': [{ name: 'A' }] },
    says: 'set exactly one of: json, header, matches',
  },
  'asks for a component and not where': {
    set: { 'spec.probes.0.http.components': [{ name: 'jdk' }] },
    says: 'set exactly one of: json, header, matches',
  },
  'asks for a component in two places': {
    set: { 'spec.probes.0.http.components': [{ name: 'jdk', json: '$.jdk', header: 'server' }] },
    says: 'set exactly one of: json, header, matches',
  },
  'asks for a component whose name is a sentence': {
    set: { 'spec.probes.0.http.components': [{ name: 'the new JDK', json: '$.jdk' }] },
    says: 'spec.probes[0].http.components[0].name',
  },
  'asks for a component that is no path': {
    set: { 'spec.probes.0.http.components': [{ name: 'jdk', json: 'jdk' }] },
    says: 'spec.probes[0].http.components[0].json',
  },
  'asks for one component twice': {
    set: { 'spec.probes.0.http.components.1.name': 'jdk' },
    says: 'Duplicate value',
  },
  'asks for no component and says so': {
    set: { 'spec.probes.0.http.components': [] },
    says: 'should have at least 1 items',
  },
  'asks for 33 components': {
    set: {
      'spec.probes.0.http.components': Array.from({ length: 33 }, (_, i) => ({ name: `part-${i}`, json: '$.a' })),
    },
    says: 'must have at most 32 items',
  },
  'captures into a lower-case name': {
    set: { 'spec.probes.0.http.capture': [{ name: 'session', json: '$.id' }] },
    says: 'a variable name starts with an upper case letter',
  },
  'has a parameter with a dash': {
    set: { 'spec.parameters': [{ name: 'BASE-URL' }] },
    says: 'a variable name starts with an upper case letter',
  },
  'has a variable with two sources': {
    set: { 'spec.probes.0.http.env.0.value': 'x' },
    says: 'set exactly one of: value, secretKeyRef',
  },
  'has a variable with no source': {
    set: { 'spec.probes.0.http.env.0.secretKeyRef': undefined },
    says: 'set exactly one of: value, secretKeyRef',
  },
  'follows too many redirects': {
    set: { 'spec.probes.0.http.followRedirects': 11 },
    says: 'spec.probes[0].http.followRedirects',
  },
  'connects to a port that is none': { set: { 'spec.probes.1.tcp.port': 70_000 }, says: 'spec.probes[1].tcp.port' },
  'allows an old TLS': { set: { 'spec.probes.2.tls.minVersion': '1.0' }, says: 'Unsupported value: "1.0"' },
  'is neither failure nor warning': { set: { 'spec.probes.2.severity': 'Info' }, says: 'Unsupported value: "Info"' },
  'looks at an object of no kind': {
    set: { 'spec.probes.4.resource.kind': undefined },
    says: 'spec.probes[4].resource.kind: Required value',
  },
  'looks at an object of no name': { set: { 'spec.probes.4.resource.name': '' }, says: 'spec.probes[4].resource.name' },
  'looks at a kind in lower case': {
    set: { 'spec.probes.4.resource.kind': 'deployments' },
    says: 'spec.probes[4].resource.kind',
  },
  'looks at an object of a group without a version': {
    set: { 'spec.probes.4.resource.apiVersion': 'apps' },
    says: 'spec.probes[4].resource.apiVersion',
  },
  'looks at an object and asks nothing of it': {
    set: { 'spec.probes.4.resource.expression': undefined },
    says: 'spec.probes[4].resource.expression: Required value',
  },
  'looks at an object with more than 1024 characters': {
    set: { 'spec.probes.4.resource.expression': 'x'.repeat(1025) },
    says: 'spec.probes[4].resource.expression',
  },
  'looks at an object of all namespaces': {
    set: { 'spec.probes.4.resource.scope': 'All' },
    says: 'Unsupported value: "All"',
  },
  'looks at an object and runs a Job in one probe': {
    set: { 'spec.probes.3.resource': { kind: 'ConfigMap', name: 'a', expression: 'true' } },
    says: 'set exactly one of: http, tcp, tls, job, resource',
  },
  'fails after no failure': { set: { 'spec.attempts.failure': 0 }, says: 'spec.attempts.failure' },
  'tries for a duration in words': {
    set: { 'spec.attempts.deadline': 'five minutes' },
    says: 'spec.attempts.deadline',
  },
});

const groups = of('ServerGroup', {
  'is empty': { set: { 'spec.servers': [] }, says: 'should have at least 1 items' },
  'has no servers at all': { set: { 'spec.servers': undefined }, says: 'spec.servers: Required value' },
  'has 129 servers': {
    set: {
      'spec.servers': Array.from({ length: 129 }, (_, i) => ({
        name: `s${i}`,
        workload: { kind: 'Deployment', name: `s${i}` },
      })),
    },
    says: 'must have at most 128 items',
  },
  'names a workload twice': {
    set: { 'spec.servers.1.workload.kind': 'StatefulSet' },
    says: 'two servers name the same workload',
  },
  'names a server twice': { set: { 'spec.servers.1.name': 'admin-1' }, says: 'Duplicate value' },
  'has a kind of workload that is not supported yet': {
    set: { 'spec.servers.0.workload.kind': 'DaemonSet' },
    says: 'Unsupported value: "DaemonSet"',
  },
  'has a server in a pool twice': {
    set: { 'spec.servers.0.pools': [{ name: 'a' }, { name: 'a' }] },
    says: 'Duplicate value',
  },
  'has a variable in lower case': {
    set: { 'spec.servers.0.vars': { app: 'a' } },
    says: 'a variable name starts with an upper case letter',
  },
  'ignores a drain that takes too long': {
    set: { 'spec.drain.onTimeout': 'Ignore' },
    says: 'Unsupported value: "Ignore"',
  },
  'has parameters and no suite': {
    set: { 'spec.probes': undefined },
    says: 'probeParameters and isolatedParameters are values for a suite',
  },
  'has a document of an unknown format': { set: { 'spec.configs.0.format': 'Xml' }, says: 'Unsupported value: "Xml"' },
  'has a document in a Deployment': {
    set: { 'spec.configs.0.object.kind': 'Deployment' },
    says: 'Unsupported value: "Deployment"',
  },
  'loses its volumes in a rebuild': {
    set: { 'spec.rebuild.volumes': 'Delete' },
    says: 'Unsupported value: "Delete"',
  },
  'reboots by nothing': {
    set: { 'spec.rebuild.reboot.job': undefined },
    says: 'spec.rebuild.reboot.job: Required value',
  },
  'reboots a rack': { set: { 'spec.rebuild.reboot.restarts': 'Rack' }, says: 'Unsupported value: "Rack"' },
  'reboots by a PodTemplate and an image': {
    set: { 'spec.rebuild.reboot.job.image': image },
    says: 'set exactly one of: podTemplate, image',
  },
  'reboots by an image that may change': {
    set: { 'spec.rebuild.reboot.job': { image: 'registry.example/reboot:1' } },
    says: 'image must name its content by digest',
  },
  'waits for a reboot for a number': {
    set: { 'spec.rebuild.reboot.job.timeout': '600' },
    says: 'spec.rebuild.reboot.job.timeout',
  },
  'runs a hook when there is no place for it': {
    set: { 'spec.hooks.0.at': 'AfterStop' },
    says: 'Unsupported value: "AfterStop"',
  },
  'runs a hook by a PodTemplate and an image': {
    set: { 'spec.hooks.0.job.image': image },
    says: 'set exactly one of: podTemplate, image',
  },
  'runs two hooks of one name': { set: { 'spec.hooks.1.name': 'copy' }, says: 'Duplicate value' },
  'has a snapshot without a class': {
    set: { 'spec.snapshot.volumeSnapshotClassName': undefined },
    says: 'spec.snapshot.volumeSnapshotClassName: Required value',
  },
});

const sets = of('UpgradeSet', {
  'has no groups': { set: { 'spec.serverGroups': [] }, says: 'should have at least 1 items' },
  'names a group twice': {
    set: { 'spec.serverGroups': ['a', 'b', 'a'] },
    says: 'a group stands twice in serverGroups',
  },
  'installs nothing': { set: { 'spec.package': undefined }, says: 'spec.package: Required value' },
  'has no spec': { set: { spec: undefined }, says: 'spec: Required value' },
  'has a timeout for a verb that is none': {
    set: { 'spec.timeouts': { Explode: '5m' } },
    says: 'the keys of timeouts are step verbs',
  },
  'has a timeout in words': { set: { 'spec.timeouts': { Upgrade: '5 minutes' } }, says: 'spec.timeouts' },
  'never rolls back': { set: { 'spec.rollback.policy': 'Never' }, says: 'Unsupported value: "Never"' },
  'keeps four eyes perhaps (S-35)': {
    set: { 'spec.approvals': { fourEyes: 'perhaps' } },
    says: 'spec.approvals.fourEyes',
  },
  'goes on until tonight': { set: { 'spec.schedule.until': 'tonight' }, says: 'spec.schedule.until' },
  'goes on until a day without a time': {
    set: { 'spec.schedule.until': '2026-12-06' },
    says: 'spec.schedule.until',
  },
  'goes on until a time of no zone': {
    set: { 'spec.schedule.until': '2026-12-06T04:00:00' },
    says: 'spec.schedule.until',
  },
  'goes on until a month that does not exist': {
    set: { 'spec.schedule.until': '2026-13-06T04:00:00Z' },
    says: 'spec.schedule.until',
  },
  'requires a check that nobody knows': {
    set: { 'spec.preflight.require': ['Weather'] },
    says: 'Unsupported value: "Weather"',
  },
  'requires a check twice': {
    set: { 'spec.preflight.require': ['Contacts', 'Contacts'] },
    says: 'Duplicate value: "Contacts"',
  },
  'runs a suite of checks twice': {
    set: { 'spec.preflight.checks': ['repository', 'repository'] },
    says: 'Duplicate value: "repository"',
  },
  'runs checks of a name that cannot be': {
    set: { 'spec.preflight.checks': ['Repository Completeness'] },
    says: 'spec.preflight.checks[0]',
  },
  'checks with an image that may change': {
    set: { 'spec.preflight.image': 'registry.example/shell:1' },
    says: 'image must name its content by digest',
  },
  'names a person twice': {
    set: { 'spec.contacts.1.name': 'ana' },
    says: 'Duplicate value',
  },
  'names a person for nothing': {
    set: { 'spec.contacts.1.role': undefined },
    says: 'spec.contacts[1].role: Required value',
  },
  'names a person for a role that is none': {
    set: { 'spec.contacts.1.role': 'Manager' },
    says: 'Unsupported value: "Manager"',
  },
  'names a person who is there sometimes': {
    set: { 'spec.contacts.1.available': 'Mornings' },
    says: 'Unsupported value: "Mornings"',
  },
  'names a person by a name with a space': {
    set: { 'spec.contacts.1.name': 'Ben Bach' },
    says: 'spec.contacts[1].name',
  },
  'names a lead whom nobody can reach (001-41, 001-42)': {
    set: { 'spec.contacts.0.via': undefined },
    says: 'via is required for a contact with available WholeWindow',
  },
  'reaches a person by nothing': { set: { 'spec.contacts.1.via': '' }, says: 'spec.contacts[1].via' },
  'names 33 people': {
    set: { 'spec.contacts': Array.from({ length: 33 }, (_, i) => ({ name: `p${i}`, role: 'Lead' })) },
    says: 'must have at most 32 items',
  },
  'tells people twice over one line': {
    set: { 'spec.notify.1.secret': 'ops-chat' },
    says: 'Duplicate value',
  },
  'tells people over no line': {
    set: { 'spec.notify.0.secret': undefined },
    says: 'spec.notify[0].secret: Required value',
  },
  'tells people over a line of a name that cannot be': {
    set: { 'spec.notify.0.secret': 'Ops Chat' },
    says: 'spec.notify[0].secret',
  },
  'tells people of what is not told yet': {
    set: { 'spec.notify.0.events': ['Reminder'] },
    says: 'Unsupported value: "Reminder"',
  },
  'tells people of nothing': { set: { 'spec.notify.0.events': [] }, says: 'spec.notify[0].events' },
  'tells people of the start twice': {
    set: { 'spec.notify.0.events': ['Start', 'Start'] },
    says: 'Duplicate value',
  },
  'tells people over nine lines': {
    set: { 'spec.notify': Array.from({ length: 9 }, (_, i) => ({ secret: `line-${i}` })) },
    says: 'must have at most 8 items',
  },
  'starts when somebody likes it': { set: { 'spec.approvals.start': 'Maybe' }, says: 'Unsupported value: "Maybe"' },
  'asks three people for a joint step': {
    set: { 'spec.approvals.jointSteps': 'Three' },
    says: 'Unsupported value: "Three"',
  },
  'takes approvals for as long as it likes': {
    set: { 'spec.approvals.expireAfter': 'a week' },
    says: 'spec.approvals.expireAfter',
  },
  'voids every approval at once': {
    set: { 'spec.approvals.expireAfter': '0s' },
    says: 'with expireAfter 0s every approval is void at once',
  },
  'asks for authorisation below a number': {
    set: { 'spec.rollback.authorizeBelow': '60' },
    says: 'spec.rollback.authorizeBelow',
  },
  'keeps no history': { set: { 'spec.historyLimit': 0 }, says: 'spec.historyLimit' },
  'pauses with a word': { set: { 'spec.paused': 'yes' }, says: 'must be of type boolean' },
  'has a name of 51 characters': {
    set: { 'metadata.name': 'a'.repeat(51) },
    says: 'metadata.name must have at most 50 characters',
    isServerOnly: true,
  },
});

const runs = of('UpgradeRun', {
  'has a step with an unknown verb': {
    set: { 'spec.steps.0.action': 'Explode' },
    says: 'Unsupported value: "Explode"',
  },
  'has a plan hash that is none': { set: { 'spec.planHash': 'sha256:abc' }, says: 'spec.planHash' },
  'has 513 steps': {
    set: {
      'spec.steps': Array.from({ length: 513 }, (_, i) => ({
        id: `s${i}`,
        number: `${i}`,
        title: 'Wait',
        action: 'Wait',
        actor: 'Engineer',
        requires: [],
        timeout: '1m',
        estimate: '1m',
      })),
    },
    says: 'must have at most 512 items',
  },
  'gets another plan': { set: { 'spec.steps': [] }, says: 'a run is immutable', isUpdate: true },
});

const databases = of('Database', {
  'is nowhere': { set: { 'spec.connection': undefined }, says: 'spec.connection: Required value' },
  'has no address': { set: { 'spec.connection.host': '' }, says: 'spec.connection.host' },
  'has a port that cannot be': { set: { 'spec.connection.port': 0 }, says: 'spec.connection.port' },
  'cannot tell its schema': { set: { 'spec.schemaVersion': undefined }, says: 'spec.schemaVersion: Required value' },
  'makes backups that nothing verifies': {
    set: { 'spec.backup.verify': undefined },
    says: 'verify is required with job: a backup that nothing verifies is not a way back',
  },
  'is backed up by a Job and by people (001-61)': {
    set: { 'spec.backup.takenBy': 'People' },
    says: 'set exactly one of: job, where a Job makes the backup, and takenBy, where people do',
  },
  'is backed up by nobody (001-61)': {
    set: { 'spec.backup.job': undefined, 'spec.drill': undefined },
    says: 'set exactly one of: job, where a Job makes the backup, and takenBy, where people do',
  },
  'is backed up by somebody else (001-61)': {
    set: { 'spec.backup': { takenBy: 'Vendor' }, 'spec.drill': undefined },
    says: 'Unsupported value: "Vendor"',
  },
  'says how long its own Job takes': {
    set: { 'spec.backup.estimate': '30m' },
    says: 'estimate is only for takenBy: remove it',
  },
  'drills what people back up (001-61)': {
    set: { 'spec.backup': { takenBy: 'People', estimate: '30m' } },
    says: 'drill tries out a backup that backup.job makes, and with backup.takenBy there is none',
  },
  'restores what it never backs up': {
    set: { 'spec.backup': undefined },
    says: 'restore without backup restores nothing: fill in backup or remove restore',
  },
  'drills what it never backs up': {
    set: { 'spec.backup': undefined, 'spec.restore': undefined },
    says: 'drill without backup has nothing to try out',
  },
  'becomes read-only for ever': {
    set: { 'spec.readOnly.clear': undefined },
    says: 'spec.readOnly.clear: Required value',
  },
  'becomes read-only by nothing': {
    set: { 'spec.readOnly.set': undefined },
    says: 'spec.readOnly.set: Required value',
  },
  'becomes read-only and nobody looks whether it is': {
    set: { 'spec.readOnly.writeProbe': undefined },
    says: 'spec.readOnly.writeProbe: Required value',
  },
  'tries to write by a PodTemplate and an image': {
    set: { 'spec.readOnly.writeProbe.job.image': image },
    says: 'set exactly one of: podTemplate, image',
  },
  'becomes read-only by an image that may change': {
    set: { 'spec.readOnly.set.job': { image: 'registry.example/pg-tools:17' } },
    says: 'image must name its content by digest',
  },
  'becomes writable again in its own time': {
    set: { 'spec.readOnly.clear.job.timeout': 'long' },
    says: 'spec.readOnly.clear.job.timeout',
  },
  'migrates by a PodTemplate and an image': {
    set: { 'spec.migrate.job.image': image },
    says: 'set exactly one of: podTemplate, image',
  },
  'migrates by nothing': {
    set: { 'spec.migrate.job.podTemplate': undefined },
    says: 'set exactly one of: podTemplate, image',
  },
  'migrates by an image that may change': {
    set: { 'spec.migrate.job.podTemplate': undefined, 'spec.migrate.job.image': 'registry.example/pg-tools:17' },
    says: 'image must name its content by digest',
  },
  'holds a password': {
    set: { 'spec.migrate.job.env.1.value': 'secret' },
    says: 'set exactly one of: value, secretKeyRef',
  },
  'moves to another server': {
    set: { 'spec.connection.host': 'postgres-2' },
    says: 'host and database say which database it is',
    isUpdate: true,
  },
  'becomes another database': {
    set: { 'spec.connection.database': 'mail' },
    says: 'host and database say which database it is',
    isUpdate: true,
  },
});

/** A word on what a step asks people for, which is complete. */
const attests = {
  'spec.choice': 'Attest',
  'spec.method': undefined,
  'spec.data': undefined,
  'spec.step': 'backup-last',
  'spec.reason': 'full backup, checked',
  'spec.evidence': 'vault/portal-0042',
};
/** Of the valid Decision what an approval has. */
const approves = { 'spec.choice': 'Approve', 'spec.method': undefined, 'spec.data': undefined };

const decisions = of('Decision', {
  'is for no run': { set: { 'spec.run': undefined }, says: 'spec.run: Required value' },
  'is for no plan': { set: { 'spec.planHash': undefined }, says: 'spec.planHash: Required value' },
  'is for a plan that cannot be': { set: { 'spec.planHash': 'latest' }, says: 'spec.planHash' },
  'is a rollback by no method': {
    set: { 'spec.method': undefined },
    says: 'method is required for the choice Rollback',
  },
  'is a sign-off with a method': {
    set: { 'spec.choice': 'SignOff', 'spec.data': undefined },
    says: 'method is required for the choice Rollback',
  },
  'resumes and discards data': {
    set: { 'spec.choice': 'Resume', 'spec.method': undefined },
    says: 'data is only for the choices Rollback and Restart',
  },
  'chooses what cannot be chosen': { set: { 'spec.choice': 'Reboot' }, says: 'Unsupported value: "Reboot"' },
  'waives no check': {
    set: { 'spec.choice': 'Waive', 'spec.method': undefined, 'spec.data': undefined, 'spec.reason': 'no phone yet' },
    says: 'check is required for the choices Waive and Attest',
  },
  'names a check and rolls back': {
    set: { 'spec.check': 'Contacts' },
    says: 'check is required for the choices Waive and Attest',
  },
  'waives without a reason': {
    set: {
      'spec.choice': 'Waive',
      'spec.check': 'Contacts',
      'spec.method': undefined,
      'spec.data': undefined,
      'spec.reason': undefined,
    },
    says: 'reason is required for the choices Waive, Attest and Rebuild',
  },
  'names a step and rolls back': {
    set: { 'spec.step': 'g1-alone' },
    says: 'step is only for the choices Approve and Attest',
  },
  'rebuilds a server of no group': {
    set: {
      'spec.choice': 'Rebuild',
      'spec.server': 'web-1',
      'spec.method': undefined,
      'spec.data': undefined,
      'spec.reason': 'disk failure',
    },
    says: 'group and server are required together for the choice Rebuild',
  },
  'approves by a method': {
    set: { 'spec.choice': 'Approve', 'spec.data': undefined },
    says: 'method is required for the choice Rollback and excluded for all others',
  },
  'rebuilds no server (001-135)': {
    set: { ...approves, 'spec.choice': 'Rebuild' },
    says: 'group and server are required together for the choice Rebuild',
  },
  'rebuilds a server whose name cannot be': {
    set: { ...approves, 'spec.choice': 'Rebuild', 'spec.group': 'group-1', 'spec.server': 'Web 1' },
    says: 'spec.server',
  },
  'restarts one group alone': {
    set: { ...approves, 'spec.choice': 'Restart', 'spec.group': 'group-1' },
    says: 'group and server are required together for the choice Rebuild and excluded for all others',
  },
  'attests no check': {
    set: { 'spec.choice': 'Attest', 'spec.method': undefined, 'spec.data': undefined, 'spec.reason': 'seen' },
    says: 'check is required for the choices Waive and Attest',
  },
  'attests a check and does not say why (001-42)': {
    set: {
      'spec.choice': 'Attest',
      'spec.method': undefined,
      'spec.data': undefined,
      'spec.check': 'Channel',
      'spec.reason': undefined,
    },
    says: 'reason is required for the choices Waive, Attest and Rebuild',
  },
  'attests a step without a reference (001-61)': {
    set: { ...attests, 'spec.evidence': undefined },
    says: 'evidence is required for the choice Attest with a step: the reference of what was done',
  },
  'attests a step with a command line (001-61)': {
    set: { ...attests, 'spec.evidence': 'vault/portal-0042;reboot' },
    says: 'evidence is required for the choice Attest with a step: the reference of what was done',
  },
  'attests a step with a variable (001-61)': {
    set: { ...attests, 'spec.evidence': 'vault/$(PGPASSWORD)' },
    says: 'evidence is required for the choice Attest with a step: the reference of what was done',
  },
  'attests a check and a step (001-61)': {
    set: { ...attests, 'spec.check': 'Backups' },
    says: "copy it from the run's status.preflight, or, for Attest, step from its status.choices instead",
  },
  'waives a check without a name': {
    set: { 'spec.choice': 'Waive', 'spec.method': undefined, 'spec.data': undefined, 'spec.check': '' },
    says: 'spec.check',
  },
  'waives all checks at once': {
    set: { 'spec.choice': 'Waive', 'spec.method': undefined, 'spec.data': undefined, 'spec.check': 'x'.repeat(128) },
    says: 'spec.check',
  },
  'approves a check': {
    set: { 'spec.choice': 'Approve', 'spec.method': undefined, 'spec.data': undefined, 'spec.check': 'Contacts' },
    says: "check is required for the choices Waive and Attest and excluded for all others: copy it from the run's status.preflight",
  },
  'approves the result of a step that cannot be': {
    set: { 'spec.choice': 'Approve', 'spec.method': undefined, 'spec.data': undefined, 'spec.step': 'G1 alone' },
    says: 'spec.step',
  },
  'signs off a step': {
    set: { 'spec.choice': 'SignOff', 'spec.method': undefined, 'spec.data': undefined, 'spec.step': 'sign-off' },
    says: 'step is only for the choices Approve and Attest: remove it',
  },
  'tries a server again': {
    set: {
      'spec.choice': 'Retry',
      'spec.method': undefined,
      'spec.data': undefined,
      'spec.group': 'group-1',
      'spec.server': 'web-1',
    },
    says: 'group and server are required together for the choice Rebuild and excluded for all others',
  },
  'rebuilds a whole group': {
    set: { 'spec.choice': 'Rebuild', 'spec.method': undefined, 'spec.data': undefined, 'spec.group': 'group-1' },
    says: 'group and server are required together for the choice Rebuild',
  },
  'rebuilds and does not say why (001-135)': {
    set: {
      'spec.choice': 'Rebuild',
      'spec.method': undefined,
      'spec.data': undefined,
      'spec.group': 'group-1',
      'spec.server': 'web-1',
      'spec.reason': undefined,
    },
    says: 'reason is required for the choices Waive, Attest and Rebuild',
  },
  'rebuilds by a method': {
    set: { 'spec.choice': 'Rebuild', 'spec.group': 'group-1', 'spec.server': 'web-1', 'spec.data': undefined },
    says: 'method is required for the choice Rollback and excluded for all others',
  },
  'tries again and discards data': {
    set: { 'spec.choice': 'Retry', 'spec.method': undefined },
    says: 'data is only for the choices Rollback and Restart: remove it',
  },
  'restarts by a method': {
    set: { 'spec.choice': 'Restart' },
    says: 'method is required for the choice Rollback and excluded for all others',
  },
  'has a verdict nobody knows': { set: { 'spec.verdict': 'Perhaps' }, says: 'Unsupported value: "Perhaps"' },
  'has a reason without a word': { set: { 'spec.reason': '' }, says: 'spec.reason' },
  'decides in a role nobody has': { set: { 'spec.as': 'Manager' }, says: 'Unsupported value: "Manager"' },
  'expires some day': { set: { 'spec.expires': 'tomorrow' }, says: 'spec.expires' },
  'is changed afterwards': { set: { 'spec.verdict': 'Denied' }, says: 'a Decision is immutable', isUpdate: true },
});

export const badObjects: readonly BadObject[] = [
  ...packages,
  ...pools,
  ...suites,
  ...databases,
  ...groups,
  ...sets,
  ...runs,
  ...decisions,
];
