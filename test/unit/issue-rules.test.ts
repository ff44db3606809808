/** What is asked after a failure with how much of the agreed window left, and when another run follows an ended one. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nothingObserved } from '../builders/observed.ts';
import type { Decision } from '../../src/api/decision.ts';
import type { StepEntry, UpgradeRun, UpgradeRunSpec } from '../../src/api/upgrade-run.ts';
import { estimateOf, estimateOfWayBack } from '../../src/planner/estimate.ts';
import { decideAfterFailure } from '../../src/planner/failure.ts';
import { decideFollowUp, followsAnnotation, type FollowUp } from '../../src/planner/follow-up.ts';
import type { Move } from '../../src/planner/move.ts';
import { ask } from '../../src/planner/question.ts';
import { whyNoRestart, windowWarning } from '../../src/planner/window.ts';
import { formatInstant } from '../../src/shared/instant.ts';
import { planRun } from '../../src/simulation/set-controller.ts';
import { must } from '../../src/simulation/world.ts';
import { decision, upgradeSet } from '../builders/objects.ts';
import { majorSetting } from '../simulation/major.ts';
import { setting } from '../simulation/story.ts';

const minuteMs = 60_000;
const now = Date.UTC(2026, 11, 5, 20, 30);

/** @param leftMs of the agreed window, from now; undefined: none was agreed */
function specWith(
  leftMs: number | undefined,
  rollback: Partial<UpgradeRunSpec['policy']['rollback']> = {},
): UpgradeRunSpec {
  const told = setting({ set: { rollback: { policy: 'RequireApproval', ...rollback } } });
  const spec = planRun(told, must(told.objects.sets[0], 'set'));
  return leftMs === undefined
    ? spec
    : { ...spec, policy: { ...spec.policy, schedule: { until: formatInstant(now + leftMs) } } };
}

/** Everything up to this step was done, and it has failed. */
function failedEntries(spec: UpgradeRunSpec, failed = 'g1-isolated'): StepEntry[] {
  const at = spec.steps.findIndex(({ id }) => id === failed);
  return spec.steps.slice(0, at + 1).map(({ id }, index) => ({
    id,
    state: index < at ? 'Succeeded' : 'Failed',
    attempt: 1,
    operation: `run/${id}/1`,
    finished: formatInstant(now),
    message: index < at ? '' : 'login: status 500',
  }));
}

function questionAt(spec: UpgradeRunSpec, at = now): Extract<Move, { kind: 'await' }> {
  const entries = failedEntries(spec);
  const step = must(
    spec.steps.find(({ id }) => id === 'g1-isolated'),
    'step',
  );
  const move = ask({
    run: { name: 'portal-1', uid: 'run', spec },
    entries,
    current: { step, entry: must(entries.at(-1), 'entry') },
    isCertain: true,
    denied: undefined,
    observed: nothingObserved(now),
    decisions: [],
    intent: { paused: false },
    now: at,
    consumedMs: 0,
  });
  assert.ok(move.kind === 'await');
  return move;
}

const choicesOf = (spec: UpgradeRunSpec, at = now): string[] =>
  questionAt(spec, at).choices.map(({ choice }) => choice);

describe('what is asked after a failure', () => {
  const hour = 60 * minuteMs;
  const cases: Readonly<Record<string, readonly [UpgradeRunSpec, string, readonly string[]]>> = {
    '001-125 A-16: exactly 60:00 left is not less': [specWith(hour), 'IssueReview', ['Resume', 'Restart', 'Rollback']],
    '001-125 A-16: 59:59 left is less: ways back first': [
      specWith(hour - 1_000),
      'AwaitingRollbackAuthorization',
      ['Rollback', 'Resume'],
    ],
    'A-16: the window is over': [specWith(-hour), 'AwaitingRollbackAuthorization', ['Rollback', 'Resume']],
    'another border was agreed': [
      specWith(hour, { authorizeBelow: '90m' }),
      'AwaitingRollbackAuthorization',
      ['Rollback', 'Resume'],
    ],
    'no end was agreed': [specWith(undefined), 'AwaitingRollbackAuthorization', ['Resume', 'Restart', 'Rollback']],
    'the policy Automatic has said it before': [
      specWith(minuteMs, { policy: 'Automatic' }),
      'WritesAtStake',
      ['Resume', 'Rollback'],
    ],
  };
  for (const [name, [spec, reason, choices]] of Object.entries(cases)) {
    it(name, () => assert.deepEqual([questionAt(spec).reason, choicesOf(spec)], [reason, choices]));
  }

  it('A-16: the question changes by itself at the border, and is looked at then', () => {
    const spec = specWith(2 * hour);
    const { afterMs = 0 } = questionAt(spec, now + 59 * minuteMs);
    assert.equal(afterMs, minuteMs + 1);
    assert.deepEqual(choicesOf(spec, now + hour), ['Resume', 'Restart', 'Rollback']);
    assert.deepEqual(choicesOf(spec, now + hour + 1), ['Rollback', 'Resume']);
    assert.equal(questionAt(specWith(-1)).afterMs, undefined);
  });

  it('001-127: the words stay the same while the same choices are open, so that time alone writes nothing', () => {
    const spec = specWith(41 * minuteMs);
    assert.match(questionAt(spec).message, /41m left of the agreed window, .*: going back is advised/);
    assert.equal(questionAt(spec, now + 5 * minuteMs).message, questionAt(spec).message);
    assert.notEqual(questionAt(spec, now + 42 * minuteMs).message, questionAt(spec).message);
  });

  it('says of every choice how long it takes: the rest, the way back, or both and all steps', () => {
    const spec = specWith(undefined);
    const entries = failedEntries(spec);
    const back = estimateOfWayBack({ run: { name: 'portal-1', uid: 'run', spec }, entries }, 'Keep');
    const rest = estimateOf(spec.steps.slice(entries.length - 1));
    const wanted = [rest, back + estimateOf(spec.steps), back];
    const minutes = (text = ''): number => {
      const [, m = '0', , s = '0'] = /^(\d+)m((\d+)s)?$/.exec(text) ?? [];
      return Number(m) * minuteMs + Number(s) * 1_000;
    };
    assert.deepEqual(
      questionAt(spec).choices.map(({ estimate }) => minutes(estimate)),
      wanted,
    );
  });

  it('A-17: a restart needs the time for the way back and for all steps, to the millisecond', () => {
    const spec = specWith(3 * hour, { authorizeBelow: '1m' });
    const run = { run: { name: 'portal-1', uid: 'run', spec }, entries: failedEntries(spec) };
    const last = now + 3 * hour - estimateOfWayBack(run, 'Keep') - estimateOf(spec.steps);
    assert.equal(whyNoRestart(run, 'Keep', last), '');
    assert.match(whyNoRestart(run, 'Keep', last + 1), /^it needs \d+m.* to go back and \d+m.* for all steps again$/);
  });

  it('A-16: a window shorter than what is expected, and what is wanted for a problem, is warned of', () => {
    const neededMs = Math.max(20 * minuteMs, estimateOf(specWith(undefined).steps));
    const short = specWith(neededMs + hour);
    assert.equal(windowWarning(short, now), '');
    assert.match(windowWarning(short, now + 1), /agree on a longer window$/);
    const automatic = specWith(neededMs, { policy: 'Automatic' });
    assert.equal(windowWarning(automatic, now), '');
    assert.match(windowWarning(automatic, now + 1), /may end after the window$/);
    assert.equal(windowWarning(specWith(undefined), now), '');
  });
});

describe('a word for a restart', () => {
  /** Group 2 fails after group 1 has served users on the new schema. */
  function decided(data: 'Keep' | 'Discard' | undefined, leftMs?: number, noted: Record<string, string> = {}): Move {
    const told = majorSetting({ policy: 'RequireApproval' });
    if (leftMs !== undefined) must(told.objects.sets[0], 'set').spec.schedule = { until: formatInstant(now + leftMs) };
    const spec = planRun(told, must(told.objects.sets[0], 'set'));
    const at = spec.steps.findIndex(({ id }) => id === 'g2-isolated');
    const handles = {
      'schema/before': '41',
      'schema/changed': 'operation',
      'schema/now': '42',
      'backup/handle': 'portal-db-1',
      'served/group-1': formatInstant(now - minuteMs),
      ...noted,
    };
    const entries = failedEntries(spec, 'g2-isolated').map((entry, index) =>
      index === at ? { ...entry, handles } : entry,
    );
    const word = {
      name: 'again',
      choice: 'Restart',
      approved: true,
      by: 'ana',
      reason: '',
      evidence: '',
      method: '',
      data,
    } as const;
    const about = { check: '', step: '', group: '', server: '', as: '', createdAt: now } as const;
    return decideAfterFailure(
      {
        run: { name: 'portal-1', uid: 'run', spec },
        entries,
        observed: nothingObserved(now),
        decisions: [{ ...word, ...about }],
        intent: { paused: false },
        now,
        consumedMs: 0,
      },
      { step: must(spec.steps[at], 'step'), entry: must(entries[at], 'entry') },
    );
  }

  it('001-123 S-29: is not heard where it would lose writes and does not say so', () => {
    assert.deepEqual([decided(undefined).kind, decided('Keep').kind], ['await', 'await']);
  });

  it('001-123: is written down, and then everything goes back for it', () => {
    const noted = { 'restart/decision': 'again' };
    const first = decided('Discard');
    assert.deepEqual(first.kind === 'record' ? first.record : first, noted);
    const then = decided('Discard', undefined, noted);
    assert.ok(then.kind === 'rollBack');
    const { data, next, authorisedBy } = then.order;
    assert.deepEqual([data, next, authorisedBy], ['Discard', 'Restart', 'ana']);
  });

  it('A-17: is not heard when there is too little time, but once it was heard in time it counts', () => {
    assert.equal(decided('Discard', 30 * minuteMs).kind, 'await');
    assert.equal(decided('Discard', 30 * minuteMs, { 'restart/decision': 'again' }).kind, 'rollBack');
  });
});

describe('whether another run follows one that has ended', () => {
  const set = upgradeSet();
  const hash = `sha256:${'0'.repeat(64)}`;

  function run(
    name: string,
    over: Partial<UpgradeRunSpec>,
    status: Partial<NonNullable<UpgradeRun['status']>>,
  ): UpgradeRun {
    return {
      apiVersion: 'belay.dev/v1alpha1',
      kind: 'UpgradeRun',
      metadata: { name, uid: name },
      spec: { ...specWith(undefined), planHash: hash, ...over },
      status: {
        observedGeneration: 1,
        epoch: 1,
        steps: [],
        phase: 'RolledBack',
        finished: formatInstant(now),
        ...status,
      },
    };
  }

  function word(choice: 'Retry' | 'Abort', on = 'portal-1', verdict: 'Approved' | 'Denied' = 'Approved'): Decision {
    return {
      ...decision(on, { choice, planHash: hash, verdict }),
      status: { observedGeneration: 1, phase: 'Accepted' },
    };
  }

  const ended = run('portal-1', {}, {});
  const back = (
    facts: Record<string, string>,
    phase: 'RolledBack' | 'Failed' | 'Running' = 'RolledBack',
  ): UpgradeRun => {
    const made = run('portal-1-back', { purpose: 'Rollback', previous: 'portal-1', facts }, { phase });
    if (phase === 'Running') delete made.status?.finished;
    return made;
  };
  const follows = (runs: readonly UpgradeRun[], decisions: readonly Decision[] = []): FollowUp | undefined =>
    decideFollowUp({ set, runs, decisions, now });
  const begin = (what: string): FollowUp => ({ kind: 'begin', follows: what });
  const restart = back({ next: 'Restart' });
  const retry = word('Retry');
  const next = {
    ...run('portal-2', {}, {}),
    metadata: { name: 'portal-2', annotations: { [followsAnnotation]: 'decision/portal-1-retry' } },
  };

  const cases: Readonly<Record<string, readonly [FollowUp | undefined, FollowUp | undefined]>> = {
    'S-07: nothing retries by itself': [follows([ended, back({})]), undefined],
    'S-08 001-124: one that went back is tried again for a word': [
      follows([ended, back({})], [retry]),
      begin('decision/portal-1-retry'),
    ],
    'S-08: so are one that failed and one that was cancelled': [
      follows([run('portal-1', {}, { phase: 'Cancelled' })], [retry]) ??
        follows([run('portal-1', {}, { phase: 'Failed' })], [retry]),
      begin('decision/portal-1-retry'),
    ],
    'S-08: a refusal is no word to go on': [follows([ended], [word('Retry', 'portal-1', 'Denied')]), undefined],
    'S-08: one word, one run': [follows([ended, next], [retry]), undefined],
    'S-08: one word, one run, whatever has become of that one': [
      follows([{ ...next, metadata: { ...next.metadata, name: 'portal-0' } }, ended], [retry]),
      undefined,
    ],
    'S-08: only the newest attempt is tried again': [follows([ended, run('portal-2', {}, {})], [retry]), undefined],
    'S-08: not while its way back runs': [follows([ended, back({}, 'Running')], [retry]), undefined],
    'S-08: not what is completed': [follows([run('portal-1', {}, { phase: 'Completed' })], [retry]), undefined],
    'S-04: not what is no longer asked for': [
      follows([run('portal-1', { package: 'portal-1.1.9' }, {})], [retry]),
      undefined,
    ],
    '001-123: a restart begins again once everything is back': [
      follows([ended, restart]),
      begin('upgraderun/portal-1-back'),
    ],
    '001-123: a restart whose way back failed begins nothing': [
      follows([run('portal-1', {}, { phase: 'Failed' }), back({ next: 'Restart' }, 'Failed')]),
      undefined,
    ],
    '001-123: another method has put it back: nothing begins': [
      follows([ended, restart, { ...back({}), metadata: { name: 'portal-1-back-2' } }]),
      undefined,
    ],
    '001-123: an abort takes the word back': [follows([ended, restart], [word('Abort')]), undefined],
    '001-123: nothing was changed: the note in the journal is enough': [
      follows([
        run(
          'portal-1',
          {},
          {
            phase: 'Failed',
            steps: [
              { id: 'g1-drain', state: 'Failed', attempt: 1, operation: '', handles: { 'restart/decision': 'again' } },
            ],
          },
        ),
      ]),
      begin('upgraderun/portal-1'),
    ],
  };
  for (const [name, [got, want]] of Object.entries(cases)) it(name, () => assert.deepEqual(got, want));

  it('A-17: not when it does not fit any more, by the end that is agreed now', () => {
    const neededMs = estimateOf(ended.spec.steps);
    const until = (ms: number) => upgradeSet({ schedule: { until: formatInstant(now + ms) } });
    const at = (ms: number) => decideFollowUp({ set: until(ms), runs: [ended], decisions: [retry], now });
    assert.deepEqual(at(neededMs), begin('decision/portal-1-retry'));
    const late = at(neededMs - 1);
    assert.match(
      late?.kind === 'tooLate' ? late.message : '',
      /^not started again: all steps need \d+m.*; .* left of the agreed window/,
    );
  });
});
