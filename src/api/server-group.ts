import * as z from 'zod';
import * as c from './common.ts';
import { componentName, maxComponents } from './component.ts';
import { conditions } from './conditions.ts';
import { type ApiObject, defineKind } from './kind.ts';

/** Kinds of workloads a server can be. Grows: DaemonSet, VirtualMachine, ManagedEndpoint, Host. */
export const workloadKind = z
  .enum(['Deployment', 'StatefulSet'])
  .meta({ description: 'kind is the kind of the workload: Deployment or StatefulSet. Further kinds will be added.' });

const variables = (description: string): z.ZodRecord<z.ZodString, z.ZodString> =>
  c.map(description, c.text('The value.', 2048), {
    maxProperties: 32,
    rules: [
      {
        rule: "self.all(k, k.matches('^[A-Z][A-Z0-9_]{0,62}$'))",
        message:
          'a variable name starts with an upper case letter, followed by upper case letters, digits and underscores, at most 63 characters',
        check: (vars) => Object.keys(vars).every((name) => /^[A-Z][A-Z0-9_]{0,62}$/.test(name)),
      },
    ],
  });

const server = c.object('One server: a workload and its places in pools.', {
  name: c.entryName('name names the server in plans and messages, such as "admin-1".'),
  role: c.entryName('role is what the server does, such as "admin"; images may be given by role.').optional(),
  vars: variables(
    'vars are variables of this server, usable as ${NAME} in probes and configs, such as {APP: "cs-1"}.',
  ).optional(),
  workload: c.object('workload is what runs the server.', {
    kind: workloadKind,
    name: c.objectName('name is the name of the workload in this namespace.'),
  }),
  pools: c
    .mapList(
      'pools are the load-balancer pools the server is a member of.',
      'name',
      c.object('One membership.', {
        name: c.objectName('name is the name of the Pool.'),
        member: c
          .nonEmpty(
            'member is the name of the member in the load balancer. Default: the name of the server. For a Service pool it only names it.',
            253,
          )
          .optional(),
      }),
      { max: 16 },
    )
    .optional(),
});

export const drainPolicy = c.object('drain says how long users may take to leave.', {
  timeout: c.duration('timeout is how long draining may take. Default "5m".').default('5m'),
  onTimeout: z
    .enum(['Hold', 'Force', 'Fail'])
    .meta({
      description:
        'onTimeout is what happens then. Hold: wait and ask. Force: cut the rest off. Fail: the step fails. Default Hold.',
    })
    .default('Hold'),
});

export const snapshotPolicy = c.object(
  'snapshot makes a volume snapshot of every server before it is changed: the way back.',
  {
    volumeSnapshotClassName: c.objectName('volumeSnapshotClassName is the name of the VolumeSnapshotClass.'),
    retain: z
      .enum(['UntilSignOff'])
      .meta({
        description:
          'retain UntilSignOff: snapshots and replaced volumes are kept until the run is signed off, then deleted. Default UntilSignOff.',
      })
      .default('UntilSignOff'),
    retainFor: c.duration('retainFor is the longest time they are kept. Default "168h".').default('168h'),
    maxAge: c.duration('maxAge is how old a snapshot may be when the change begins. Default "30m".').default('30m'),
  },
);

export const rebuildPolicy = c.object(
  'rebuild says how a broken server of the group is made anew, once a Decision Rebuild asks for it.',
  {
    volumes: z
      .enum(['Keep', 'Replace'])
      .meta({
        description:
          'volumes Keep: the claims of the server stay as they are. Replace: they are made again, empty, and the old volumes are kept like those a restore replaces (snapshot.retainFor). Default Keep.',
      })
      .default('Keep'),
    reboot: c
      .object(
        'reboot restarts what the server runs on, between uninstalling and installing. Default: its pods are made anew, nothing else.',
        {
          job: c.job,
          restarts: z
            .enum(['Server', 'Node'])
            .meta({
              description:
                'restarts Server: the Job has done its work when it succeeds. Node: it reboots the node it runs on, which is seen by the boot ID; nothing of the run may serve from that node then. Default Server.',
            })
            .default('Server'),
        },
      )
      .optional(),
  },
);

export const hook = c.object('One Job of yours at a fixed place of a run.', {
  name: c.entryName('name names it in plans, logs and messages, such as "copy" or "republish".'),
  at: z.enum(['BeforeRun', 'AfterRun', 'BeforeRollback', 'AfterRollback']).meta({
    description:
      'at is when. BeforeRun: after the checks, before the first server is taken out. AfterRun: after the final tests, before the sign-off. BeforeRollback and AfterRollback: first and last on the way back.',
  }),
  job: c.job,
  onFailure: z
    .enum(['Fail', 'Warn'])
    .meta({
      description:
        'onFailure Fail: the step fails like any other. Warn: it is only reported. BeforeRollback always only reports, so that it never keeps a run from going back. Default Fail.',
    })
    .default('Fail'),
});

export const configFormat = z.enum(['Ini', 'Json', 'Yaml', 'Properties', 'Text']).meta({
  description:
    'format is how the document is read. Paths are "section/key" in Ini, "a/b/0" in Json and Yaml, the key in Properties, empty in Text.',
});

export const configObject = c.object('object is the ConfigMap or Secret that holds the document.', {
  kind: z.enum(['ConfigMap', 'Secret']).meta({ description: 'kind is ConfigMap or Secret.' }),
  name: z.string().min(1).max(253).meta({
    description: 'name is its name in this namespace; variables of the server are expanded: "${SERVER}-conf".',
  }),
});

export const serverGroupSpec = c.object(
  'spec says which servers are upgraded together.',
  {
    product: c
      .entryName('product is the product the servers run; a Package of another product is refused. Default: any.')
      .optional(),
    servers: c.mapList('servers are stopped, changed and started together.', 'name', server, {
      min: 1,
      max: 128,
    }),
    database: c
      .objectName('database is the name of the Database under the group; all groups of a set share one.')
      .optional(),
    probes: c.objectName('probes is the name of the ProbeSuite that tells whether the group works.').optional(),
    probeParameters: variables(
      'probeParameters are the values of the parameters of the suite when it runs through the pools.',
    ).optional(),
    isolatedParameters: variables(
      'isolatedParameters replace them when the group is tested before it joins its pools, such as {BASE: "http://${SERVER}:8080"}. Default: the same URLs, connected to the pods of each server.',
    ).optional(),
    rebuild: rebuildPolicy.optional(),
    hooks: c
      .mapList(
        'hooks are Jobs of yours at fixed places of a run, once for each server of the group, one server after the other; of several at one place, in this order.',
        'name',
        hook,
        { max: 8 },
      )
      .optional(),
    drain: drainPolicy.prefault({}),
    snapshot: snapshotPolicy.optional(),
    takeOwnership: c
      .boolean(
        'takeOwnership true: fields are also taken from tools that reconcile, such as Argo CD or Flux. Default false: such a tool blocks the run.',
      )
      .default(false),
    configs: c
      .mapList(
        'configs are the only documents in which settings of a Package are changed.',
        'name',
        c.object('One document.', {
          name: c.entryName('name is what Package.spec.settings calls it, such as "options".'),
          object: configObject,
          key: c.nonEmpty('key is the key in the object that holds the document, such as "server.conf".', 253),
          format: configFormat,
        }),
        { max: 32 },
      )
      .optional(),
  },
  [
    {
      rule: 'self.servers.all(s, self.servers.exists_one(t, t.workload.kind == s.workload.kind && t.workload.name == s.workload.name))',
      message: 'two servers name the same workload: give every server a workload of its own',
      fieldPath: '.servers',
      check: ({ servers }) => c.allDifferent(servers.map(({ workload }) => `${workload.kind}/${workload.name}`)),
    },
    {
      rule: '!(has(self.probeParameters) || has(self.isolatedParameters)) || has(self.probes)',
      message: 'probeParameters and isolatedParameters are values for a suite: name it in probes, or remove them',
      fieldPath: '.probes',
      reason: 'FieldValueRequired',
      check: ({ probes, probeParameters, isolatedParameters }) =>
        probes !== undefined || (probeParameters === undefined && isolatedParameters === undefined),
    },
  ],
);

export const serverGroupStatus = c.object('status is what the controller knows about the group.', {
  observedGeneration: c.observedGeneration,
  conditions,
  phase: z
    .enum(['Ready', 'Upgrading', 'Degraded', 'Unknown'])
    .meta({ description: 'phase is Ready, Upgrading, Degraded or Unknown.' })
    .optional(),
  version: c.text('version is the version all servers run; empty when it is mixed or not known.', 64).optional(),
  serving: c.text('serving is how many servers serve of how many, such as "2/2".', 16).optional(),
  servers: c
    .mapList(
      'servers are the servers as last seen.',
      'name',
      c.object('One server.', {
        name: c.entryName('name is the name of the server.'),
        version: c.text('version is the version it runs; absent when it is not known.', 64).optional(),
        package: c.objectName('package is the Package whose images it runs; absent when there is none.').optional(),
        components: c
          .map(
            'components are the versions of its components, such as {jdk: 21.0.5}: those in answered as the server answered, the others as that Package says.',
            c.nonEmpty('A version.', 64),
            { maxProperties: 64 },
          )
          .optional(),
        answered: c
          .object('answered is what of components the server itself answered; the rest nobody has asked it.', {
            components: c.setList(
              'components are the names of those components, such as [jdk].',
              componentName('The name of a component.'),
              { max: maxComponents },
            ),
            run: c.objectName('run is the UpgradeRun whose isolated test asked.'),
            at: c.instant('at is when.'),
          })
          .optional(),
        state: z
          .enum(['Running', 'Stopped', 'Degraded', 'Unknown'])
          .meta({ description: 'state is Running, Stopped, Degraded or Unknown.' }),
        message: c.text('message is what is wrong.').optional(),
      }),
      { max: 128 },
    )
    .optional(),
  lock: c
    .object('lock is the run that works on the group; nobody else may.', {
      run: c.objectName('run is the name of the UpgradeRun.'),
      uid: c.nonEmpty('uid is its UID.', 64),
    })
    .optional(),
  lastKnownGood: c
    .object('lastKnownGood is what the group can go back to.', {
      package: c.objectName('package is the Package that ran.').optional(),
      version: c.text('version is the version that ran.', 64).optional(),
      revisions: c
        .atomicList('revisions are the ControllerRevisions with the templates before.', c.nonEmpty('Name.', 253), {
          max: 128,
        })
        .optional(),
      snapshots: c.atomicList('snapshots are the VolumeSnapshots.', c.nonEmpty('Name.', 253), { max: 512 }).optional(),
      settings: c.text('settings is the Secret with the settings before.', 253).optional(),
    })
    .optional(),
});

export type ServerGroupSpec = z.output<typeof serverGroupSpec>;
export type ServerGroupStatus = z.output<typeof serverGroupStatus>;
export interface ServerGroup extends ApiObject<ServerGroupSpec, ServerGroupStatus> {}
export type Server = ServerGroupSpec['servers'][number];
export type WorkloadKind = z.output<typeof workloadKind>;
export type Hook = z.output<typeof hook>;
export type RebuildPolicy = z.output<typeof rebuildPolicy>;
export type DrainPolicy = z.output<typeof drainPolicy>;
export type SnapshotPolicy = z.output<typeof snapshotPolicy>;
export type ConfigFormat = z.output<typeof configFormat>;
export type Config = NonNullable<ServerGroupSpec['configs']>[number];

export const serverGroupKind = defineKind({
  kind: 'ServerGroup',
  plural: 'servergroups',
  shortNames: ['sg'],
  description: 'ServerGroup is a set of servers that are upgraded together while other groups serve.',
  writtenBy: 'users',
  spec: serverGroupSpec,
  status: serverGroupStatus,
  maxNameLength: 63,
  columns: [
    { name: 'Phase', type: 'string', jsonPath: '.status.phase', description: 'Ready, Upgrading, Degraded or Unknown' },
    { name: 'Version', type: 'string', jsonPath: '.status.version', description: 'Version all servers run' },
    {
      name: 'Servers',
      type: 'string',
      jsonPath: '.status.servers[*].name',
      description: 'Servers of the group',
      priority: 1,
    },
    { name: 'Serving', type: 'string', jsonPath: '.status.serving', description: 'Servers that serve, of how many' },
    { name: 'Lock', type: 'string', jsonPath: '.status.lock.run', description: 'Run that works on the group' },
  ],
  example: `apiVersion: belay.dev/v1alpha1
kind: ServerGroup
metadata:
  name: group-1
spec:
  product: portal
  servers:
  - name: admin-1
    role: admin
    workload: {kind: StatefulSet, name: admin-1}
    pools:
    - {name: admin, member: admin-1}
  - name: stream-1
    role: stream
    workload: {kind: StatefulSet, name: stream-1}
    pools:
    - {name: stream}
  probes: web-functions
  probeParameters:
    BASE: https://portal.example
  isolatedParameters:
    BASE: "http://\${SERVER}:8080"
  drain: {timeout: 5m, onTimeout: Hold}
  snapshot: {volumeSnapshotClassName: csi-hostpath}
`,
});
