import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { database } from '../../../test/builders/objects.ts';
import { majorSetting } from '../../../test/simulation/major.ts';
import type { Database } from '../../api/database.ts';
import type { Step, UpgradeRunSpec } from '../../api/upgrade-run.ts';
import { planRun } from '../../simulation/set-controller.ts';
import { must } from '../../simulation/world.ts';
import { jobsOfDatabase } from '../declared/jobs.ts';
import { computeScope } from '../scope.ts';
import { evaluateStep } from '../evaluate.ts';
import type { DatabaseJobObservation, WorkloadObservation } from '../observed.ts';
import { seeWorkloadNow } from '../../simulation/observe.ts';
import { noticeOf } from '../notice.ts';
import { computeRollback } from '../procedures/rollback.ts';
import type { StepVerdict, ValidDecision } from '../verdict.ts';

type Backup = Database['spec']['backup'];
type Said = Partial<ValidDecision>;

const people: Backup = { takenBy: 'People', estimate: '20m' };
const began = Date.parse('2026-12-05T20:00:00Z');
const operation = 'run/step/2';

interface Setup {
  readonly backup?: Backup;
  readonly restore?: false;
  readonly timeouts?: Readonly<Record<string, string>>;
}

function planOf({ backup = people, restore, timeouts }: Setup = {}): UpgradeRunSpec {
  const told = majorSetting();
  const withoutRestore = restore === false ? { restore: undefined } : {};
  told.objects.databases = [database('portal-db', { backup, ...withoutRestore })];
  const set = must(told.objects.sets[0], 'set');
  if (timeouts !== undefined) set.spec.timeouts = timeouts;
  return planRun(told, set);
}

const rowOf = (steps: readonly Step[], id: string): Step =>
  must(
    steps.find((step) => step.id === id),
    id,
  );

/** The way back of a run whose migration was begun. */
function backOf(spec: UpgradeRunSpec): { steps: Step[]; handles: Record<string, string> } {
  const handles = { 'schema/before': '41', 'schema/changed': 'x', 'backup/handle': 'vault/42', 'backup/by': 'ana' };
  const entries = [{ id: 'migrate', state: 'Failed', attempt: 1, operation: 'x', handles } as const];
  const order = { method: 'Snapshots', data: 'Keep', because: '', authorisedBy: '' } as const;
  return computeRollback({ origin: { name: 'portal-1', uid: 'run', spec, entries }, attempts: [], order });
}

interface Question {
  readonly spec: UpgradeRunSpec;
  readonly step: Step;
  readonly said?: readonly Said[];
  readonly handles?: Readonly<Record<string, string>>;
  /** By what comes after the operation in the Job's id. */
  readonly jobs?: Readonly<Record<string, Partial<DatabaseJobObservation>>>;
  /** Is a server of the run running? */
  readonly running?: boolean;
}

function ask({ spec, step, said = [], handles = {}, jobs = {}, running = false }: Question): StepVerdict {
  const empty = new Map<string, never>();
  const workloads = new Map(running ? [runningServer()] : []);
  const answers = Object.entries(jobs).map(([part, answer]) => {
    const id = `${operation}/${part}`;
    return [id, { id, state: 'running', exitCode: undefined, output: {}, message: '', ...answer }] as const;
  });
  return evaluateStep({
    run: { name: 'portal-1', uid: 'run', spec },
    step,
    entry: { id: step.id, state: 'Running', attempt: 2, operation, started: new Date(began).toISOString() },
    handles: { 'schema/before': '41', ...handles },
    observed: {
      ...{ now: began, groups: empty, workloads, pools: empty, snapshots: empty, restores: empty },
      ...{ probes: empty, databaseJobs: new Map(answers), checks: empty, saved: new Set(), settings: empty },
    },
    decisions: said.map((word, index) => ({
      ...{ name: `word-${index}`, choice: 'Attest', approved: true, by: 'ana', reason: 'done', evidence: 'vault/42' },
      ...{ method: '', data: undefined, check: '', step: step.id, group: '', server: '', as: '' },
      ...{ createdAt: began + 60_000, ...word },
    })),
    now: began + 120_000,
    consumedMs: 99 * 3_600_000,
    timeoutMs: 3_600_000,
  });
}

/** As it runs at the beginning of every story. */
function runningServer(): [string, WorkloadObservation] {
  const { world } = majorSetting();
  const [key, ref] = must([...world.workloads][0], 'workload');
  return [key, seeWorkloadNow(world, ref, 'run')];
}

const saidOf = (verdict: StepVerdict): string =>
  verdict.kind === 'act' && verdict.effect.kind === 'RunDatabaseJob'
    ? `run ${verdict.effect.job.verb} ${verdict.effect.job.parameters['BACKUP'] ?? ''}`.trimEnd()
    : 'reason' in verdict
      ? `${verdict.kind} ${verdict.reason}`
      : 'message' in verdict
        ? `${verdict.kind}: ${verdict.message}`
        : verdict.kind;

const heard = { [`approved/${operation}`]: 'ana', [`reference/${operation}`]: 'vault/42' };
const succeeded = (output: Record<string, string> = {}) => ({ state: 'succeeded', exitCode: 0, output }) as const;

describe('001-61: a backup that people take', () => {
  const spec = planOf();
  const step = rowOf(spec.steps, 'backup-last');

  it('is asked for once, where nobody writes, and its time is part of what is announced', () => {
    const rows = spec.steps.filter(({ action }) => action === 'BackupDatabase');
    assert.deepEqual(
      rows.map(({ number, actor, estimate, skip }) => [number, actor, estimate, skip]),
      [
        ['0b', 'Engineer', '10s', undefined],
        ['5a', 'Customer', '20m', undefined],
      ],
    );
    assert.equal(noticeOf(spec).downtime?.lengthMs, 35 * 60_000);
    const longest = planOf({ backup: { takenBy: 'People' }, timeouts: { BackupDatabase: '45m' } });
    assert.equal(rowOf(longest.steps, 'backup-last').estimate, '45m');
  });

  it('looks at every server while people take the backup or put it back, and at none for a Job that takes it', () => {
    const lookedAt = (from: UpgradeRunSpec, row: Step): number => {
      const entry = { id: row.id, state: 'Running', attempt: 2, operation } as const;
      return computeScope({ run: { name: 'portal-1', uid: 'run', spec: from }, entries: [], step: row, entry })
        .workloads.length;
    };
    const byJob = planOf({ backup: database().spec.backup });
    assert.deepEqual(
      [
        lookedAt(spec, step),
        lookedAt(spec, rowOf(backOf(spec).steps, 'database')),
        lookedAt(byJob, rowOf(byJob.steps, 'backup-last')),
      ],
      [2, 2, 0],
    );
  });

  it('needs no Job in row 0b, which reads the schema, and none but that in row 5a', () => {
    const first = rowOf(spec.steps, 'backup');
    assert.match(saidOf(ask({ spec, step: first })), /^done: the schema is 41; people take the backup/);
    const entry = { id: step.id, state: 'Running', attempt: 2, operation } as const;
    const scope = computeScope({ run: { name: 'portal-1', uid: 'run', spec }, entries: [], step, entry });
    assert.deepEqual(
      scope.databaseJobs.map(({ verb }) => verb),
      ['schemaVersion'],
    );
  });

  it('is waited for as long as it takes, and what to do is said', () => {
    const verdict = ask({ spec, step });
    assert.equal(verdict.kind === 'wait' ? verdict.untimed : undefined, true);
    assert.deepEqual(verdict.kind === 'wait' ? verdict.choices?.map(({ choice, step: id }) => [choice, id]) : [], [
      ['Attest', 'backup-last'],
    ]);
    assert.match(
      verdict.kind === 'wait' ? verdict.message : '',
      /^take a full backup of Database portal-db now: .* create a Decision with choice Attest and step backup-last for run portal-1, with the reference of the backup as evidence$/,
    );
  });

  const words: Readonly<Record<string, readonly [Omit<Question, 'spec' | 'step'>, string]>> = {
    'a word without a reference is none': [{ said: [{ evidence: '' }] }, 'wait AwaitingBackup'],
    'a word given before this attempt is none': [{ said: [{ createdAt: began - 1_000 }] }, 'wait AwaitingBackup'],
    'a word on another step is none': [{ said: [{ step: 'database' }] }, 'wait AwaitingBackup'],
    'another choice is no word on it': [{ said: [{ choice: 'Approve' }] }, 'wait AwaitingBackup'],
    'a word is written down first': [{ said: [{}] }, 'record'],
    'the reference counts from then on, also when the Decision is gone': [{ handles: heard }, 'record'],
    'the reference is the backup': [
      { handles: { ...heard, 'backup/handle': 'vault/42', 'backup/at': '2026-12-05T20:02:00.000Z' } },
      'done: vault/42 is attested by ana',
    ],
    'the same reference as in the attempt before is another backup': [
      { handles: { ...heard, 'backup/handle': 'vault/42', 'backup/at': '2026-12-05T19:50:00.000Z' } },
      'record',
    ],
    'a word that was heard in the attempt before is not heard again in this one, within one second as well': [
      { said: [{ createdAt: began }], handles: { 'heard/word-0': 'run/step/1' } },
      'wait AwaitingBackup',
    ],
    'the reference of the attempt before is not that of this one': [
      { handles: { 'approved/run/step/1': 'ana', 'reference/run/step/1': 'vault/41' } },
      'wait AwaitingBackup',
    ],
    'a server that runs meanwhile may write what is not in it': [
      { running: true, handles: heard },
      'failed NotStopped',
    ],
    'a refusal is written down, as that of this attempt': [{ said: [{ approved: false, evidence: '' }] }, 'record'],
    'a refusal fails the step': [
      { said: [{ approved: false, evidence: '' }], handles: { 'heard/word-0': operation } },
      'failed Denied',
    ],
    'a refusal that failed the attempt before is answered': [
      { said: [{ approved: false }], handles: { 'heard/word-0': 'run/step/1' } },
      'wait AwaitingBackup',
    ],
  };
  for (const [name, [question, want]] of Object.entries(words))
    it(name, () => assert.equal(saidOf(ask({ spec, step, ...question })), want));

  it('is written down with who attests it and when', () => {
    const verdict = ask({ spec, step, handles: heard });
    assert.deepEqual(verdict.kind === 'record' ? verdict.record : {}, {
      'backup/handle': 'vault/42',
      'backup/at': '2026-12-05T20:02:00.000Z',
      'backup/by': 'ana',
    });
  });

  it('needs no PodTemplate for what people do', () => {
    const jobs = jobsOfDatabase(must(planOf({ restore: false }).database, 'database').spec).map(({ at }) => at);
    assert.deepEqual(jobs, ['spec.schemaVersion.job', 'spec.migrate.job']);
  });

  it('is proven by a Job where there is one that can look at it', () => {
    const looked = planOf({
      backup: { takenBy: 'People', verify: { job: { podTemplate: 'pg-tools', timeout: '5m' } } },
    });
    const row = rowOf(looked.steps, 'backup-last');
    const told = (jobs: Question['jobs'] = {}): string =>
      saidOf(ask({ spec: looked, step: row, handles: heard, jobs }));
    assert.equal(told(), 'run verify vault/42');
    assert.equal(told({ verify: { state: 'failed' } }), 'failed BackupNotVerified');
    assert.equal(told({ verify: succeeded() }), 'record');
  });
});

describe('001-61 001-130: the way back from a backup that people took', () => {
  it('is a Job with the reference where there is one', () => {
    const spec = planOf();
    const { steps } = backOf(spec);
    const step = rowOf(steps, 'database');
    assert.equal(step.actor, 'Engineer');
    assert.equal(saidOf(ask({ spec, step, handles: { 'backup/handle': 'vault/42' } })), 'run restore vault/42');
  });

  const spec = planOf({ restore: false });
  const step = rowOf(backOf(spec).steps, 'database');
  const handles = { 'backup/handle': 'vault/42', 'schema/changed': 'x', 'schema/now': '42' };

  it('is people where there is none: they are asked, with the reference and the schema that must be there', () => {
    assert.deepEqual([step.actor, step.estimate], ['Customer', '2h']);
    const verdict = ask({ spec, step, handles });
    assert.equal(saidOf(verdict), 'wait AwaitingRestore');
    assert.match(
      verdict.kind === 'wait' ? verdict.message : '',
      /^put Database portal-db back to the backup vault\/42 now: .*the schema must be 41 again; then create a Decision with choice Attest and step database/,
    );
  });

  it('says that the database is read-only where this run made it so', () => {
    const messageOf = (more: Record<string, string>): string => {
      const verdict = ask({ spec, step, handles: { ...handles, ...more } });
      return verdict.kind === 'wait' ? verdict.message : '';
    };
    assert.match(messageOf({ 'guard/read-only': 'ours' }), /by default it refuses writes/);
    assert.doesNotMatch(messageOf({ 'guard/read-only': 'somebody' }), /refuses writes/);
  });

  const cases: Readonly<Record<string, readonly [Omit<Question, 'spec' | 'step'>, string]>> = {
    'the schema is not looked at before somebody says that it is done': [
      { jobs: { after: succeeded({ schemaVersion: '41' }) } },
      'wait AwaitingRestore',
    ],
    'a word is not enough: the schema is read': [{ handles: heard }, 'run schemaVersion'],
    'a word is not enough: the schema must be the one from before': [
      { handles: heard, jobs: { after: succeeded({ schemaVersion: '42' }) } },
      'failed SchemaMismatch',
    ],
    'with both it goes on': [{ handles: heard, jobs: { after: succeeded({ schemaVersion: '41' }) } }, 'record'],
    'nothing is put back under servers that run': [{ running: true }, 'failed NotStopped'],
    'who cannot says so': [
      { said: [{ approved: false }], handles: { 'heard/word-0': operation } },
      'failed RestoreFailed',
    ],
  };
  for (const [name, [question, want]] of Object.entries(cases))
    it(name, () => {
      assert.equal(saidOf(ask({ spec, step, ...question, handles: { ...handles, ...question.handles } })), want);
    });

  it('asks for no restore Job', () => {
    const entry = { id: step.id, state: 'Running', attempt: 1, operation } as const;
    const place = { run: { name: 'portal-1-back', uid: 'back', spec: { ...spec, handles } }, entries: [], step, entry };
    assert.deepEqual(
      computeScope(place).databaseJobs.map(({ verb }) => verb),
      ['schemaVersion'],
    );
  });
});
