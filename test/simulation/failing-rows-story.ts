/** Tells a row of `failing-rows.ts`: it fails, people are asked or not, and everything is as the table of ends says. */
import assert from 'node:assert/strict';
import type { Decision } from '../../src/api/decision.ts';
import type { UpgradeRun } from '../../src/api/upgrade-run.ts';
import { parseInstant } from '../../src/shared/instant.ts';
import { befall } from '../../src/simulation/faults.ts';
import { contentOf } from '../../src/simulation/invariants.ts';
import { isServing } from '../../src/simulation/pools.ts';
import { createScene } from '../../src/simulation/scene.ts';
import type { Simulation, StoryEvent } from '../../src/simulation/simulation.ts';
import { lostStored } from '../../src/simulation/databases.ts';
import { lostWrites, volumeOf } from '../../src/simulation/storage.ts';
import { must, releaseOf, type World } from '../../src/simulation/world.ts';
import { decision, serverGroup } from '../builders/objects.ts';
import {
  downtimeRows,
  rollingRows,
  unmendedRows,
  type FailingRow,
  type Outcome,
  type RowFault,
  type UnmendedRow,
} from './failing-rows.ts';
import { majorSetting, minorSetting, type MajorDraft } from './major.ts';
import type { Ended, Setting, Story, Told } from './story.ts';

export type Procedure = 'rolling' | 'downtime';
export type Policy = 'Automatic' | 'RequireApproval';

type Word = Partial<Decision['spec']> & Pick<Decision['spec'], 'choice'>;

interface Question {
  readonly reason: string;
  /** Choice, method and data of what is offered. */
  readonly choices: readonly string[];
  /** What ana answers. */
  readonly answer: Word;
}

const resume: Word = { choice: 'Resume' };
const keep: Word = { choice: 'Rollback', method: 'Snapshots', data: 'Keep' };
const discard: Word = { choice: 'Rollback', method: 'DatabaseAndSnapshots', data: 'Discard' };

const offers: Readonly<Record<Outcome, readonly string[]>> = {
  NothingChanged: [],
  OnlyStopped: [],
  NotServed: ['Resume', 'Restart Keep', 'Rollback Snapshots Keep'],
  Served: ['Resume', 'Restart Keep', 'Restart Discard', 'Rollback Snapshots Keep', 'Rollback Snapshots Discard'],
  Migrated: ['Resume', 'Restart Keep', 'Rollback DatabaseAndSnapshots Keep'],
  ServedMigrated: ['Resume', 'Restart Discard', 'Rollback DatabaseAndSnapshots Discard'],
};

/** What a person is asked; undefined where the answer is known beforehand. */
export function questionOf({ outcome }: FailingRow, policy: Policy): Question | undefined {
  const choices = offers[outcome];
  if (choices.length === 0) return undefined;
  if (policy === 'RequireApproval') return { reason: 'AwaitingRollbackAuthorization', choices, answer: resume };
  if (outcome === 'Served') return { reason: 'WritesAtStake', choices, answer: keep };
  return outcome === 'ServedMigrated' ? { reason: 'WritesAtStake', choices, answer: discard } : undefined;
}

interface End {
  readonly phases: readonly string[];
  readonly failure: readonly string[];
  readonly versions: Readonly<Record<string, readonly string[]>>;
  readonly schema: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly volumes: readonly string[];
  /** By the load balancer. */
  readonly serving: readonly string[];
  /** By the status of the newest run. */
  readonly said: unknown;
  readonly locks: readonly string[];
  readonly holds: readonly string[];
  readonly handedOver: readonly string[];
  readonly lost: boolean;
  /** What people said, in order. */
  readonly answers: readonly string[];
}

/** What the end is to be. */
export function endWanted(procedure: Procedure, row: FailingRow, policy: Policy): End {
  const question = questionOf(row, policy);
  const resumed = question?.answer.choice === 'Resume';
  const version = resumed ? (procedure === 'rolling' ? '1.2.0' : '2.0.0') : '1.1.0';
  const schema = resumed && procedure === 'downtime' ? '42' : '41';
  const setting = resumed ? '[["app.conf/general/cache","on"]]' : '[["app.conf/general/cache","off"]]';
  const back = row.outcome === 'NothingChanged' ? ['Failed'] : ['RolledBack', 'RolledBack'];
  return {
    phases: resumed ? ['Completed'] : back,
    failure: resumed ? [] : [row.step, row.reason],
    versions: { 'web-1': [version], 'web-2': [version] },
    schema,
    settings: { 'ConfigMap/options-web-1': setting, 'ConfigMap/options-web-2': setting },
    volumes: ['data of data-web-1-0', 'data of data-web-2-0'],
    serving: ['web-1', 'web-2'],
    said: { serving: ['group-1', 'group-2'], schema },
    locks: [],
    holds: [],
    handedOver: [],
    lost: row.outcome === 'ServedMigrated' && !resumed,
    answers: answersTo(row, question),
  };
}

function answersTo({ fault }: FailingRow, question: Question | undefined): string[] {
  const isDenied = fault.kind === 'Denied';
  const given = question === undefined ? [] : [`${question.answer.choice} Approved`];
  const again = isDenied && question?.answer.choice === 'Resume' ? ['SignOff Approved'] : [];
  return [...(isDenied ? ['SignOff Denied'] : []), ...given, ...again];
}

export function endSeen({ result, world, simulation }: Ended): End {
  const runs = result.runs;
  const upgrade = runs[0]?.status;
  const pools = [...world.pools.values()];
  const newest = runs.at(-1)?.status?.service;
  return {
    phases: runs.map((run) => run.status?.phase ?? ''),
    failure: upgrade?.failure === undefined ? [] : [upgrade.failure.step, upgrade.failure.reason],
    versions: Object.fromEntries(
      [...world.workloads.values()].map((workload) => [
        workload.name,
        workload.pods.filter((pod) => pod.ready).map((pod) => releaseOf(world, pod.template).version),
      ]),
    ),
    schema: [...world.databases.values()].map((database) => database.schema).join(),
    settings: Object.fromEntries([...world.documents].map(([name, values]) => [name, contentOf(values)])),
    volumes: [...world.claims.keys()].toSorted().map((claim) => volumeOf(world, claim)?.content ?? ''),
    serving: servingMembers(world),
    said: { serving: newest?.serving, schema: newest?.schema },
    locks: [...world.groups.values(), ...world.workloads.values()].map((one) => one.lockedBy).filter((by) => by !== ''),
    holds: pools.flatMap((pool) => [
      ...pool.held,
      ...pool.instances.flatMap((instance) =>
        [...instance.admin].filter(([, admin]) => admin.state !== 'ready').map(([member]) => member),
      ),
    ]),
    // Of an upgrade and of its way back, where both have failed.
    handedOver: [...new Set(runs.flatMap(({ status }) => status?.handedOver?.map(({ object }) => object) ?? []))],
    lost:
      [...world.claims.keys()].some((claim) => lostWrites(world, claim).length > 0) ||
      [...world.databases.values()].some((database) => lostStored(world, database).length > 0),
    answers: simulation.store.decisions.map(({ spec }) => `${spec.choice} ${spec.verdict}`),
  };
}

function servingMembers(world: World): string[] {
  return [...world.pools.values()].flatMap((pool) =>
    pool.members.filter((member) => isServing(world, pool, member)).map(({ member }) => member),
  );
}

/** Waiting costs a sweep time and shows nothing new. */
const timeouts = { Stop: '2m', Snapshot: '2m', Upgrade: '2m', Start: '2m', Undrain: '1m' };

/** Two groups above one database, with settings that belong to the release; whoever cannot be drained fails. */
export function rowSetting(procedure: Procedure, draft: MajorDraft): Setting {
  const { objects } = procedure === 'downtime' ? majorSetting(draft) : minorSetting(draft);
  const settings = [{ config: 'options', set: { 'general/cache': 'on' } }];
  objects.packages = objects.packages.map((release) =>
    release.spec.version === '1.1.0' ? release : { ...release, spec: { ...release.spec, settings } },
  );
  const object = { kind: 'ConfigMap' as const, name: 'options-${SERVER}' };
  objects.groups = objects.groups.map((_, index) =>
    serverGroup(index + 1, {
      database: 'portal-db',
      drain: { timeout: '2m', onTimeout: 'Fail' },
      configs: [{ name: 'options', object, key: 'app.conf', format: 'Ini' }],
    }),
  );
  objects.sets = objects.sets.map((set) => ({ ...set, spec: { ...set.spec, timeouts } }));
  const world = createScene(objects, { from: '1.1.0' });
  for (const values of world.documents.values()) values.set('app.conf/general/cache', 'off');
  return { objects, world };
}

const upgradeOf = ({ store }: Simulation): UpgradeRun | undefined => store.runs[0];

function isInState(simulation: Simulation, step: string, state: string): boolean {
  return upgradeOf(simulation)?.status?.steps.find((entry) => entry.id === step)?.state === state;
}

/** Decisions have names of their own, however often somebody decides the same. */
function say(simulation: Simulation, word: Word): void {
  const run = simulation.store.runs.at(-1);
  assert.ok(run !== undefined);
  const made = decision(run.metadata.name, { planHash: run.spec.planHash, ...word });
  const name = `${made.metadata.name}-${simulation.store.decisions.length + 1}`;
  simulation.store.decide({ ...made, metadata: { ...made.metadata, name } });
}

function tell(procedure: Procedure, row: FailingRow, policy: Policy): Told {
  const question = questionOf(row, policy);
  const denied = row.fault.kind === 'Denied';
  const told = rowSetting(procedure, { policy, signOff: denied ? 'Required' : 'NotRequired' });
  told.world.promises.mayLose = endWanted(procedure, row, policy).lost;
  const trouble = troubleOf(told.world, row.fault, (simulation) => isInState(simulation, row.step, 'Failed'));
  const events = [
    ...trouble.events,
    ...(question === undefined ? [] : [answers(row, question)]),
    ...(denied ? [signs('Denied', 0), ...(question?.answer.choice === 'Resume' ? [signs('Approved', 2)] : [])] : []),
  ];
  return { ...told, events, ...(trouble.script === undefined ? {} : { script: trouble.script }) };
}

/** @param until when the cause is mended; undefined: never */
function troubleOf(
  world: World,
  fault: RowFault,
  until?: NonNullable<StoryEvent['when']>,
): Pick<Told, 'script'> & { events: StoryEvent[] } {
  let mend = (): void => {};
  const mended: StoryEvent[] =
    until === undefined ? [] : [{ what: 'the cause is mended', when: until, act: () => mend() }];
  switch (fault.kind) {
    case 'Denied':
      return { events: [] };
    case 'Test': {
      let isBad = true;
      mend = () => void (isBad = false);
      const answer = { answer: 'fail', message: 'status 500, want 200' } as const;
      return { events: mended, script: (attempt) => (isBad && fault.fails(attempt) ? answer : undefined) };
    }
    case 'Mishap': {
      const begins: StoryEvent = {
        what: `from now on: ${JSON.stringify(fault.mishap)}`,
        when: (simulation) => isInState(simulation, fault.since, 'Running'),
        act: () => void (mend = befall(world, fault.mishap)),
      };
      return { events: [begins, ...mended] };
    }
  }
}

function signs(verdict: 'Approved' | 'Denied', after: number): StoryEvent {
  return {
    what: `ana: ${verdict}`,
    when: (simulation) => isInState(simulation, 'sign-off', 'Running') && simulation.store.decisions.length >= after,
    act: (simulation) => say(simulation, { choice: 'SignOff', verdict }),
  };
}

/** What the run says while it asks is right, and somebody thinks for a while. */
function answers(row: FailingRow, { reason, choices, answer }: Question): StoryEvent {
  return {
    what: `ana answers ${answer.choice}`,
    when: (simulation) => {
      const { status } = upgradeOf(simulation) ?? {};
      const since = status?.failure?.at;
      if (status?.phase !== 'AwaitingDecision' || since === undefined) return false;
      return simulation.world.clock.now() - parseInstant(since) >= 30_000;
    },
    act: (simulation) => {
      const { status } = upgradeOf(simulation) ?? {};
      assert.deepEqual(
        {
          reason: status?.conditions?.find(({ type }) => type === 'AwaitingDecision')?.reason,
          failure: [status?.failure?.step, status?.failure?.reason],
          choices: status?.choices?.map(({ choice, method, data }) =>
            [choice, method, data].filter((word) => word !== undefined).join(' '),
          ),
          serving: status?.service?.serving,
          really: servingMembers(simulation.world).map((member) => member.replace('web', 'group')),
        },
        { reason, failure: [row.step, row.reason], choices, serving: row.serving, really: row.serving },
      );
      say(simulation, answer);
    },
  };
}

/**
 * @param before the row before, with which the part begins in which the controller is killed: until then it is the story
 *   of an upgrade that goes well
 */
function storyOf(procedure: Procedure, row: FailingRow, before: FailingRow | undefined, policy: Policy): Story {
  const answer = questionOf(row, policy)?.answer.choice;
  const isResumed = answer === 'Resume';
  return {
    ids: row.id,
    name: `${procedure}-row-${row.number}-${policy === 'Automatic' ? 'automatic' : 'asked'}`,
    title: `row ${row.number} of the ${procedure} procedure fails, since ${row.how}; ${policy}: ${answer ?? 'nobody is asked'}`,
    tell: () => tell(procedure, row, policy),
    ends: endWanted(procedure, row, policy).phases,
    check: (ended) => assert.deepEqual(endSeen(ended), endWanted(procedure, row, policy)),
    part: {
      begins: (simulation) => before === undefined || isInState(simulation, before.step, 'Running'),
      ...(isResumed ? { ends: (simulation) => isInState(simulation, row.step, 'Succeeded') } : {}),
    },
  };
}

function storiesOf(procedure: Procedure, rows: readonly FailingRow[]): Story[] {
  return (['Automatic', 'RequireApproval'] as const).flatMap((policy) =>
    rows.map((row, index) => storyOf(procedure, row, rows[index - 1], policy)),
  );
}

/** Nothing is mended, and ana takes over where the way back ends. */
function unmendedStory(unmended: UnmendedRow): Story {
  const { procedure, number, also, phases } = unmended;
  const rows = procedure === 'rolling' ? rollingRows : downtimeRows;
  const index = rows.findIndex((row) => row.number === number);
  const row = must(rows[index], `row ${number}`);
  const before = rows[index - 1];
  const question = questionOf(row, 'Automatic');
  return {
    ids: unmended.id,
    name: `${procedure}-row-${number}-unmended`,
    title: `row ${number} of the ${procedure} procedure fails, and ${unmended.how}: handed over by name`,
    tell: () => {
      const told = rowSetting(procedure, { policy: 'Automatic', signOff: 'NotRequired' });
      const trouble = troubleOf(told.world, row.fault);
      const events = [
        ...trouble.events,
        ...(also === undefined ? [] : troubleOf(told.world, also).events),
        ...(question === undefined
          ? []
          : [{ ...answers(row, question), act: (one: Simulation) => say(one, question.answer) }]),
        takesOver,
      ];
      return { ...told, events, ...(trouble.script === undefined ? {} : { script: trouble.script }) };
    },
    ends: phases,
    check: (ended) => {
      const { failure, versions, schema, serving, locks, handedOver } = endSeen(ended);
      const want = { failure: [row.step, row.reason], locks: [], versions: unmended.versions };
      assert.deepEqual(
        { failure, locks, versions, schema, serving, handedOver },
        { ...want, schema: unmended.schema, serving: unmended.serving, handedOver: unmended.handedOver },
      );
    },
    part: { begins: (simulation) => before === undefined || isInState(simulation, before.step, 'Running') },
  };
}

const takesOver: StoryEvent = {
  what: 'ana takes over',
  when: ({ store, world }) => {
    const status = store.runs.at(-1)?.status;
    if (store.runs.length < 2 || status?.phase !== 'AwaitingDecision') return false;
    return world.clock.now() - parseInstant(status.failure?.at ?? '') >= 30_000;
  },
  act: (simulation) => say(simulation, { choice: 'Abort' }),
};

export const rowStories: readonly Story[] = [
  ...storiesOf('rolling', rollingRows),
  ...storiesOf('downtime', downtimeRows),
  ...unmendedRows.map(unmendedStory),
];
