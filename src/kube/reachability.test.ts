import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createManualClock } from '../../test/fakes/manual-clock.ts';
import { createReachability } from './reachability.ts';

describe('reachability of the API server', () => {
  it('S-38: a new process has seen nothing before its start', async () => {
    const clock = createManualClock();
    const reachability = createReachability(clock);
    await clock.advance(5_000);
    assert.equal(reachability.steadyForMs(), 5_000);
  });

  it('S-38: a call without an answer starts it anew, a refusal does not', async () => {
    const clock = createManualClock();
    const reachability = createReachability(clock);
    await clock.advance(90_000);
    reachability.called({ code: '<error>' });
    await clock.advance(1_000);
    reachability.called({ code: '503' });
    reachability.called({ code: '200' });
    assert.equal(reachability.steadyForMs(), 1_000);
  });
});
