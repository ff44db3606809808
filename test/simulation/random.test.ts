/**
 * Stories nobody wrote: random topologies, faults, kills, decisions and changes by others, all drawn from one seed. What
 * must hold is every invariant at every instant, and an end that is one, or a question to a person.
 *
 * `RANDOM_SEED=N` tells that one story alone, `RANDOM_SECONDS=N` goes on for so long (default 20, with `CI` 40). For hours:
 * `npm run bench -- stories`.
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { describe, it } from 'node:test';
import { isServing, personSets, setInstance } from '../../src/simulation/pools.ts';

import { doAsAttested } from '../../src/rehearsal/attested.ts';
import { crashPlan } from '../../src/simulation/process.ts';
import { seededRandom, type Random } from '../../src/simulation/random.ts';
import type { Simulation, StoryEvent } from '../../src/simulation/simulation.ts';
import { provenKey, type World } from '../../src/simulation/world.ts';
import type { UpgradeRun, UpgradeRunStatus } from '../../src/api/upgrade-run.ts';
import { formatInstant } from '../../src/shared/instant.ts';
import { isEnded } from '../../src/status/summarize-run.ts';
import { database, decision } from '../builders/objects.ts';
import { majorSetting, minorSetting } from './major.ts';
import { decide, play, setting, type Told } from './story.ts';

const minuteMs = 60_000;
/** When every story begins. */
const storyStart = Date.UTC(2026, 11, 5, 20);
const seconds = Number(process.env['RANDOM_SECONDS'] ?? (process.env['CI'] === undefined ? '20' : '40'));

interface Drawn {
  readonly told: Told;
  readonly crashes: readonly number[];
  /** In words, for whoever has to understand a failure. */
  readonly words: readonly string[];
}

function draw(seed: number): Drawn {
  const random = seededRandom(seed);
  const oneOf = <T>(...items: readonly T[]): T => items[Math.floor(random() * items.length)] ?? assert.fail();
  const groups = oneOf(2, 2, 3, 4);
  const kind = oneOf('rolling', 'minor', 'major', 'major');
  const onServed = oneOf('Ask', 'KeepData', 'DiscardWrites');
  const policy = oneOf('Automatic', 'Automatic', 'RequireApproval');
  const rollback = { policy, onServed } as const;
  const scene =
    kind === 'rolling'
      ? setting({
          groups,
          pool: oneOf('haproxy', 'service'),
          endpoints: oneOf(1, 2),
          set: { signOff: 'NotRequired', rollback },
        })
      : (kind === 'minor' ? minorSetting : majorSetting)({ groups, policy, onServed });
  const byPeople = kind === 'major' && random() < 0.3;
  if (byPeople)
    scene.objects.databases = [
      database('portal-db', {
        backup: { takenBy: 'People', estimate: '10m' },
        ...(random() < 0.5 ? { restore: undefined } : {}),
      }),
    ];
  const people = byPeople ? [doesAsAsked(random, 'backup-last'), doesAsAsked(random, 'database')] : [];
  // What a person gives up, or has allowed beforehand, is not lost silently.
  scene.world.promises.mayLose = true;
  const until = untilOf(random);
  if (until !== undefined) Object.assign(scene.objects.sets[0]?.spec ?? {}, { schedule: { until } });
  const fail = random() < 0.6 ? [faultOf(random, kind, groups)] : [];
  const events = Array.from({ length: Math.floor(random() * 4) }, () => eventOf(random, groups));
  const crashes = Array.from({ length: Math.floor(random() * 4) }, () => 1 + Math.floor(random() * 120));
  return {
    told: {
      ...scene,
      fail,
      events: [...events, ...people, answers(random), ...triesAgain(random)],
      limitMs: 120 * minuteMs,
    },
    crashes,
    words: [
      `${kind}, ${groups} groups, ${policy}, ${onServed}${byPeople ? ', people take the backup' : ''}`,
      `fails: ${fail.join(', ')}; agreed until ${until ?? 'whenever'}`,
      `killed at: ${crashes.join(', ')}`,
      ...events.map((event) => `${(event.atMs ?? 0) / 1000} s: ${String(event.what)}`),
    ],
  };
}

function faultOf(random: Random, kind: string, groups: number): string {
  const group = `group-${1 + Math.floor(random() * groups)}`;
  const all = [`probe:login@${group}`, `probe:login@${group}:silent`, `start@${group}`, `snapshot@${group}`];
  if (kind === 'major')
    all.push(
      'database:migrate',
      'database:migrate:lost',
      'database:migrate:unknown',
      'database:backup',
      'database:verify',
    );
  return all[Math.floor(random() * all.length)] ?? '';
}

/** Something that people or clusters do, at a random time. */
function eventOf(random: Random, groups: number): StoryEvent {
  const atMs = Math.floor(random() * 4 * minuteMs);
  const member = `web-${1 + Math.floor(random() * groups)}`;
  const set = (simulation: Simulation) => simulation.objects.sets[0] ?? assert.fail();
  const all: readonly StoryEvent[] = [
    {
      atMs,
      what: 'ana aborts',
      act: (simulation) => simulation.store.runs.length > 0 && decide(simulation, { choice: 'Abort' }),
    },
    { atMs, what: 'paused', act: (simulation) => void (set(simulation).spec.paused = true) },
    { atMs: atMs + 2 * minuteMs, what: 'goes on', act: (simulation) => void (set(simulation).spec.paused = false) },
    { atMs, what: 'the API server is away', act: ({ world }) => loseApiServer(world) },
    {
      atMs,
      what: 'the load balancer restarts and forgets',
      act: ({ world }) => {
        setInstance(world, 'web', 0, false);
        setInstance(world, 'web', 0, true);
      },
    },
    { atMs, what: `somebody drains ${member}`, act: ({ world }) => personSets(world, 'web', member, 'drain') },
    {
      atMs,
      what: 'the set is deleted',
      act: (simulation) =>
        void (set(simulation).metadata.deletionTimestamp = new Date(simulation.world.clock.now()).toISOString()),
    },
  ];
  return all[Math.floor(random() * all.length)] ?? assert.fail();
}

/** A person who answers at some time, with one of the choices that are offered. */
function answers(random: Random): StoryEvent {
  const [pick, refuses] = [random(), random() < 0.1];
  const patienceMs = Math.floor(random() * 10 * minuteMs);
  let since = Number.POSITIVE_INFINITY;
  return {
    what: 'ana answers',
    when: ({ store, world }) => {
      const { phase, choices = [] } = store.runs.at(-1)?.status ?? {};
      const asked = phase === 'AwaitingDecision' && choices.some(({ choice }) => isPlain(choice));
      since = asked ? Math.min(since, world.clock.now()) : Number.POSITIVE_INFINITY;
      return asked && world.clock.now() - since >= patienceMs;
    },
    act: (simulation) => {
      const choices = simulation.store.runs.at(-1)?.status?.choices ?? [];
      const chosen = choices[Math.floor(pick * choices.length)];
      if (chosen === undefined) return;
      const { choice, method, data } = chosen;
      if (!isPlain(choice)) return;
      decide(simulation, {
        choice,
        // A refusal of the way back is a word too.
        ...(choice === 'Rollback' && refuses ? { verdict: 'Denied' } : {}),
        ...(method === undefined ? {} : { method }),
        ...(data === undefined ? {} : { data }),
      });
    },
  };
}

/** People who do what a step asks for, or will not, after some time. */
function doesAsAsked(random: Random, step: 'backup-last' | 'database'): StoryEvent {
  const verdict = random() < 0.15 ? 'Denied' : 'Approved';
  const patienceMs = Math.floor(random() * 10 * minuteMs);
  let since = Number.POSITIVE_INFINITY;
  return {
    what: `ben does what ${step} asks for, ${verdict}`,
    when: ({ store, world }) => {
      const choices = store.runs.at(-1)?.status?.choices ?? [];
      const asked = choices.some((one) => one.choice === 'Attest' && one.step === step);
      since = asked ? Math.min(since, world.clock.now()) : Number.POSITIVE_INFINITY;
      return asked && world.clock.now() - since >= patienceMs;
    },
    act: (simulation) => {
      const word = { choice: 'Attest', step, verdict, evidence: 'vault/42' } as const;
      doAsAttested(simulation.world, simulation.store.runs.at(-1) ?? assert.fail(), word);
      decide(simulation, word);
    },
  };
}

type PlainChoice = 'Rollback' | 'Resume' | 'Restart' | 'Abort' | 'SignOff';

/** Nothing is to be named beyond what the choice says. */
function isPlain(choice: string): choice is PlainChoice {
  return ['Rollback', 'Resume', 'Restart', 'Abort', 'SignOff'].includes(choice);
}

/** Somebody tries again what has ended without success. */
function triesAgain(random: Random): StoryEvent[] {
  if (random() < 0.5) return [];
  return [
    {
      what: 'ben tries again',
      when: ({ store }) =>
        store.runs.length > 0 &&
        store.runs.every(({ status }) => isEnded(status?.phase)) &&
        store.runs[0]?.status?.phase !== 'Completed',
      act: ({ store }) => {
        const run = store.runs.findLast(({ spec }) => spec.purpose === 'Upgrade') ?? assert.fail();
        const { name } = run.metadata;
        store.decide(decision(name, { planHash: run.spec.planHash, choice: 'Retry' }));
      },
    },
  ];
}

/** The end that is agreed, if any: before the upgrade is done, in the middle of a question, or much later. */
function untilOf(random: Random): string | undefined {
  if (random() < 0.5) return undefined;
  return formatInstant(storyStart + Math.floor(random() * 150) * minuteMs);
}

function loseApiServer(world: World): void {
  world.faults.apiDown = true;
  world.clock.setTimer(() => {
    world.faults.apiDown = false;
  }, minuteMs / 2);
}

async function tell(seed: number): Promise<string> {
  const drawn = draw(seed);
  // Users cannot be spared while the only load balancer restarts, or where a person takes the last member out.
  if (drawn.words.some((word) => /restarts and forgets|somebody drains/.test(word)))
    Object.assign(drawn.told.world.promises, { mayInterrupt: true, mayServeUnproven: true, mayCut: true });
  try {
    const { result, world } = await play(
      { tell: () => drawn.told },
      { seed, crash: crashPlan(drawn.crashes), validates: false },
    );
    const byPerson = drawn.words.some((word) => word.includes('somebody drains'));
    const stuck = result.runs.filter(
      ({ status }) => !isEnded(status?.phase) && !isAsking(status) && !(byPerson && isHeldDrain(status)),
    );
    // A restart also forgets what a person said, and the end may come before the members are back.
    const forgets = drawn.words.some((word) => word.includes('restarts and forgets'));
    const kept = result.violations.filter(
      (violation) => !forgets || !/^(everybodyServes|personsWordHolds)/.test(violation),
    );
    const why = [
      ...kept,
      ...strangersIn(world, forgets ? leftToPeople(result.runs, drawn.words) : new Set()),
      ...result.runs.flatMap(({ metadata, status }) =>
        (status?.choices ?? [])
          .filter(({ estimate }) => estimate === undefined)
          .map(({ choice }) => `${metadata.name}: nobody knows how long ${choice} takes`),
      ),
      ...stuck.map((run) => `${run.metadata.name} is ${run.status?.phase ?? 'new'}`),
    ];
    if (why.length === 0) return '';
    return `RANDOM_SEED=${seed}\n${drawn.words.join('\n')}\n${why.join('\n')}\n${result.timeline.lines().slice(-30).join('\n')}`;
  } catch (error) {
    return `RANDOM_SEED=${seed}\n${drawn.words.join('\n')}\n${error instanceof Error ? error.stack : String(error)}`;
  }
}

/**
 * Groups that were handed over, and members that a person had taken out: what a load balancer forgets of them, nobody
 * tells it again.
 */
function leftToPeople(runs: readonly UpgradeRun[], words: readonly string[]): ReadonlySet<string> {
  const groups = runs.flatMap(({ status }) => (status?.handedOver ?? []).flatMap(({ group }) => group ?? []));
  return new Set([...groups, ...words.flatMap((word) => /somebody drains (\S+)/.exec(word)?.[1] ?? [])]);
}

/** Whatever happened in between: at the end no release serves that has not passed its tests. */
function strangersIn(world: World, excused: ReadonlySet<string>): string[] {
  return [...world.pools.values()].flatMap((pool) =>
    pool.members.flatMap((member) => {
      const workload = world.workloads.get(member.workload);
      if (!pool.canHold || workload === undefined || !isServing(world, pool, member)) return [];
      if (excused.has(workload.group) || excused.has(member.member)) return [];
      const strange = workload.pods.some((pod) => !world.traffic.proven.has(provenKey(workload, pod.template)));
      return strange ? [`${member.member} serves a release that passed no test`] : [];
    }),
  );
}

/** Waits for a person: for a decision, a check, or while a member or a pause of theirs stands in the way. */
function isAsking(status: UpgradeRunStatus | undefined): boolean {
  const { phase, blockers = [] } = status ?? {};
  if (phase === 'Preflight') return blockers.some(({ type }) => type === 'Preflight');
  return phase === 'AwaitingDecision' || phase === 'RollingBack' || phase === 'Paused';
}

/** The policy Hold asks whoever took the member out: where one process forgot that, users still come. */
function isHeldDrain(status: UpgradeRunStatus | undefined): boolean {
  return (status?.blockers ?? []).some(({ type }) => type === 'Drain');
}

describe('random stories', () => {
  const only = process.env['RANDOM_SEED'];
  const first = only === undefined ? randomInt(1, 2 ** 30) : Number(only);
  it(`design 5: every invariant holds at every instant, whatever happens (first seed ${first})`, async () => {
    const until = performance.now() + seconds * 1000;
    let told = 0;
    const failures: string[] = [];
    for (let seed = first; failures.length < 3; seed += 1) {
      const failure = await tell(seed);
      told += 1;
      if (failure !== '') failures.push(failure);
      if (only !== undefined || performance.now() > until) break;
    }
    console.log(`random stories: ${told} from seed ${first}`);
    assert.equal(failures.length, 0, failures.join('\n\n'));
  });
});
