import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Condition, findCondition, isTrue, mergeConditions } from './conditions.ts';

const earlier = '2026-12-05T20:00:00Z';
const now = '2026-12-05T21:00:00Z';

function condition(overrides: Partial<Condition> = {}): Condition {
  return {
    type: 'Ready',
    status: 'True',
    reason: 'UpToDate',
    message: 'all is well',
    lastTransitionTime: earlier,
    ...overrides,
  };
}

describe('mergeConditions', () => {
  it('keeps the time of the last change while the status stays', () => {
    const { lastTransitionTime: _, ...wanted } = condition({ reason: 'Other', message: 'still' });
    assert.deepEqual(mergeConditions([condition()], [wanted], now), [condition({ reason: 'Other', message: 'still' })]);
  });

  it('moves it when the status changes', () => {
    const { lastTransitionTime: _, ...wanted } = condition({ status: 'False' });
    assert.deepEqual(mergeConditions([condition()], [wanted], now), [
      condition({ status: 'False', lastTransitionTime: now }),
    ]);
  });

  it('keeps conditions it is not told about, after the others', () => {
    const { lastTransitionTime: _, ...wanted } = condition({ type: 'Stalled' });
    assert.deepEqual(mergeConditions([condition()], [wanted], now), [
      condition({ type: 'Stalled', lastTransitionTime: now }),
      condition(),
    ]);
  });

  it('cuts messages at what the API server takes', () => {
    const { lastTransitionTime: _, ...wanted } = condition({ message: 'x'.repeat(2000) });
    assert.equal(mergeConditions(undefined, [wanted], now)[0]?.message.length, 1024);
  });
});

describe('isTrue', () => {
  it('is false for Unknown and for a condition that is not there', () => {
    assert.equal(isTrue([condition({ status: 'Unknown' })], 'Ready'), false);
    assert.equal(isTrue(undefined, 'Ready'), false);
    assert.equal(isTrue([condition()], 'Ready'), true);
    assert.equal(findCondition([condition()], 'Stalled'), undefined);
  });
});
