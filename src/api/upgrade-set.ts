import * as z from 'zod';
import * as c from './common.ts';
import { conditions } from './conditions.ts';
import { type ApiObject, defineKind } from './kind.ts';
import {
  blocker,
  channel,
  contact,
  jointSteps,
  preflightImage,
  progress,
  requiredChecks,
  rollbackPolicy,
  schedule,
  signOff,
  timeoutsByVerb,
} from './upgrade-run.ts';

export const upgradeSetSpec = c.object('spec says what is brought to which release, and how.', {
  package: c.objectName(
    'package is the Package to install. Changing it makes a new run, which takes over at a safe point.',
  ),
  serverGroups: c.atomicList(
    'serverGroups are the ServerGroups, upgraded in this order.',
    c.objectName('A ServerGroup.'),
    {
      min: 1,
      rules: [
        {
          rule: 'self.all(g, self.exists_one(h, h == g))',
          message: 'a group stands twice in serverGroups: name every group once',
          check: c.allDifferent,
        },
      ],
    },
  ),
  schedule: c.object('schedule says when.', schedule).optional(),
  preflight: c
    .object('preflight says what must be met before anything is touched, beyond what is always checked.', {
      require: c
        .setList(
          'require are checks that hold the run until they are met, attested or waived by name.',
          z.enum(requiredChecks).meta({
            description:
              'Contacts: leads and administrators are named. Channel: a test message gets through over each line of notify, or somebody attests the line to the lead. TestAccount: probes log in with a Secret. TestMachine: a probe Job runs on a machine of its own. Staging: images are on the nodes, or the registry answers. RemoteAccess: a Job on the node of each server answers. Backups: every server with volumes has a snapshot class, and the database a backup. RestoreDrill: a snapshot and a backup are restored aside and verified.',
          }),
          { max: 16 },
        )
        .optional(),
      checks: c
        .setList(
          'checks are ProbeSuites run before the start, such as completeness of a repository; each of their probes is a check.',
          c.objectName('A ProbeSuite.'),
          { max: 16 },
        )
        .optional(),
      image: preflightImage.optional(),
    })
    .optional(),
  contacts: c.mapList('contacts are the people of this upgrade.', 'name', contact, { max: 32 }).optional(),
  notify: c
    .mapList(
      'notify are lines over which people are told how the runs of this set go; see docs/notifications.md. A run keeps those it was made with.',
      'secret',
      channel,
      { max: 8 },
    )
    .optional(),
  signOff: signOff.default('Required'),
  rollback: rollbackPolicy.prefault({}),
  approvals: c
    .object('approvals says who may decide, beyond RBAC.', {
      fourEyes: c
        .boolean(
          'fourEyes true: whoever asked for a run may neither accept, override nor undo it: SignOff, Waive, Rollback, Restart, Rebuild, and Approve of the start. Needs the chart with admission.fourEyes=true, which notes who asked. Default false.',
        )
        .default(false),
      start: z
        .enum(['NotRequired', 'Required'])
        .meta({ description: 'start Required: nothing is touched before a Decision Approve. Default NotRequired.' })
        .default('NotRequired'),
      jointSteps,
      expireAfter: c
        .positiveDuration(
          'expireAfter is how long an approval counts that was not used. Default "72h".',
          'with expireAfter 0s every approval is void at once: name a time in which people can decide, such as 72h',
        )
        .default('72h'),
    })
    .optional(),
  timeouts: timeoutsByVerb('timeouts replace the default time limits by step verb, such as {Upgrade: 15m}.').optional(),
  serviceAccountName: c
    .objectName(
      'serviceAccountName is the ServiceAccount in this namespace that effects on your objects are made as. Default: the operator itself.',
    )
    .optional(),
  paused: c.boolean('paused true: the step under way is finished and none begun. Default false.').default(false),
  dryRun: c.boolean('dryRun true: runs are planned and checked, nothing is changed. Default false.').default(false),
  historyLimit: c.integer('historyLimit is how many finished runs are kept. Default 10.', 1, 100).default(10),
  finalizeTimeout: c
    .duration(
      'finalizeTimeout is how long undoing may take when the set is deleted in the middle of a run. Default "10m".',
    )
    .default('10m'),
});

export const upgradeSetStatus = c.object('status is where the upgrade is.', {
  observedGeneration: c.observedGeneration,
  conditions,
  phase: z
    .enum([
      'Pending',
      'Blocked',
      'Scheduled',
      'Running',
      'Paused',
      'WindowClosed',
      'AwaitingDecision',
      'Halted',
      'RollingBack',
      'Completed',
      'CompletedWithFailures',
      'RolledBack',
      'Failed',
      'Cancelled',
    ])
    .meta({ description: 'phase is where the upgrade is.' })
    .optional(),
  run: c.objectName('run is the newest UpgradeRun.').optional(),
  available: c
    .object('available is the newest Package that fits what runs, unless it is the one asked for.', {
      package: c.objectName('package is its name.'),
      version: c.text('version is its version.', 64),
      type: z.enum(['Major', 'Minor']).meta({
        description: 'type is Major when it, or a Package on the way to it, is a Major, and Minor otherwise.',
      }),
      path: c
        .atomicList(
          'path are the Packages to install one after the other, the offered one last; absent where it can be installed at once.',
          c.objectName('A Package.'),
        )
        .optional(),
      download: c
        .text('download is where it can be fetched from, where its notes say so (Package.spec.notes.download).', 2048)
        .optional(),
      message: c.text('message says what to know before choosing it, such as a Major on the way.').optional(),
    })
    .optional(),
  notice: c
    .object('notice is what users of the service can be told of the run that is planned or under way.', {
      text: c.text('text is the notice, in plain words.', 1024),
      atRisk: c.duration('atRisk is how long the service is at risk: ten minutes for each server.'),
      downtime: c.duration('downtime is how long it is down; absent where no downtime is announced.').optional(),
    })
    .optional(),
  step: c.text('step is the step under way, such as "5/15 Upgrade the database".', 256).optional(),
  progress: progress.optional(),
  blockers: c.atomicList('blockers are why it is not moving, at most 16.', blocker, { max: 16 }).optional(),
  history: c
    .atomicList(
      'history are the last runs, newest first.',
      c.object('One run.', {
        run: c.objectName('run is its name.'),
        purpose: z
          .enum(['Upgrade', 'Rollback', 'Rebuild'])
          .meta({ description: 'purpose is Upgrade, Rollback or Rebuild.' }),
        package: c.objectName('package is the Package.'),
        from: c.text('from is the version before.', 64).optional(),
        to: c.text('to is the version after.', 64).optional(),
        phase: c.text('phase is how it ended.', 63),
        reason: c.text('reason is why, when it did not complete.', 128).optional(),
        started: c.instant('started is when it began.').optional(),
        finished: c.instant('finished is when it ended.').optional(),
      }),
      { max: 100 },
    )
    .optional(),
});

export type UpgradeSetSpec = z.output<typeof upgradeSetSpec>;
export type UpgradeSetStatus = z.output<typeof upgradeSetStatus>;
export interface UpgradeSet extends ApiObject<UpgradeSetSpec, UpgradeSetStatus> {}
export type UpgradeSetPhase = NonNullable<UpgradeSetStatus['phase']>;
export type RunHistory = NonNullable<UpgradeSetStatus['history']>[number];

export const upgradeSetKind = defineKind({
  kind: 'UpgradeSet',
  plural: 'upgradesets',
  shortNames: ['us'],
  description:
    'UpgradeSet says which server groups are brought to which Package, in which order and with which policy.',
  writtenBy: 'users',
  spec: upgradeSetSpec,
  status: upgradeSetStatus,
  maxNameLength: 50,
  columns: [
    { name: 'Package', type: 'string', jsonPath: '.spec.package', description: 'Package to install' },
    { name: 'Phase', type: 'string', jsonPath: '.status.phase', description: 'Where the upgrade is' },
    { name: 'Step', type: 'string', jsonPath: '.status.step', description: 'Step under way' },
    {
      name: 'Progress',
      type: 'integer',
      jsonPath: '.status.progress.percent',
      description: 'How much is done, in percent',
    },
    {
      name: 'Blocked-By',
      type: 'string',
      jsonPath: '.status.blockers[0].message',
      description: 'Why it is not moving',
    },
  ],
  example: `apiVersion: belay.dev/v1alpha1
kind: UpgradeSet
metadata:
  name: portal
spec:
  package: portal-1.2.0
  serverGroups: [group-1, group-2]
  rollback: {policy: Automatic}
`,
});
