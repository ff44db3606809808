import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createManualClock } from '../../test/fakes/manual-clock.ts';
import { createMemoryClient } from '../../test/fakes/memory-client.ts';
import { upgradeRuns } from '../api/resources.ts';
import type { UpgradeRun, UpgradeRunStatus } from '../api/upgrade-run.ts';
import { upgradeRun } from '../status/fixture.test.ts';
import { createRunStore } from './run-store.ts';

/** What is told when the journal goes from one state to the next. */
async function told(before: UpgradeRun, change: Partial<UpgradeRunStatus>): Promise<string[]> {
  const notes: string[] = [];
  const client = createMemoryClient({ clock: createManualClock() });
  const stored = client.seed<UpgradeRun>(upgradeRuns, before);
  const store = createRunStore(client, {
    announce: (_, type, reason, __, note) => void notes.push(`${type} ${reason}: ${note}`),
  });
  assert.ok(stored.status !== undefined);
  await store.writeStatus(stored, { ...stored.status, ...change });
  return notes;
}

const ready = (reason: string, message: string): UpgradeRunStatus['conditions'] => [
  { type: 'Ready', status: 'False', reason, message, lastTransitionTime: '2026-12-05T20:00:00Z' },
];
const entry = (id: string, state: 'Running' | 'Succeeded' | 'Failed', message = '') => ({
  id,
  state,
  message,
  attempt: 1,
  operation: `uid-portal-1/${id}/1`,
});

describe('events of a run', () => {
  const running = upgradeRun('portal-1', [entry('g1-drain', 'Running')]);

  it('001-118: an issue is told as a warning: the step with its error, then what is open now, with who is served', async () => {
    const notes = await told(running, {
      phase: 'AwaitingDecision',
      steps: [entry('g1-drain', 'Failed', 'web-1 has 3 connections')],
      conditions: ready('IssueReview', 'create a Decision with choice Resume or Rollback'),
      service: { serving: ['group-1', 'group-2'], atStake: 'nothing' },
    });
    assert.deepEqual(
      notes.map((note) => note.split('. Service: ')[0]),
      [
        'Warning StepFailed: Drain group-1: web-1 has 3 connections',
        'Warning AwaitingDecision: create a Decision with choice Resume or Rollback',
      ],
    );
    assert.match(notes[1] ?? '', /\. Service: .*group-1, group-2/);
  });

  it('001-125: another question to the same person is told under its own reason, and the same one is not told again', async () => {
    const service = { serving: ['group-2'], atStake: 'none' };
    const asked = { phase: 'AwaitingDecision', conditions: ready('IssueReview', 'look'), service } as const;
    const waiting = upgradeRun('portal-1', [entry('g1-drain', 'Failed')], asked);
    assert.deepEqual(await told(waiting, { conditions: ready('AwaitingRollbackAuthorization', '59m left') }), [
      'Warning AwaitingRollbackAuthorization: 59m left. Service: group-2 serves; at stake: none',
    ]);
    assert.deepEqual(await told(waiting, { conditions: ready('IssueReview', 'look again') }), []);
  });

  it('001-67: each step that is over is told once, with what came of it', async () => {
    const over = { steps: [entry('g1-drain', 'Succeeded', 'web-1 is out')] };
    assert.deepEqual(await told(running, over), ['Normal StepSucceeded: Drain group-1: web-1 is out']);
    assert.deepEqual(await told(upgradeRun('portal-1', over.steps), over), []);
  });
});
