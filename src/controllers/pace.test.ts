import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createManualClock } from '../../test/fakes/manual-clock.ts';
import { Pace } from './pace.ts';

describe('pace', () => {
  it('lets the first go at once, and the next when its time has come', async () => {
    const clock = createManualClock();
    const pace = new Pace(() => clock.monotonic(), 1_000);
    assert.equal(pace.waitMs('a'), 0);
    await clock.advance(400);
    assert.equal(pace.waitMs('a'), 600);
    assert.equal(pace.waitMs('b'), 0, 'another key has its own');
    await clock.advance(600);
    assert.deepEqual([pace.waitMs('a'), pace.waitMs('a')], [0, 1_000]);
  });
  it('knows nothing of what it was told to forget', () => {
    const pace = new Pace(() => 0, 1_000);
    pace.waitMs('a');
    pace.forget('a');
    assert.equal(pace.waitMs('a'), 0);
  });
});
