import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decision } from '../../test/builders/objects.ts';
import type { Decision } from '../api/decision.ts';
import { mergeDecisions, newDecisions, recordDecisions, tellDecision } from './decisions.ts';
import { planHash } from './fixture.test.ts';

function said(
  choice: 'SignOff' | 'Resume',
  at: string,
  phase: 'Accepted' | 'Void' | 'Pending',
  name = choice,
): Decision {
  const made = decision('portal-1', { choice, planHash, evidence: 'https://tickets.example/7' });
  return {
    ...made,
    metadata: { ...made.metadata, name: name.toLowerCase(), creationTimestamp: at },
    status: { observedGeneration: 1, phase, message: `${phase} because` },
  };
}

describe('the record of decisions (001-126, 001-142)', () => {
  const resume = said('Resume', '2026-12-05T20:10:00Z', 'Accepted');
  const late = said('SignOff', '2026-12-05T20:20:00Z', 'Void');

  it('says who decided what, when, why, and with which evidence, also of those that did not count', () => {
    const [first, second] = recordDecisions([
      resume,
      late,
      said('SignOff', '2026-12-05T20:30:00Z', 'Pending', 'Resume'),
    ]);
    assert.deepEqual(first, {
      name: 'resume',
      choice: 'Resume',
      verdict: 'Approved',
      by: 'ana@example.org',
      at: '2026-12-05T20:10:00Z',
      reason: 'the service desk agrees',
      evidence: 'https://tickets.example/7',
      phase: 'Accepted',
      message: 'Accepted because',
    });
    assert.deepEqual([second?.name, second?.phase], ['signoff', 'Void']);
  });

  it('names the way back that was chosen', () => {
    const back = decision('portal-1', { choice: 'Rollback', method: 'Snapshots', data: 'Discard', planHash });
    const [record] = recordDecisions([{ ...back, status: { observedGeneration: 1, phase: 'Accepted' } }]);
    assert.equal(record?.about, 'Snapshots Discard');
  });

  it('001-61: names the step that asked for a backup, and the reference of the backup', () => {
    const word = { choice: 'Attest', step: 'backup-last', evidence: 'vault/portal-0042', planHash } as const;
    const made = { ...decision('portal-1', word), status: { observedGeneration: 1, phase: 'Accepted' } as const };
    const [record] = recordDecisions([made]);
    assert.deepEqual([record?.about, record?.evidence], ['backup-last', 'vault/portal-0042']);
    assert.match(
      record === undefined ? '' : tellDecision(record),
      /decided Attest \(backup-last\) by .*vault\/portal-0042$/,
    );
  });

  it('outlives the Decisions, stands in the order of time, and is bounded', () => {
    const before = recordDecisions([resume]);
    const after = mergeDecisions(before, recordDecisions([late])).decisions ?? [];
    assert.deepEqual(
      after.map(({ name }) => name),
      ['resume', 'signoff'],
    );
    const many = Array.from({ length: 70 }, (_, index) => {
      const minute = String(index % 60).padStart(2, '0');
      return said(
        'Resume',
        `2026-12-05T${20 + Math.floor(index / 60)}:${minute}:00Z`,
        'Accepted',
        `d-${index}` as 'Resume',
      );
    });
    const kept = mergeDecisions(undefined, recordDecisions(many)).decisions ?? [];
    assert.deepEqual([kept.length, kept[0]?.name, kept.at(-1)?.name], [64, 'd-6', 'd-69']);
    assert.deepEqual(mergeDecisions(undefined, []), {});
  });

  it('makes one event for each that was accepted', () => {
    const before = recordDecisions([resume]);
    const now = mergeDecisions(
      before,
      recordDecisions([late, said('SignOff', '2026-12-05T20:40:00Z', 'Accepted', 'Resume')]),
    );
    const all = mergeDecisions(now.decisions, recordDecisions([said('SignOff', '2026-12-05T20:50:00Z', 'Accepted')]));
    assert.deepEqual(newDecisions(before, all.decisions).map(tellDecision), [
      'ana@example.org decided SignOff by signoff: the service desk agrees; evidence: https://tickets.example/7',
    ]);
  });
});
