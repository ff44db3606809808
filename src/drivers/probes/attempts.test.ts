import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Answer, type AttemptRules, count, decideVerdict, noTries, rulesOf } from './attempts.ts';
import { suiteOf } from './fixture.test.ts';

const rules: AttemptRules = { intervalMs: 10_000, deadlineMs: 300_000, success: 1, failure: 3, errors: 5 };

/** "+" pass, "-" failure, "?" no answer, one each interval; the state after the last, and at which try it came. */
function play(tries: string, changes: Partial<AttemptRules> = {}): string {
  const all = { ...rules, ...changes };
  let tally = noTries;
  for (const [index, sign] of tries.split('').entries()) {
    const answer: Answer = sign === '+' ? 'pass' : sign === '-' ? 'fail' : 'none';
    tally = count(tally, answer);
    const verdict = decideVerdict(
      all,
      tally,
      { answer, message: answer === 'pass' ? '' : 'status 500' },
      (index + 1) * all.intervalMs,
    );
    if (verdict.kind !== 'again') return `${verdict.kind} at ${index + 1}: ${verdict.message}`;
  }
  return 'again';
}

describe('attempts of a probe (S-21, S-23)', () => {
  const cases: Readonly<Record<string, readonly [string, Partial<AttemptRules>, string]>> = {
    'passes at the first pass': ['+', {}, 'passed at 1: '],
    'tolerates one failure in five when five passes are not in a row': ['++-++', { success: 5 }, 'again'],
    'needs its passes in a row': ['++-+++', { success: 3 }, 'passed at 6: '],
    'tolerates two failures between passes': ['--+--+', { success: 2 }, 'again'],
    'fails after three failures in a row': ['+---', { success: 2 }, 'failed at 4: status 500 (3 in a row)'],
    'counts a failure before and after a pass apart': ['--+--', { success: 2 }, 'again'],
    'is unknown when nothing answers five times': [
      '?????',
      {},
      'unknown at 5: status 500 (no answer 5 times in a row)',
    ],
    'has a budget for errors apart from failures': ['??--??-', { errors: 3 }, 'failed at 7: status 500 (3 in a row)'],
    'does not add errors to failures': ['--????', { failure: 3 }, 'again'],
    'forgets errors when something answers': ['????-????', { failure: 9 }, 'again'],
    'does not take a missing answer between two passes for a pass': ['+?+', { success: 2 }, 'again'],
    'is unknown when the deadline comes before a verdict': [
      '+-+-+-',
      { success: 2, deadlineMs: 60_000 },
      'unknown at 6: no verdict within 1m: status 500',
    ],
    'does not wait for a try that would begin after the deadline': [
      '-',
      { deadlineMs: 10_000 },
      'unknown at 1: no verdict within 10s: status 500',
    ],
    'takes a verdict of the last try before the deadline': [
      '---',
      { deadlineMs: 30_000 },
      'failed at 3: status 500 (3 in a row)',
    ],
    'says how far it has come': [
      '+',
      { success: 2, deadlineMs: 10_000 },
      'unknown at 1: no verdict within 10s: passed 1 of 2 in a row',
    ],
  };
  for (const [name, [tries, changes, want]] of Object.entries(cases)) {
    it(name, () => assert.equal(play(tries, changes), want));
  }

  it('ends at once for what no further try can change', () => {
    const last = { answer: 'fail', message: '${BASE} has no value', final: true } as const;
    assert.deepEqual(decideVerdict(rules, count(noTries, 'fail'), last, 0), {
      kind: 'failed',
      message: '${BASE} has no value',
    });
  });

  it('takes single values of the probe before those of the suite', () => {
    const suite = suiteOf({
      attempts: { interval: '5s', failure: 2 },
      probes: [{ name: 'a', tcp: { host: 'a', port: 1 }, attempts: { failure: 4 } }],
    });
    const [probe] = suite.probes;
    assert.ok(probe !== undefined);
    assert.deepEqual(rulesOf(suite, probe), {
      intervalMs: 5_000,
      deadlineMs: 300_000,
      success: 1,
      failure: 4,
      errors: 5,
    });
  });
});
