import * as z from 'zod';
import * as c from './common.ts';
import { componentName, maxComponents } from './component.ts';
import { conditions } from './conditions.ts';
import { type ApiObject, defineKind } from './kind.ts';

const tlsVersion = (description: string): z.ZodEnum<{ '1.2': '1.2'; '1.3': '1.3' }> =>
  z.enum(['1.2', '1.3']).meta({ description });

const tlsRules = c.object('tls says how the server proves who it is.', {
  caFrom: c
    .keyRef(
      'caFrom names the key of a Secret with PEM certificates of the authorities to trust. Default: those of the system.',
      'Secret',
    )
    .optional(),
  serverName: c
    .nonEmpty('serverName is the name the certificate must be for. Default: the host of the URL.', 253)
    .optional(),
  insecureSkipVerify: c.boolean('insecureSkipVerify accepts any certificate. Default false.').default(false),
  minVersion: tlsVersion('minVersion is the lowest version of TLS that may be agreed on. Default "1.2".').default(
    '1.2',
  ),
});

const jsonExpectation = c.object(
  'What a place in the JSON body must hold.',
  {
    path: c.jsonPath('path is an RFC 9535 JSONPath, such as "$.version".'),
    equals: c
      .text(
        'equals is the value as a string; variables are expanded: "${EXPECTED_VERSION}". Numbers are compared as written.',
        2048,
      )
      .optional(),
    notEmpty: c
      .boolean('notEmpty true: there is a value that is not null, "", [] or {}; false: there is none.')
      .optional(),
    exists: c.boolean('exists says whether the path must select something, null included.').optional(),
    matches: c.nonEmpty('matches is an RE2 regular expression found in the value, such as "^2[.]0".').optional(),
  },
  [c.exactlyOne('equals', 'notEmpty', 'exists', 'matches')],
);

const headerExpectation = c.object(
  'What a header of the answer must hold.',
  {
    name: c.nonEmpty('name is the name of the header; case does not matter.', 128),
    present: c.boolean('present says whether the header must be there.').optional(),
    equals: c.text('equals is the whole value; variables are expanded.', 2048).optional(),
    contains: c.nonEmpty('contains is a part of the value.').optional(),
    matches: c.nonEmpty('matches is an RE2 regular expression found in the value.').optional(),
  },
  [c.exactlyOne('present', 'equals', 'contains', 'matches')],
);

const httpExpect = c.object('expect says which answers pass. All of it must hold.', {
  status: c
    .setList(
      'status are the status codes that pass, such as [200]. Default: any from 200 to 299.',
      c.integer('A status code.', 100, 599),
      {
        min: 1,
        max: 32,
      },
    )
    .optional(),
  json: c.atomicList('json are expectations on the JSON body.', jsonExpectation, { max: 32 }).optional(),
  header: c.atomicList('header are expectations on the headers.', headerExpectation, { max: 32 }).optional(),
  body: c
    .object('body are expectations on the body as text.', {
      contains: c.nonEmpty('contains is a part of the body; variables are expanded.', 1024).optional(),
      matches: c.nonEmpty('matches is an RE2 regular expression found in the body.').optional(),
    })
    .optional(),
});

const capture = c.object(
  'One value kept from an answer for later probes of the suite.',
  {
    name: c.variableName('name is the variable that later probes use, such as "SESSION".'),
    json: c.jsonPath('json is the RFC 9535 JSONPath of the value; it must select exactly one.').optional(),
    header: c.nonEmpty('header is the name of the header that holds the value.', 128).optional(),
    matches: c.nonEmpty('matches is an RE2 regular expression on the body whose first group is the value.').optional(),
  },
  [c.exactlyOne('json', 'header', 'matches')],
);

const component = c.object(
  'One component of the server whose version the answer tells.',
  {
    name: componentName('name is the component, as Package.spec.components calls it, such as "jdk".'),
    json: c.jsonPath('json is the RFC 9535 JSONPath of the version; it must select exactly one.').optional(),
    header: c.nonEmpty('header is the name of the header that holds the version.', 128).optional(),
    matches: c
      .nonEmpty('matches is an RE2 regular expression on the body whose first group is the version.')
      .optional(),
  },
  [c.exactlyOne('json', 'header', 'matches')],
);

const http = c.object(
  'http sends one request and looks at the answer. Cookies of earlier answers of the suite are sent along.',
  {
    url: c.url('url is where to; variables are expanded: "${BASE}/login".'),
    method: z
      .enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
      .meta({ description: 'method is the HTTP method. Default GET.' })
      .default('GET'),
    headers: c
      .atomicList(
        'headers are sent with the request.',
        c.object('One header.', {
          name: c.nonEmpty('name is the name of the header.', 128),
          value: c.text('value is its value; variables are expanded.', 2048),
        }),
        { max: 32 },
      )
      .optional(),
    body: c.text('body is sent with the request; variables are expanded.', 8192).optional(),
    env: c.envList('env are variables for url, headers, body and expectations, mostly from Secrets.').optional(),
    cookies: z
      .enum(['Keep', 'Ignore'])
      .meta({
        description:
          'cookies Keep: cookies set by answers go into the jar of the suite and are sent to their host. Ignore: neither. Default Keep.',
      })
      .default('Keep'),
    followRedirects: c
      .integer('followRedirects is how many redirects are followed. Default 0: the redirect is the answer.', 0, 10)
      .default(0),
    tls: tlsRules.optional(),
    timeout: c
      .duration('timeout is how long one request may take, from connecting to the last byte. Default "10s".')
      .default('10s'),
    expect: httpExpect.prefault({}),
    capture: c.mapList('capture keeps values of the answer for later probes.', 'name', capture, { max: 32 }).optional(),
    components: c
      .mapList(
        'components are the components whose versions the answer tells. Each must be the version that the Package of the release under test names, where it names one; what a server answers in isolation stands in ServerGroup.status.',
        'name',
        component,
        { min: 1, max: maxComponents },
      )
      .optional(),
  },
);

const tcp = c.object('tcp passes when a connection can be opened.', {
  host: c.nonEmpty('host is a name or an address; variables are expanded.', 253),
  port: c.integer('port is the port, such as 5432.', 1, 65535),
  timeout: c.duration('timeout is how long connecting may take. Default "5s".').default('5s'),
});

const tls = c.object('tls passes when a TLS handshake succeeds and its result is as asked for.', {
  host: c.nonEmpty('host is a name or an address; variables are expanded.', 253),
  port: c.integer('port is the port. Default 443.', 1, 65535).default(443),
  serverName: c.nonEmpty('serverName is the name the certificate must be for. Default: host.', 253).optional(),
  caFrom: c
    .keyRef(
      'caFrom names the key of a Secret with PEM certificates of the authorities to trust. Default: those of the system.',
      'Secret',
    )
    .optional(),
  insecureSkipVerify: c
    .boolean('insecureSkipVerify accepts any certificate; the other rules still hold. Default false.')
    .default(false),
  minVersion: tlsVersion('minVersion is the lowest version of TLS that may be agreed on. Default "1.2".').default(
    '1.2',
  ),
  notAfterDays: c
    .integer(
      'notAfterDays is how many days the certificate must still be valid, such as 14. Default 0: valid now.',
      0,
      3650,
    )
    .default(0),
  timeout: c.duration('timeout is how long connecting and the handshake may take. Default "5s".').default('5s'),
});

const resource = c.object(
  'resource passes when a CEL expression holds for an object of the cluster, read as the account of the UpgradeSet.',
  {
    apiVersion: c
      .nonEmpty('apiVersion is the group and version, such as "apps/v1". Default "v1".', 128)
      .regex(/^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?v[0-9]+((alpha|beta)[0-9]+)?$/)
      .default('v1'),
    kind: c.nonEmpty('kind is the kind, such as "ConfigMap".', 63).regex(/^[A-Z][A-Za-z0-9]*$/),
    plural: c
      .nonEmpty('plural is the name of the kind in the API. Default: kind in lower case with s, es or ies.', 63)
      .regex(/^[a-z][a-z0-9]*$/)
      .optional(),
    scope: z
      .enum(['Namespaced', 'Cluster'])
      .meta({
        description:
          'scope Namespaced: it is in the namespace of the suite. Cluster: it is in none. Default Namespaced.',
      })
      .default('Namespaced'),
    name: c.nonEmpty('name is its name; variables are expanded.', 253),
    expression: c.nonEmpty(
      'expression is a CEL expression over object, and values (the variables of the suite), such as "object.data.missing == \'\'". It must be true.',
      1024,
    ),
    timeout: c.duration('timeout is how long reading and evaluating may take. Default "15s".').default('15s'),
  },
);

const interval = 'interval is the time from the start of one try to the next. Default "10s".';
const success = 'success is how many passes in a row make the verdict "passed". Default 1.';
const failure = 'failure is how many failures in a row make the verdict "failed". Default 3.';
const errors =
  'errors is how many tries in a row may have no answer at all before the verdict is "unknown": that says nothing about the release, but it is no pass, and the step fails with ProbeUnanswered. Default 5.';
const deadline =
  'deadline is when the verdict is "unknown" where none was reached, counted from the first try: no answer is neither a pass nor a failure, and the step fails with ProbeUnanswered. Default "5m".';

const probe = c.object(
  'One test. Exactly one of http, tcp, tls, job, resource; further kinds of tests are added as further members.',
  {
    name: c.entryName('name names the probe in messages and metrics, such as "login".'),
    http: http.optional(),
    tcp: tcp.optional(),
    tls: tls.optional(),
    job: c.job.optional(),
    resource: resource.optional(),
    severity: z
      .enum(['Fail', 'Warn'])
      .meta({ description: 'severity Fail: a failure fails the suite. Warn: it is reported only. Default Fail.' })
      .default('Fail'),
    remedy: c.text('remedy is what to do when the probe fails; shown with the failure.').optional(),
    attempts: c
      .object('attempts overrides single values of the suite for this probe.', {
        interval: c.duration(interval.replace(' Default "10s".', '')).optional(),
        success: c.integer(success.replace(' Default 1.', ''), 1, 100).optional(),
        failure: c.integer(failure.replace(' Default 3.', ''), 1, 100).optional(),
        errors: c.integer(errors.replace(' Default 5.', ''), 1, 100).optional(),
        deadline: c.duration(deadline.replace(' Default "5m".', '')).optional(),
      })
      .optional(),
  },
  [c.exactlyOne('http', 'tcp', 'tls', 'job', 'resource')],
);

export const probeSuiteSpec = c.object('spec says what is tested.', {
  parameters: c
    .mapList(
      'parameters are variables whose values ServerGroups give.',
      'name',
      c.object('One parameter.', {
        name: c.variableName('name is the variable, such as "BASE" for ${BASE}.'),
        default: c
          .text('default is the value where nobody gives one; without it a value is required.', 2048)
          .optional(),
      }),
    )
    .optional(),
  attempts: c
    .object('attempts says how often to try and how to reach a verdict.', {
      interval: c.duration(interval).default('10s'),
      success: c.integer(success, 1, 100).default(1),
      failure: c.integer(failure, 1, 100).default(3),
      errors: c.integer(errors, 1, 100).default(5),
      deadline: c.duration(deadline).default('5m'),
    })
    .prefault({}),
  probes: c.mapList('probes are run in this order; a failed one ends the suite.', 'name', probe, { min: 1 }),
});

export const probeSuiteStatus = c.object('status is what the controller knows; results stand in the runs.', {
  observedGeneration: c.observedGeneration,
  conditions,
  probes: c.integer('probes is how many probes the suite has.', 0, 64).optional(),
  usedBy: c
    .setList(
      'usedBy are the objects that name this suite, such as "serverGroup/group-1".',
      c.nonEmpty('KIND/NAME.', 128),
      { max: 64 },
    )
    .optional(),
});

export type ProbeSuiteSpec = z.output<typeof probeSuiteSpec>;
export type ProbeSuiteStatus = z.output<typeof probeSuiteStatus>;
export interface ProbeSuite extends ApiObject<ProbeSuiteSpec, ProbeSuiteStatus> {}
export type Probe = ProbeSuiteSpec['probes'][number];
export type HttpProbe = z.output<typeof http>;
export type TcpProbe = z.output<typeof tcp>;
export type TlsProbe = z.output<typeof tls>;
export type ResourceProbe = z.output<typeof resource>;
export type ProbeAttempts = ProbeSuiteSpec['attempts'];

export const probeSuiteKind = defineKind({
  kind: 'ProbeSuite',
  plural: 'probesuites',
  shortNames: ['ps'],
  description: 'ProbeSuite is an ordered list of tests that tell whether a server group works.',
  writtenBy: 'users',
  spec: probeSuiteSpec,
  status: probeSuiteStatus,
  maxNameLength: 63,
  columns: [
    { name: 'Probes', type: 'integer', jsonPath: '.status.probes', description: 'How many probes the suite has' },
    { name: 'Used-By', type: 'string', jsonPath: '.status.usedBy', description: 'Who names this suite' },
    {
      name: 'Ready',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].status',
      description: 'Whether it can be run',
    },
  ],
  example: `apiVersion: belay.dev/v1alpha1
kind: ProbeSuite
metadata:
  name: web-functions
spec:
  parameters:
  - name: BASE
    default: https://portal.example
  probes:
  - name: login
    http:
      url: "\${BASE}/login"
      method: POST
      body: '{"user":"probe","password":"\${PASSWORD}"}'
      env:
      - name: PASSWORD
        secretKeyRef: {name: probe-user, key: password}
      expect:
        status: [200]
        json:
        - path: $.session
          notEmpty: true
      capture:
      - name: SESSION
        json: $.session
  - name: version
    http:
      url: "\${BASE}/about"
      expect:
        json:
        - path: $.version
          equals: "\${EXPECTED_VERSION}"
`,
});
