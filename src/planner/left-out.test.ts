import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { majorSetting } from '../../test/simulation/major.ts';
import { setting } from '../../test/simulation/story.ts';
import type { StepEntry, UpgradeRunSpec } from '../api/upgrade-run.ts';
import { planRun } from '../simulation/set-controller.ts';
import { must } from '../simulation/world.ts';
import { decide } from './decide.ts';
import type { Move } from './move.ts';
import type { MemberState, Observed } from './observed.ts';

const minuteMs = 60_000;
const began = Date.UTC(2026, 11, 5, 20);

interface Asked {
  readonly handles?: Readonly<Record<string, string>>;
  readonly foreign?: string;
  /** Undefined: the pool does not answer. */
  readonly state?: MemberState | undefined;
  readonly minutes?: number;
  /** Held, and not drained yet. */
  readonly onlyHeld?: boolean;
  readonly outcome?: 'Pending' | 'Running' | 'Failed';
}

const plans = {
  rolling: setting(),
  downtime: majorSetting(),
};

/** Web-1 is drained for the test of the other group, in which the run is aborted (or which has failed). */
function ask(spec: UpgradeRunSpec, asked: Asked): Move {
  const { handles = {}, foreign = '', minutes = 0, outcome = 'Running' } = asked;
  const end = spec.steps.findIndex(({ id }) => id === 'g1-others');
  const finished = new Date(began).toISOString();
  const entries = spec.steps.slice(0, end + 1).map(({ id }, index): StepEntry => ({
    id,
    state: index === end ? outcome : 'Succeeded',
    attempt: index === end && outcome === 'Pending' ? 0 : 1,
    operation: `uid/${id}/1`,
    ...(index === end && outcome !== 'Failed' ? {} : { finished }),
    ...(index === 0
      ? { handles: asked.onlyHeld === true ? handles : { 'drained/web/web-1': 'ours', ...handles } }
      : {}),
  }));
  const connections = { known: true, value: 0 } as const;
  const members = [{ member: 'web-1', state: asked.state ?? 'Unknown', connections, foreign, detail: '', held: true }];
  const reachable = asked.state === undefined ? { known: false, why: 'no answer' } : { known: true, value: true };
  const pool = { pool: 'web', canHold: true, reachable, members, minServing: 1, settleMs: 0, countsConnections: true };
  const empty = new Map();
  return decide({
    run: { name: 'portal-1', uid: 'uid', spec },
    entries,
    observed: { pools: new Map([['web', pool]]), groups: empty, workloads: empty } as unknown as Observed,
    decisions: [],
    intent: { paused: false, ...(outcome === 'Failed' ? {} : { end: 'Abort' }) },
    now: began + minutes * minuteMs,
    consumedMs: 0,
  });
}

const since = { 'returning/g1-others/1': new Date(began).toISOString() };

describe('an intact group that is out when the run ends', () => {
  for (const [procedure, told] of Object.entries(plans)) {
    const spec = planRun(told, must(told.objects.sets[0], 'set'));

    it(`S-07 ${procedure}: is put back first, and since when that is asked is written down before`, () => {
      const noted = ask(spec, { state: 'Drained' });
      assert.ok(noted.kind === 'record');
      assert.deepEqual(noted.record, since);
      const back = ask(spec, { state: 'Drained', handles: since });
      assert.equal(back.kind === 'act' ? back.effect.kind : back.kind, 'ServeMember');
    });

    it(`S-07 ${procedure}: is let go of where the end comes between the hold and the drain`, () => {
      const pools = spec.pools.map((pool) => ({ ...pool, driver: 'service' as const }));
      const back = ask({ ...spec, pools }, { state: 'Serving', onlyHeld: true, handles: since });
      assert.equal(back.kind === 'act' ? back.effect.kind : back.kind, 'ServeMember');
    });

    it(`S-17 ${procedure}: that it is not taken back is shown after a minute`, () => {
      const slow = ask(spec, { state: 'Drained', handles: since, minutes: 1 });
      assert.equal(slow.kind === 'act' ? slow.held?.reason : slow.kind, 'PoolNotFollowing');
    });

    for (const outcome of ['Running', 'Failed'] as const) {
      for (const state of ['Drained', undefined] as const) {
        it(`design 5.8 ${procedure}: is left out by name after five minutes (${outcome}, ${state ?? 'no answer'})`, () => {
          const before = ask(spec, { state, handles: since, minutes: 4.9, outcome });
          assert.equal(before.kind, state === undefined ? 'wait' : 'act');
          const after = ask(spec, { state, handles: since, minutes: 5, outcome });
          assert.ok(after.kind === 'record');
          assert.deepEqual(after.record, { 'left-out/web/web-1': 'yes' });
        });
      }
    }

    it(`S-07 ${procedure}: is put back without beginning the step that a pause has left pending`, () => {
      const paused = { 'returning/g1-others/0': new Date(began).toISOString() };
      const back = ask(spec, { state: 'Drained', handles: paused, outcome: 'Pending' });
      assert.ok(back.kind === 'act');
      const before = spec.steps.findIndex(({ id }) => id === 'g1-others') - 1;
      assert.deepEqual([back.effect.kind, back.step], ['ServeMember', spec.steps[before]?.id]);
    });

    it(`S-16 ${procedure}: is not put back where a person has taken it out meanwhile`, () => {
      const left = ask(spec, { state: 'Drained', foreign: 'maint set by somebody', handles: since });
      assert.ok(left.kind !== 'act' || left.effect.kind !== 'ServeMember');
    });
  }
});
