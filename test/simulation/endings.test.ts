/** Ways to end a run before its time: abort, delete, supersede at every step; and what must not go on afterwards. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Step, UpgradeRunStatus } from '../../src/api/upgrade-run.ts';
import { isEnded } from '../../src/status/summarize-run.ts';
import { setInstance } from '../../src/simulation/pools.ts';
import { planRun } from '../../src/simulation/set-controller.ts';
import type { Simulation, StoryEvent } from '../../src/simulation/simulation.ts';
import { must } from '../../src/simulation/world.ts';
import { shownVersions } from './checks.ts';
import { decide, editSet, play, runNamed, setting, signsOff, whenStep, type Ended, type Told } from './story.ts';

const quick = { signOff: 'NotRequired', rollback: { policy: 'Automatic', onServed: 'KeepData' } } as const;

const steps: readonly Step[] = planRun(
  setting({ set: quick }),
  must(setting({ set: quick }).objects.sets[0], 'set'),
).steps;
const begun = steps.filter((step) => step.skip === undefined && step.action !== 'Configure').map((step) => step.id);

function phases({ result }: Ended): string[] {
  return result.runs.map((run) => run.status?.phase ?? '');
}

function deleteSets({ objects, world }: Simulation): void {
  for (const set of objects.sets) set.metadata.deletionTimestamp = new Date(world.clock.now()).toISOString();
}

async function endedAt(id: string, what: string, act: (simulation: Simulation) => void): Promise<Ended> {
  const ended = await play({
    tell: (): Told => ({ ...setting({ set: quick }), events: [whenStep(id, 'Running', what, act)] }),
  });
  const last = ended.result.timeline.lines().slice(-25).join('\n');
  assert.deepEqual(ended.result.violations, [], last);
  assert.ok(
    ended.result.runs.every((run) => isEnded(run.status?.phase)),
    last,
  );
  return ended;
}

/** One version everywhere: nothing is left half. */
function assertWhole(ended: Ended): void {
  const versions = [...new Set(shownVersions(ended.world))];
  const completed = phases(ended).includes('Completed');
  assert.deepEqual(versions, [completed ? '1.2.0' : '1.1.0'], ended.result.timeline.lines().slice(-25).join('\n'));
}

describe('S-07: an abort at each kind of step leaves everything as it was', () => {
  for (const id of begun) {
    it(`S-07: aborted in ${id}`, async () =>
      assertWhole(await endedAt(id, 'ana aborts', (simulation) => decide(simulation, { choice: 'Abort' }))));
  }

  it('S-07: nothing retries by itself after an abort, and a new package proceeds', async () => {
    const ended = await play({
      tell: () => ({
        ...setting({ packages: ['1.1.0', '1.2.0', '1.3.0'], set: quick }),
        events: [
          whenStep('g1-upgrade', 'Running', 'ana aborts', (simulation) => decide(simulation, { choice: 'Abort' })),
          {
            what: 'the set asks for 1.3.0',
            atMs: 3_600_000,
            act: (simulation) => editSet(simulation, { package: 'portal-1.3.0' }),
          },
        ],
      }),
    });
    assert.deepEqual(ended.result.violations, []);
    const made = ended.result.runs.map((run) => [
      run.spec.package,
      run.spec.purpose,
      (run.metadata.creationTimestamp ?? '') < '2026-12-05T20:59',
    ]);
    assert.deepEqual(made, [
      ['portal-1.2.0', 'Upgrade', true],
      ['portal-1.2.0', 'Rollback', true],
      ['portal-1.3.0', 'Upgrade', false],
    ]);
    assert.deepEqual([...new Set(shownVersions(ended.world))], ['1.3.0']);
  });
});

describe('S-12: the set is deleted at each kind of step', () => {
  for (const id of begun) {
    it(`S-12: deleted in ${id}`, async () => assertWhole(await endedAt(id, 'the set is deleted', deleteSets)));
  }

  it('S-12: it ends within finalizeTimeout although the pool cannot be reached, and hands over by name', async () => {
    const ended = await play({
      tell: () => {
        const told = setting({ set: { ...quick, finalizeTimeout: '10m' } });
        // Nobody can put anything back, so the promise about the end is kept by naming it.
        told.world.promises.mayInterrupt = true;
        return {
          ...told,
          events: [
            whenStep('g1-isolated', 'Running', 'the load balancer goes away and the set is deleted', (simulation) => {
              setInstance(simulation.world, 'web', 0, false);
              deleteSets(simulation);
            }),
          ],
        };
      },
    });
    const named = ended.result.runs.flatMap((run) => run.status?.handedOver ?? []).map((handover) => handover.object);
    assert.deepEqual(
      [[...new Set(named)], ended.result.elapsedMs < 15 * 60_000],
      [['pool/web/web-1'], true],
      ended.result.timeline.lines().slice(-20).join('\n'),
    );
    assert.ok(ended.result.runs.every((run) => isEnded(run.status?.phase)));
  });
});

describe('S-04: a newer package arrives at each kind of step', () => {
  for (const id of begun) {
    it(`S-04: superseded in ${id}`, async () => {
      const ended = await play({
        tell: () => ({
          ...setting({ packages: ['1.1.0', '1.2.0', '1.3.0'], set: quick }),
          events: [
            whenStep(id, 'Running', 'the set asks for 1.3.0', (simulation) =>
              editSet(simulation, { package: 'portal-1.3.0' }),
            ),
          ],
        }),
      });
      const last = ended.result.timeline.lines().slice(-30).join('\n');
      assert.deepEqual(ended.result.violations, [], last);
      assert.deepEqual([...new Set(shownVersions(ended.world))], ['1.3.0'], last);
    });
  }
});

describe('pausing', () => {
  for (const id of begun) {
    it(`S-06: paused for a day in ${id}, it goes on where it was and fails no deadline`, async () => {
      const ended = await play({
        tell: () => ({
          ...setting({ set: quick }),
          events: [
            whenStep(id, 'Running', 'paused', (simulation) => editSet(simulation, { paused: true })),
            { what: 'it goes on', atMs: 24 * 3_600_000, act: (simulation) => editSet(simulation, { paused: false }) },
          ],
          limitMs: 48 * 3_600_000,
        }),
      });
      const last = ended.result.timeline.lines().slice(-25).join('\n');
      assert.deepEqual([phases(ended), ended.result.violations], [['Completed'], []], last);
      const isolated = ended.world.calls.filter(
        (call) => call.kind === 'RunProbes' && call.target.endsWith('Isolated'),
      ).length;
      assert.ok(isolated >= 2, 'a group was not tested in isolation');
    });
  }
});

describe('a lost journal', () => {
  it('design 5.9: an empty journal on workloads that the run has stamped stalls, it never starts again at step 1', async () => {
    const ended = await play({
      tell: () => ({
        ...setting({ set: quick }),
        events: [
          whenStep('g1-start', 'Running', 'the cluster is restored from an older copy', ({ store }) =>
            store.loseJournal('portal-1'),
          ),
        ],
      }),
    });
    const run = ended.result.runs[0];
    const changes = ended.world.calls.filter(
      (call) => call.kind === 'ApplyImages' || call.kind === 'CreateSnapshot',
    ).length;
    assert.deepEqual(
      [run?.status?.conditions?.find((condition) => condition.type === 'Stalled')?.reason, changes],
      ['JournalLost', 2],
    );
  });

  const signs =
    'the journal was restored from a backup, or somebody did that by hand; compare the objects with it, then abort';

  function whenIn(run: string, id: string, what: string, act: (simulation: Simulation) => void): StoryEvent {
    return {
      what,
      when: ({ store }) =>
        store.runs
          .find((candidate) => candidate.metadata.name === run)
          ?.status?.steps.some((entry) => entry.id === id && entry.state === 'Running') === true,
      act,
    };
  }

  /** What `run` says whose journal is set back to what it was in `at` as soon as `until` begins, and the calls since. */
  async function setBack(run: string, at: string, until: string, more: Partial<Told> = {}): Promise<unknown> {
    let older: UpgradeRunStatus | undefined;
    let callsBefore = 0;
    const ended = await play({
      tell: () => ({
        ...setting({ set: quick }),
        ...more,
        events: [
          whenIn(run, at, 'a backup is made', ({ store }) => {
            older = store.get(run).status;
          }),
          whenIn(run, until, 'the runs are restored from it', ({ store, world }) => {
            store.loseJournal(run, older);
            callsBefore = world.calls.length;
          }),
        ],
      }),
    });
    const failure = runNamed(ended, run).status?.failure;
    return [failure?.reason, failure?.message, ended.world.calls.slice(callsBefore).map((call) => call.kind)];
  }

  it('design 5.9: a journal from before anything was stopped stalls, and nothing more is changed', async () => {
    assert.deepEqual(await setBack('portal-1', 'preflight', 'g1-start'), [
      'JournalLost',
      `StatefulSet/web-1 was changed by run-portal-1/g1-start/1, and the journal knows 0 attempts of g1-start: ${signs}`,
      [],
    ]);
  });

  it('design 5.9: a journal from before the group was stopped stalls, and nothing more is changed', async () => {
    assert.deepEqual(await setBack('portal-1', 'g1-drain', 'g1-snapshot'), [
      'JournalLost',
      `StatefulSet/web-1 was changed by run-portal-1/g1-stop/1, and the journal knows 0 attempts of g1-stop: ${signs}`,
      [],
    ]);
  });

  it('design 5.9: a journal from before a group that serves again by now stalls, and nothing more is changed', async () => {
    assert.deepEqual(await setBack('portal-1', 'g1-drain', 'g2-drain'), [
      'JournalLost',
      `StatefulSet/web-1 was changed by run-portal-1/g1-start/1, and the journal knows 0 attempts of g1-start: ${signs}`,
      [],
    ]);
  });

  it('design 5.9: a rollback whose journal is from before its restore stalls, and nothing more is changed', async () => {
    const fail = ['probe:login@group-1'];
    assert.deepEqual(await setBack('portal-1-back', 'g1-stop', 'g1-start', { fail }), [
      'JournalLost',
      `StatefulSet/web-1 was changed by run-portal-1-back/g1-start/1, and the journal knows 0 attempts of g1-start: ${signs}`,
      [],
    ]);
  });

  it('design 5.9: a lock of another run stalls the run, and nothing more is changed', async () => {
    let callsBefore = 0;
    const ended = await play({
      tell: () => ({
        ...setting({ set: quick }),
        events: [
          whenStep('g1-snapshot', 'Running', 'web-1 is locked by another run', ({ world }) => {
            must(world.workloads.get('StatefulSet/web-1'), 'web-1').lockedBy = 'run-other';
            callsBefore = world.calls.length;
          }),
        ],
      }),
    });
    const failure = ended.result.runs[0]?.status?.failure;
    assert.deepEqual(
      [failure?.reason, failure?.message, ended.world.calls.length],
      ['JournalLost', `StatefulSet/web-1 is locked by run run-other and should be by this run: ${signs}`, callsBefore],
    );
  });
});

describe('at rest', () => {
  it('S-40: a run that has ended costs no write and no call, whatever time passes', async () => {
    const told = { ...setting(), events: [signsOff] };
    const ended = await play({ tell: () => told });
    const before = [ended.simulation.store.writes, ended.world.calls.length];
    ended.world.clock.advanceTo(ended.world.clock.now() + 24 * 3_600_000);
    await ended.simulation.run();
    assert.deepEqual([ended.simulation.store.writes, ended.world.calls.length], before);
  });

  it('S-40: a run that waits for a sign-off writes nothing while it waits', async () => {
    const ended = await play({ tell: () => ({ ...setting(), limitMs: 3_600_000 }) });
    const writes = ended.simulation.store.writes;
    const later = await play({ tell: () => ({ ...setting(), limitMs: 24 * 3_600_000 }) });
    assert.equal(later.simulation.store.writes, writes);
  });
});

describe('S-39: conditions agree with the phase in every state', () => {
  it('S-39: exactly the ends are without Reconciling, and only good ends are Ready', async () => {
    const seen = new Map<string, string>();
    for (const fail of [
      [],
      ['probe:login@group-1'],
      ['probe:login@group-1:old'],
      ['probe:login@group-1:any:isolated'],
    ]) {
      const ended = await play({ tell: () => ({ ...setting(), events: [signsOff], fail }) });
      for (const run of ended.result.runs) {
        const status = (type: string): string =>
          run.status?.conditions?.find((condition) => condition.type === type)?.status ?? 'absent';
        seen.set(
          run.status?.phase ?? '',
          `Ready=${status('Ready')} Reconciling=${status('Reconciling')} Stalled=${status('Stalled')}`,
        );
      }
    }
    assert.deepEqual(Object.fromEntries([...seen].toSorted(([a], [b]) => (a < b ? -1 : 1))), {
      AwaitingDecision: 'Ready=False Reconciling=False Stalled=True',
      Completed: 'Ready=True Reconciling=False Stalled=False',
      Failed: 'Ready=False Reconciling=False Stalled=True',
      RolledBack: 'Ready=True Reconciling=False Stalled=False',
      RollingBack: 'Ready=False Reconciling=True Stalled=False',
    });
  });
});
