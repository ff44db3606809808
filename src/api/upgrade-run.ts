import * as z from 'zod';
import * as c from './common.ts';
import { componentVersions } from './component.ts';
import { conditions } from './conditions.ts';
import { type ApiObject, defineKind } from './kind.ts';
import { databaseSpec } from './database.ts';
import { packageCheck } from './package.ts';
import { probeSuiteSpec } from './probe-suite.ts';
import { configFormat, configObject, drainPolicy, hook, rebuildPolicy, snapshotPolicy } from './server-group.ts';

/** The newest `spec.format` this build reads and writes; runs of another format are left alone. */
export const runFormat = 1;

/** The step vocabulary: closed, and the only keys of `timeouts`. */
export const stepActions = [
  'Preflight',
  'Notify',
  'Marker',
  'Drain',
  'Stop',
  'Snapshot',
  'BackupDatabase',
  'Upgrade',
  'Configure',
  'MigrateDatabase',
  'ConvertDatabase',
  'Start',
  'Undrain',
  'Probe',
  'Switchover',
  'AssertRole',
  'SetGuard',
  'ClearGuard',
  'Wait',
  'AwaitDecision',
  'RestoreSnapshot',
  'RestoreDatabase',
  'Reinstall',
  'Rebuild',
  'Reboot',
  'Hook',
  'Centralize',
  'Cleanup',
] as const;

const stepAction = (description: string): z.ZodEnum<{ [K in (typeof stepActions)[number]]: K }> =>
  z.enum(stepActions).meta({ description });

const stringMap = (
  description: string,
  maxProperties: number,
  maxLength: number,
): z.ZodRecord<z.ZodString, z.ZodString> => c.map(description, c.text('The value.', maxLength), { maxProperties });

const stepId = (description: string): z.ZodString => c.entryName(description, 128);

export const rollbackPolicy = c.object('rollback says when and how to go back.', {
  policy: z
    .enum(['RequireApproval', 'Automatic'])
    .meta({
      description:
        'policy RequireApproval: a Decision is asked for. Automatic: a failure rolls back by itself. Default RequireApproval.',
    })
    .default('RequireApproval'),
  onServed: z
    .enum(['Ask', 'KeepData', 'DiscardWrites'])
    .meta({
      description:
        'onServed is what happens to data written since the snapshot where the group has served users. Ask: a Decision. KeepData: only the release goes back. DiscardWrites: the snapshot is restored. Default Ask.',
    })
    .default('Ask'),
  authorizeBelow: c
    .duration(
      'authorizeBelow is how much of the agreed window must be left for other choices than to go back. Default "1h".',
    )
    .default('1h'),
});

/** The fields of `spec.schedule`; windows come later. */
export const schedule = {
  until: c
    .instant(
      'until is when the agreed window ends, such as "2026-12-05T23:00:00Z": with less than rollback.authorizeBelow left, a problem asks for the authorisation of a rollback.',
    )
    .optional(),
};

/** What `spec.preflight.require` may name. */
export const requiredChecks = [
  'Contacts',
  'Channel',
  'TestAccount',
  'TestMachine',
  'Staging',
  'RemoteAccess',
  'Backups',
  'RestoreDrill',
] as const;

export const preflightImage = c.imageByDigest(
  'image is an image with a shell, by digest, for the Jobs of RemoteAccess and RestoreDrill. Default: that of the server as it runs.',
);

export const contact = c.object(
  'One person.',
  {
    name: c.entryName('name names the person, such as "ana".'),
    role: z
      .enum([
        'Lead',
        'ApplicationAdministrator',
        'LoadBalancerAdministrator',
        'ServerAdministrator',
        'DatabaseAdministrator',
        'NetworkAdministrator',
        'DirectoryAdministrator',
      ])
      .meta({ description: 'role is what the person is asked for.' }),
    available: z
      .enum(['WholeWindow', 'OnCall'])
      .meta({
        description:
          'available WholeWindow: there during the whole upgrade. OnCall: reachable in case of trouble. Default OnCall.',
      })
      .default('OnCall'),
    via: c
      .nonEmpty(
        'via is how to reach the person, such as "+359 2 555 0100" or a channel; required with available WholeWindow.',
        256,
      )
      .optional(),
  },
  [
    {
      rule: "self.available != 'WholeWindow' || has(self.via)",
      message:
        'via is required for a contact with available WholeWindow: say how to reach the person, or set available to OnCall',
      fieldPath: '.via',
      reason: 'FieldValueRequired',
      check: ({ available, via }) => available !== 'WholeWindow' || via !== undefined,
    },
  ],
);

/** What people are told of a run; announcements and reminders come with windows. */
const toldOf = ['Start', 'Step', 'Issue', 'End'] as const;

export const channel = c.object('One line to people.', {
  secret: c.objectName(
    'secret is the Secret in this namespace with the keys type (cloudevents or slack) and url, and if needed token and ca. It is read for every message, so what is changed in it counts at once.',
  ),
  // Not `on`: kubectl reads that key, unquoted, as the boolean true.
  events: c
    .setList(
      'events are what is told. Start: it begins, with what is announced. Step: each step that begins or ends. Issue: something went wrong or is asked, with what users have and what may be chosen. End: how it ended. Default [Start, Issue, End].',
      z.enum(toldOf).meta({ description: 'Start, Step, Issue or End.' }),
      { min: 1, max: 4 },
    )
    .default(['Start', 'Issue', 'End']),
});

export const jointSteps = z
  .enum(['Automatic', 'One', 'Both'])
  .meta({
    description:
      'jointSteps says who confirms the result of a joint step. Automatic: its probes. One: a Decision Approve of anybody entitled as well. Both: one as Engineer and one as Administrator. Default Automatic.',
  })
  .default('Automatic');

export const signOff = z.enum(['Required', 'NotRequired']).meta({
  description:
    'signOff Required: a completed run waits for a Decision before the way back is deleted. Default Required.',
});

export const timeoutsByVerb = (description: string): z.ZodRecord<z.ZodString, z.ZodString> =>
  c.map(description, c.duration('A duration.'), {
    maxProperties: 32,
    rules: [
      {
        rule: `self.all(k, k in [${stepActions.map((action) => `'${action}'`).join(', ')}])`,
        message: `the keys of timeouts are step verbs: ${stepActions.join(', ')}`,
        check: (byVerb) => Object.keys(byVerb).every((verb) => stepActions.some((action) => action === verb)),
      },
    ],
  });

const workload = c.object('workload is what runs the server.', {
  kind: z.enum(['Deployment', 'StatefulSet']).meta({ description: 'kind is the kind of the workload.' }),
  name: c.objectName('name is its name.'),
  node: c.objectName('node is the node, for kinds that run one pod per node.').optional(),
});

const runServer = c.object('One server.', {
  name: c.entryName('name is the name of the server.'),
  role: c.entryName('role is its role.').optional(),
  vars: stringMap('vars are its variables.', 32, 2048).optional(),
  workload,
  pools: c.atomicList(
    'pools are its memberships.',
    c.object('One membership.', {
      name: c.objectName('name is the Pool.'),
      member: c.nonEmpty('member is the name of the member in the load balancer.', 253),
    }),
    { max: 16 },
  ),
  images: stringMap('images are the images of this server after the upgrade, by container.', 64, 512),
  replicas: c.integer('replicas is how many it has when it is started.', 0, 10_000),
});

const runSetting = c.object('One change of configuration, resolved.', {
  config: c.object('config is the document.', {
    object: configObject,
    key: c.nonEmpty('key is the key in the object.', 253),
    format: configFormat.optional(),
  }),
  path: c.text('path is the place in the document; empty for the whole.', 256),
  value: c.text('value is the value; empty for remove.', 4096),
  mode: z.enum(['set', 'add', 'remove']).meta({ description: 'mode is set, add or remove.' }),
});

const runGroup = c.object('The ServerGroup as it was when the run was made.', {
  name: c.objectName('name is its name.'),
  uid: c.nonEmpty('uid is its UID.', 64),
  from: c
    .text('from is the version it ran, when it is known; groups differ after a run that was superseded.', 64)
    .optional(),
  components: componentVersions(
    'components are the versions of the components of what it ran, as its Package named them.',
  ).optional(),
  servers: c.atomicList('servers are its servers.', runServer, { max: 128 }),
  drain: drainPolicy,
  snapshot: snapshotPolicy.optional(),
  rebuild: rebuildPolicy.optional(),
  hooks: c.atomicList('hooks are its Jobs at fixed places of the run.', hook, { max: 8 }).optional(),
  probes: c.objectName('probes is the name of its suite.').optional(),
  probeParameters: stringMap('probeParameters are values for the suite through the pools.', 32, 2048).optional(),
  isolatedParameters: stringMap('isolatedParameters are values for the suite before it joins.', 32, 2048).optional(),
  takeOwnership: c.boolean('takeOwnership is whether fields are taken from tools that reconcile.'),
  settings: c.atomicList('settings are the changes of configuration, with all variables expanded.', runSetting, {
    max: 512,
  }),
});

const step = c.object('One row of the procedure.', {
  id: stepId('id names the step in the journal, such as "g1-stop".'),
  number: c.nonEmpty('number is the number in the procedure, such as "5a".', 16),
  title: c.nonEmpty('title is what it does, such as "Stop group-1".', 200),
  action: stepAction('action is the verb.'),
  group: c.objectName('group is the group it works on.').optional(),
  server: c.entryName('server is the server it works on.').optional(),
  hook: c.entryName('hook is the entry of spec.hooks of the group that a Hook runs.').optional(),
  scope: z
    .enum(['Isolated', 'Pool'])
    .meta({ description: 'scope is whom a Probe asks: the group by itself, or through the pools.' })
    .optional(),
  expect: c.text('expect is the version that must answer.', 64).optional(),
  components: componentVersions(
    'components are the versions that components must answer a Probe, such as {jdk: 21.0.5}.',
  ).optional(),
  groups: c
    .atomicList('groups are the groups under test, or that must serve meanwhile.', c.objectName('A group.'))
    .optional(),
  actor: z.enum(['Engineer', 'Joint', 'Customer']).meta({
    description:
      'actor is who is responsible: Engineer, or Joint with the customer. Customer: it is done by people, and waits for their word.',
  }),
  marker: z
    .enum(['AtRiskBegins', 'DowntimeBegins', 'LimitedServiceRestored', 'FullServiceRestored', 'AtRiskEnds'])
    .meta({ description: 'marker is what begins or ends for users with this step.' })
    .optional(),
  requires: c.atomicList('requires are the steps that must have succeeded before.', stepId('A step.'), { max: 512 }),
  timeout: c.duration('timeout is how long it may take; waiting for windows, decisions and pauses does not count.'),
  estimate: c.duration('estimate is how long it is expected to take.'),
  interrupts: c
    .boolean('interrupts true: it belongs to a declared downtime, so fewer members may serve than the pools ask for.')
    .optional(),
  skip: c.text('skip is why it is planned as Skipped.', 512).optional(),
  note: c.text('note is what a person should know.', 512).optional(),
  undo: stepAction('undo is the verb that takes it back.').optional(),
});

const capturedSuite = c.object('A ProbeSuite as it was when the run was made.', {
  name: c.objectName('name is its name.'),
  spec: probeSuiteSpec,
});

const runDatabase = c.object('database is the Database as it was when the run was made.', {
  name: c.objectName('name is its name.'),
  uid: c.nonEmpty('uid is its UID.', 64),
  spec: databaseSpec,
});

const runPool = c.object('The identity of a Pool when the run was made.', {
  name: c.objectName('name is its name.'),
  driver: z.enum(['service', 'haproxy', 'httpRoute', 'webhook']).meta({ description: 'driver is how it is driven.' }),
  target: c.nonEmpty('target is the Service or backend.', 253),
  facts: stringMap('facts are declared properties.', 64, 256).optional(),
});

export const upgradeRunSpec = c.object(
  'spec is the plan, self-contained and immutable: what was resolved at the start counts until the end.',
  {
    format: c.integer(
      'format is the version of this layout; a controller leaves runs of a format it does not know alone.',
      1,
      1000,
    ),
    upgradeSet: c.objectName('upgradeSet is the UpgradeSet it belongs to.'),
    upgradeSetUID: c.nonEmpty('upgradeSetUID is its UID.', 64),
    purpose: z
      .enum(['Upgrade', 'Rollback', 'Rebuild'])
      .meta({ description: 'purpose is Upgrade, Rollback or Rebuild.' }),
    previous: c.objectName('previous is the run this one follows; its locks pass over.').optional(),
    rebuild: c
      .object('rebuild is the server that a Rebuild makes anew.', {
        group: c.objectName('group is its ServerGroup.'),
        server: c.entryName('server is its name.'),
      })
      .optional(),
    procedure: z
      .enum(['rolling', 'downtime', 'switchover', 'hosts', 'agents', 'hub-first'])
      .meta({ description: 'procedure is the procedure the steps come from.' }),
    package: c.objectName('package is the Package that is installed, or taken back.'),
    from: c.object('from is what ran before.', {
      package: c.objectName('package is its Package, when there is one.').optional(),
      version: c.text('version is its version, when it is known.', 64).optional(),
      schema: c.text('schema is the version of the schema, when it is known.', 64).optional(),
    }),
    to: c.object('to is what runs afterwards.', {
      version: c.nonEmpty('version is its version.', 64),
      schema: c.text('schema is the version of the schema it needs, when it is declared.', 64).optional(),
      components: componentVersions(
        'components are the versions of its components, when they are declared.',
      ).optional(),
    }),
    planHash: c.planHash('planHash names the plan: decisions are for this one only.'),
    facts: stringMap('facts are what the plan rests on, such as {loadBalanced: "Yes"}.', 64, 512),
    policy: c.object('policy is copied from the UpgradeSet.', {
      signOff,
      rollback: rollbackPolicy,
      timeouts: timeoutsByVerb('timeouts are by step verb.'),
      serviceAccountName: c.objectName('serviceAccountName is whom effects are made as.').optional(),
      schedule: c.object('schedule says when.', schedule).optional(),
      preflight: c
        .object('preflight says what must be met before the start.', {
          require: c.setList('require are the checks.', z.enum(requiredChecks).meta({ description: 'A check.' }), {
            max: 16,
          }),
          checks: c.setList('checks are the suites, in spec.suites.', c.objectName('A ProbeSuite.'), { max: 16 }),
          image: preflightImage.optional(),
        })
        .optional(),
      contacts: c.atomicList('contacts are the people.', contact, { max: 32 }).optional(),
      notify: c.atomicList('notify are the lines to people.', channel, { max: 8 }).optional(),
      approvals: c
        .object('approvals says who may decide, beyond RBAC.', {
          fourEyes: c.boolean('fourEyes true: whoever asked may not sign off or roll back.'),
          start: z
            .enum(['NotRequired', 'Required'])
            .meta({ description: 'start says whether it waits for Approve.' })
            .default('NotRequired'),
          jointSteps,
          expireAfter: c.duration('expireAfter is how long an unused approval counts.').default('72h'),
          askedBy: c.text('askedBy is the user who asked, when it is known.', 256).optional(),
        })
        .optional(),
    }),
    groups: c.atomicList('groups are the server groups, in order.', runGroup),
    database: runDatabase.optional(),
    suites: c.atomicList('suites are the probe suites.', capturedSuite),
    pools: c.atomicList('pools are the pools.', runPool, { max: 256 }),
    expressions: c.atomicList('expressions are the checks of the Package.', packageCheck, { max: 32 }).optional(),
    handles: stringMap(
      'handles are the way back of a Rollback, copied from the journal of the run before.',
      512,
      16_384,
    ),
    steps: c.atomicList('steps are the rows of the procedure.', step, { max: 512 }),
  },
  [
    {
      rule: 'self == oldSelf',
      message: 'a run is immutable: edit the UpgradeSet to get another run, or create a Decision to steer this one',
      reason: 'FieldValueForbidden',
    },
  ],
);

const answered = c.object('What one server answered.', {
  server: c.entryName('server is the name of the server.'),
  versions: componentVersions('versions are the versions of its components, such as {jdk: 21.0.5}.'),
});

const stepEntry = c.object('What happened to one step.', {
  id: stepId('id is the step.'),
  state: z
    .enum(['Pending', 'Running', 'Succeeded', 'Failed', 'Skipped'])
    .meta({ description: 'state is Pending, Running, Succeeded, Failed or Skipped.' }),
  attempt: c.integer('attempt counts from 1; 0 before the first.', 0, 1_000_000),
  operation: c.text(
    'operation is RUN-UID/STEP/ATTEMPT: what the step does carries it, so that doing it again does nothing.',
    256,
  ),
  started: c.instant('started is when the attempt began.').optional(),
  finished: c.instant('finished is when it ended.').optional(),
  consumed: c.duration('consumed is how much of the timeout is used up.').optional(),
  reason: c.text('reason is the machine-readable cause.', 128).optional(),
  message: c.text('message is what is going on, or what went wrong.', 1024).optional(),
  handles: stringMap('handles are names and values the way back needs.', 512, 16_384).optional(),
  components: c
    .atomicList('components are the versions of components that servers answered a Probe in isolation.', answered, {
      max: 128,
    })
    .optional(),
  log: c.text('log is the name of the ConfigMap with the output.', 253).optional(),
});

export const progress = c.object('progress counts steps.', {
  done: c.integer('done is how many steps are done.', 0, 512),
  total: c.integer('total is how many there are.', 0, 512),
  percent: c.integer('percent is how much is done, by estimated time.', 0, 100),
  eta: c.instant('eta is when the end is expected.').optional(),
});

export const blocker = c.object('One answer to: why is it not moving?', {
  type: c.nonEmpty('type is what it waits for, such as "Decision", "Lock", "Drain".', 63),
  object: c.text('object is the object in the way, such as "run/portal-7".', 320),
  since: c.instant('since is when it began to wait.'),
  message: c.text('message says what it waits for and what to do.', 1024),
  nextCheck: c.instant('nextCheck is when it looks again.').optional(),
});

const preflightCheck = c.object('One check before the start.', {
  check: c.nonEmpty('check is its name, such as "Contacts", or SUITE/PROBE.', 127),
  verdict: z.enum(['Pass', 'Fail', 'Unknown']).meta({
    description: 'verdict is Pass, Fail or Unknown: not looked at yet, or without an answer.',
  }),
  severity: z
    .enum(['Hold', 'Warn'])
    .meta({ description: 'severity Hold: the run waits until it passes or is waived. Warn: it is only reported.' }),
  evidence: c.text('evidence is what was seen.').optional(),
  remedy: c.text('remedy is what to do.').optional(),
  waivable: c.boolean('waivable says whether a Decision Waive may override it.'),
  waivedBy: c.text('waivedBy is who waived or attested it, and why.', 512).optional(),
});

const decisionRecord = c.object('What one person decided about the run.', {
  name: c.objectName('name is the Decision.'),
  choice: c.nonEmpty('choice is what was chosen.', 63),
  verdict: c.nonEmpty('verdict is Approved or Denied.', 63),
  about: c.text('about is the method, check, step or server it concerns.', 320).optional(),
  by: c.text('by is who decided.', 256).optional(),
  at: c.instant('at is when.'),
  reason: c.text('reason is why, in their words.').optional(),
  evidence: c.text('evidence is a link to a ticket or a record.', 2048).optional(),
  phase: c.nonEmpty('phase is Accepted, or Void where it did not count.', 63),
  message: c.text('message says why.').optional(),
});

const plannedActual = (
  description: string,
): z.ZodObject<{ planned: z.ZodString; actual: z.ZodOptional<z.ZodString> }, z.core.$strip> =>
  c.object(description, {
    planned: c.duration('planned is how long it was announced to take.'),
    actual: c.duration('actual is how long it has taken so far.').optional(),
  });

export const upgradeRunStatus = c.object('status is the journal.', {
  observedGeneration: c.observedGeneration,
  conditions,
  phase: z
    .enum([
      'Planned',
      'Preflight',
      'AwaitingWindow',
      'Running',
      'Paused',
      'AwaitingDecision',
      'RollingBack',
      'Completed',
      'RolledBack',
      'Rebuilt',
      'Failed',
      'Cancelled',
      'Superseded',
    ])
    .meta({
      description:
        'phase is where the run is. Completed, RolledBack, Rebuilt, Failed, Cancelled and Superseded are ends.',
    }),
  epoch: c.integer(
    'epoch counts changes of leader; a leader of a lower one no longer writes.',
    0,
    Number.MAX_SAFE_INTEGER,
  ),
  step: c.text('step is the id of the step under way.', 128).optional(),
  stepTitle: c.text('stepTitle is its number and title, such as "5/22 Upgrade group-1".', 256).optional(),
  steps: c.atomicList('steps are the journal, one entry per step of the plan.', stepEntry, { max: 512 }),
  progress: progress.optional(),
  preflight: c
    .atomicList('preflight are the checks before the start, those that hold it first.', preflightCheck, { max: 64 })
    .optional(),
  blockers: c.atomicList('blockers are why it is not moving, at most 16.', blocker, { max: 16 }).optional(),
  schemaChanged: c
    .boolean(
      'schemaChanged true: a migration was begun in this run, whatever became of it; journalled before it began.',
    )
    .optional(),
  service: c
    .object('service is what users have now.', {
      serving: c.atomicList('serving are the groups that serve.', c.nonEmpty('A group.', 63)),
      draining: c.atomicList('draining are the groups that are letting go.', c.nonEmpty('A group.', 63)).optional(),
      schema: c.text('schema is the version of the schema.', 64).optional(),
      atStake: c.text('atStake is what a restore would lose, such as "writes since 20:01".', 512).optional(),
    })
    .optional(),
  choices: c
    .atomicList(
      'choices are what a Decision may choose now.',
      c.object('One choice.', {
        choice: c.nonEmpty('choice is what to write in Decision.spec.choice.', 63),
        method: c.text('method is what to write in Decision.spec.method.', 63).optional(),
        data: z
          .enum(['Discard', 'Keep'])
          .meta({ description: 'data is what to write in Decision.spec.data.' })
          .optional(),
        estimate: c.duration('estimate is how long it would take.').optional(),
        loss: c.text('loss is what would be lost.', 512).optional(),
        message: c.text('message says what it means.', 1024).optional(),
        check: c.text('check is what to write in Decision.spec.check.', 127).optional(),
        step: c.text('step is what to write in Decision.spec.step.', 128).optional(),
        group: c.text('group is what to write in Decision.spec.group.', 63).optional(),
        server: c.text('server is what to write in Decision.spec.server.', 63).optional(),
        as: z
          .enum(['Engineer', 'Administrator'])
          .meta({ description: 'as is what to write in Decision.spec.as.' })
          .optional(),
      }),
      { max: 64 },
    )
    .optional(),
  decisions: c
    .atomicList('decisions are who decided what, in order of time; the newest 64.', decisionRecord, { max: 64 })
    .optional(),
  handedOver: c
    .atomicList(
      'handedOver are things left as they are for a person, such as members still drained because they are broken.',
      c.object('One thing.', {
        group: c
          .objectName('group is the group; absent for what belongs to no group, such as the database.')
          .optional(),
        server: c.entryName('server is the server.').optional(),
        object: c.text('object is the object, such as "pool/web/admin-1".', 320),
        reason: c.nonEmpty('reason is the machine-readable cause.', 128),
        message: c.text('message says what to do.', 1024),
      }),
      { max: 256 },
    )
    .optional(),
  retained: c
    .atomicList(
      'retained are objects kept as the way back.',
      c.object('One object.', {
        kind: z
          .enum(['VolumeSnapshot', 'PersistentVolume', 'ControllerRevision'])
          .meta({ description: 'kind is its kind.' }),
        name: c.nonEmpty('name is its name.', 253),
        until: c.instant('until is when it is deleted at the latest.').optional(),
      }),
      { max: 1024 },
    )
    .optional(),
  clocks: c
    .object('clocks compare what was announced with what happened.', {
      atRisk: plannedActual('atRisk is the time with less redundancy.'),
      downtime: plannedActual('downtime is the time without service.'),
    })
    .optional(),
  followedBy: c
    .objectName('followedBy is the run that goes on where this one has stopped: its way back, or a rebuild.')
    .optional(),
  failure: c
    .object('failure is what ended or stopped the run.', {
      step: c.text('step is the id of the step.', 128),
      reason: c.nonEmpty('reason is the machine-readable cause.', 128),
      message: c.text('message says what happened.', 1024),
      at: c.instant('at is when.'),
    })
    .optional(),
  started: c.instant('started is when the first step began.').optional(),
  finished: c.instant('finished is when the run reached its end.').optional(),
});

export type UpgradeRunSpec = z.output<typeof upgradeRunSpec>;
export type UpgradeRunStatus = z.output<typeof upgradeRunStatus>;
export interface UpgradeRun extends ApiObject<UpgradeRunSpec, UpgradeRunStatus> {}
export type Step = z.output<typeof step>;
export type StepAction = (typeof stepActions)[number];
export type Answered = z.output<typeof answered>;
export type StepEntry = z.output<typeof stepEntry>;
export type StepState = StepEntry['state'];
export type RunPhase = UpgradeRunStatus['phase'];
export type RunGroup = z.output<typeof runGroup>;
export type RunServer = z.output<typeof runServer>;
export type RunSetting = z.output<typeof runSetting>;
export type RunSuite = z.output<typeof capturedSuite>;
export type RunDatabase = NonNullable<UpgradeRunSpec['database']>;
export type RunPool = z.output<typeof runPool>;
export type RunPolicy = UpgradeRunSpec['policy'];
export type Procedure = UpgradeRunSpec['procedure'];
export type Purpose = UpgradeRunSpec['purpose'];
export type RollbackPolicy = z.output<typeof rollbackPolicy>;
export type Choice = NonNullable<UpgradeRunStatus['choices']>[number];
export type Blocker = z.output<typeof blocker>;
export type Progress = z.output<typeof progress>;
export type HandedOver = NonNullable<UpgradeRunStatus['handedOver']>[number];
export type Marker = NonNullable<Step['marker']>;
export type Retained = NonNullable<UpgradeRunStatus['retained']>[number];
export type PreflightCheck = z.output<typeof preflightCheck>;
export type RequiredCheck = (typeof requiredChecks)[number];
export type Contact = z.output<typeof contact>;
export type Channel = z.output<typeof channel>;
export type DecisionRecord = z.output<typeof decisionRecord>;
export type RunFailure = NonNullable<UpgradeRunStatus['failure']>;

export const upgradeRunKind = defineKind({
  kind: 'UpgradeRun',
  plural: 'upgraderuns',
  shortNames: ['run'],
  description: 'UpgradeRun is one attempt: an immutable plan and the journal of what happened.',
  writtenBy: 'the controller',
  spec: upgradeRunSpec,
  status: upgradeRunStatus,
  maxNameLength: 63,
  topRulesOnly: true,
  selectableFields: ['.spec.upgradeSet'],
  columns: [
    { name: 'Set', type: 'string', jsonPath: '.spec.upgradeSet', description: 'UpgradeSet it belongs to' },
    { name: 'Purpose', type: 'string', jsonPath: '.spec.purpose', description: 'Upgrade, Rollback or Rebuild' },
    { name: 'Phase', type: 'string', jsonPath: '.status.phase', description: 'Where the run is' },
    { name: 'Step', type: 'string', jsonPath: '.status.stepTitle', description: 'Step under way' },
    {
      name: 'Downtime',
      type: 'string',
      jsonPath: '.status.clocks.downtime.actual',
      description: 'Time without service so far',
    },
  ],
  example: '',
});
