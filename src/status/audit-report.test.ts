import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { computeAuditReport } from './audit-report.ts';
import { upgradeRun } from './fixture.test.ts';

const entries = [
  {
    id: 'preflight',
    state: 'Succeeded' as const,
    started: '2026-12-05T20:00:00.000Z',
    finished: '2026-12-05T20:01:30.000Z',
    message: 'locked',
  },
  {
    id: 'g1-drain',
    state: 'Failed' as const,
    started: '2026-12-05T20:01:30.000Z',
    finished: '2026-12-05T20:07:30.000Z',
    reason: 'DrainDeadlineExceeded',
    message: 'two users stay',
    log: 'portal-1-log-g1-drain-1',
  },
];

describe('the audit record of a run (001-142)', () => {
  const made = upgradeRun('portal-1', entries, {
    phase: 'Failed',
    started: '2026-12-05T20:00:00.000Z',
    finished: '2026-12-05T20:10:00.000Z',
    clocks: { atRisk: { planned: '20m', actual: '6m' }, downtime: { planned: '0s' } },
    failure: {
      step: 'g1-drain',
      reason: 'DrainDeadlineExceeded',
      message: 'two users stay',
      at: '2026-12-05T20:07:30.000Z',
    },
  });
  const run = {
    ...made,
    metadata: {
      ...made.metadata,
      creationTimestamp: '2026-12-05T19:59:00Z',
      annotations: { 'belay.dev/asked-by': 'omar@example.org' },
    },
  };

  it('says who asked for what and when, and what came of it', () => {
    const { askedBy, askedAt, started, finished, phase, from, to, failure } = computeAuditReport(run);
    assert.deepEqual(
      { askedBy, askedAt, started, finished, phase, from: from.version, to: to.version, failure: failure?.reason },
      {
        askedBy: 'omar@example.org',
        askedAt: '2026-12-05T19:59:00Z',
        started: '2026-12-05T20:00:00.000Z',
        finished: '2026-12-05T20:10:00.000Z',
        phase: 'Failed',
        from: '1.1.0',
        to: '1.2.0',
        failure: 'DrainDeadlineExceeded',
      },
    );
  });

  it('compares planned and actual minutes of the run, its clocks, and each step', () => {
    const { minutes, steps } = computeAuditReport(run);
    assert.equal(minutes.total.actual, 10);
    assert.ok(minutes.total.planned > 0);
    assert.deepEqual([minutes.atRisk, minutes.downtime], [{ planned: 20, actual: 6 }, { planned: 0 }]);
    const drain = steps.find(({ reason }) => reason === 'DrainDeadlineExceeded');
    assert.deepEqual([drain?.minutes.actual, drain?.log], [6, 'portal-1-log-g1-drain-1']);
  });

  it('of a rollback names who allowed it', () => {
    const back = {
      ...run,
      spec: { ...run.spec, purpose: 'Rollback' as const, facts: { authorisedBy: 'ana@example.org' } },
    };
    assert.equal(computeAuditReport(back).askedBy, 'ana@example.org');
  });

  it('says so where nobody knows who asked', () => {
    assert.equal(computeAuditReport(made).askedBy, 'not known');
  });
});
