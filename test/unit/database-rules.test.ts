/** The rules of the database that must never break, each as one question; `test/mutation/` breaks them one by one. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nothingObserved } from '../builders/observed.ts';
import type { StepAction, UpgradeRun } from '../../src/api/upgrade-run.ts';
import { evaluateStep } from '../../src/planner/evaluate.ts';
import { validDecisions } from '../../src/planner/intent.ts';
import type { DatabaseJobObservation, Observed } from '../../src/planner/observed.ts';
import type { StepVerdict } from '../../src/planner/verdict.ts';
import { planRun } from '../../src/simulation/set-controller.ts';
import { seeWorkloadNow } from '../../src/simulation/observe.ts';
import { must } from '../../src/simulation/world.ts';
import { decision } from '../builders/objects.ts';
import { majorSetting, minorSetting } from '../simulation/major.ts';

type Answer = Partial<Omit<DatabaseJobObservation, 'id'>>;

interface Question {
  readonly action: StepAction;
  readonly minor?: boolean;
  readonly handles?: Readonly<Record<string, string>>;
  /** By what comes after the operation in the Job's id. */
  readonly jobs?: Readonly<Record<string, Answer>>;
  readonly expect?: string;
  readonly facts?: Readonly<Record<string, string>>;
  readonly stopped?: boolean;
}

const operation = 'run/step/1';
const succeeded = (output: Record<string, string> = {}): Answer => ({ state: 'succeeded', exitCode: 0, output });

function ask(question: Question): StepVerdict {
  const told = question.minor === true ? minorSetting() : majorSetting();
  const spec = planRun(told, must(told.objects.sets[0], 'set'));
  const planned = spec.steps.find((step) => step.action === question.action && step.skip === undefined);
  const step = {
    ...(planned ?? { ...must(spec.steps[0], 'step'), id: 'step', action: question.action, group: 'group-1' }),
    ...(question.expect === undefined ? {} : { expect: question.expect }),
  };
  const jobs = Object.entries(question.jobs ?? {}).map(([part, answer]) => {
    const id = `${operation}/${part}`;
    return [id, { id, state: 'running', exitCode: undefined, output: {}, message: '', ...answer }] as const;
  });
  const refs = [...told.world.workloads.values()];
  if (question.stopped === true) for (const workload of refs) workload.replicas = 0;
  const observed: Observed = {
    ...nothingObserved(),
    workloads: new Map(refs.map((ref) => [`${ref.kind}/${ref.name}`, seeWorkloadNow(told.world, ref, 'run')])),
    databaseJobs: new Map(jobs),
  };
  return evaluateStep({
    run: {
      name: 'portal-1',
      uid: 'run',
      spec: {
        ...spec,
        purpose: question.expect === undefined ? 'Upgrade' : 'Rollback',
        facts: { ...spec.facts, ...question.facts },
      },
    },
    step,
    entry: { id: step.id, state: 'Running', attempt: 1, operation },
    handles: question.handles ?? {},
    observed,
    decisions: [],
    now: 0,
    consumedMs: 0,
    timeoutMs: 900_000,
  });
}

const said = (verdict: StepVerdict): string =>
  verdict.kind === 'act' && verdict.effect.kind === 'RunDatabaseJob'
    ? `run ${verdict.effect.job.verb}`
    : 'reason' in verdict
      ? `${verdict.kind} ${verdict.reason}`
      : verdict.kind;

const before = { 'schema/before': '41' };
const begun = { ...before, [`migration/${operation}`]: '1', 'schema/changed': operation };
const migrated = { migrate: succeeded(), after: succeeded({ schemaVersion: '42' }) };

describe('rules of the database', () => {
  const cases: Readonly<Record<string, readonly [Question, string]>> = {
    '001-82: the schema is read before anything is run': [{ action: 'MigrateDatabase' }, 'run schemaVersion'],
    '001-82: begun without evidence it is not begun again': [
      { action: 'MigrateDatabase', handles: begun, jobs: { 'evidence-1': succeeded({ operation: 'begun' }) } },
      'failed OutcomeUnknown',
    ],
    '001-82: evidence is asked for before anything is begun again': [
      { action: 'MigrateDatabase', handles: begun },
      'run schemaVersion',
    ],
    '001-82: what the database has never heard of may be begun': [
      { action: 'MigrateDatabase', handles: begun, jobs: { 'evidence-1': succeeded({ operation: 'none' }) } },
      'run migrate',
    ],
    '001-82: pods that do not agree are not a success': [
      { action: 'MigrateDatabase', handles: begun, jobs: { migrate: { state: 'unknown' } } },
      'run schemaVersion',
    ],
    'the schema must be what the release needs': [
      {
        action: 'MigrateDatabase',
        handles: begun,
        jobs: { migrate: succeeded(), after: succeeded({ schemaVersion: '41' }) },
      },
      'failed SchemaMismatch',
    ],
    '001-102: a minor release that changes the schema is written down as one that did': [
      {
        action: 'MigrateDatabase',
        minor: true,
        handles: { ...before, [`migration/${operation}`]: '1' },
        jobs: migrated,
      },
      'record',
    ],
    '001-102: and stopped': [
      { action: 'MigrateDatabase', minor: true, handles: begun, jobs: migrated },
      'failed NotAMinorRelease',
    ],
    '001-60: a backup that is not verified is not a way back': [
      { action: 'BackupDatabase', handles: before, jobs: { backup: succeeded({ handle: 'b-1' }) } },
      'run verify',
    ],
    '001-60: a backup without a name is none': [
      { action: 'BackupDatabase', handles: before, jobs: { backup: succeeded() } },
      'failed BackupFailed',
    ],
    '001-130: nothing is restored while pods use the database': [
      { action: 'RestoreDatabase', handles: { ...begun, 'backup/handle': 'b-1' } },
      'failed NotStopped',
    ],
    '001-133: old code is not started on the new schema': [
      {
        action: 'Start',
        handles: { ...begun, 'schema/now': '42', 'replicas/StatefulSet/web-1': '1' },
        expect: '1.1.0',
      },
      'failed SchemaMismatch',
    ],
  };
  for (const [name, [question, want]] of Object.entries(cases)) it(name, () => assert.equal(said(ask(question)), want));

  it('design 4.3: where the pool holds nobody back, what users write counts from the start', () => {
    const verdict = ask({
      action: 'Start',
      handles: { 'replicas/StatefulSet/web-1': '1' },
      facts: { hold: 'AsStarted' },
      stopped: true,
    });
    assert.equal(verdict.kind === 'act' ? verdict.record?.['served/group-1'] : undefined, '1970-01-01T00:00:00.000Z');
  });

  it('design 5.4: that the schema may have changed is written down before the migration begins', () => {
    const verdict = ask({ action: 'MigrateDatabase', handles: before });
    assert.equal(verdict.kind === 'act' ? verdict.record?.['schema/changed'] : undefined, operation);
  });

  it('001-126: a way back that is not offered does not count', () => {
    const spec = { run: 'portal-1', planHash: `sha256:${'0'.repeat(64)}`, choice: 'Rollback' } as const;
    const run = {
      metadata: { name: 'portal-1' },
      spec: { planHash: spec.planHash, policy: {} },
      status: { choices: [{ choice: 'Rollback', method: 'DatabaseAndSnapshots', data: 'Discard' }] },
    } as unknown as UpgradeRun;
    const count = (method: string, data: 'Keep' | 'Discard'): number =>
      validDecisions([decision('portal-1', { ...spec, method, data })], run, 0).length;
    assert.deepEqual(
      [count('DatabaseAndSnapshots', 'Discard'), count('DatabaseAndSnapshots', 'Keep'), count('Snapshots', 'Discard')],
      [1, 0, 0],
    );
  });
});
