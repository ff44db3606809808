import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Outages } from '../portal/outages.ts';

const measure = (record: (outages: Outages) => void): unknown => {
  const outages = new Outages();
  record(outages);
  return outages.list(60_000).map(({ seconds, failed, to }) => ({ seconds, failed, isOver: to !== undefined }));
};

describe('downtime as the load generator measures it', () => {
  it('is nothing when nothing failed', () => {
    assert.deepEqual(
      measure((outages) => outages.good(1_000, 1_010)),
      [],
    );
  });

  it('lasts from the first request that failed to the next good answer', () => {
    const got = measure((outages) => {
      outages.good(1_000, 1_010);
      outages.failed(2_000);
      outages.failed(3_000);
      outages.good(4_000, 4_500);
      outages.good(5_000, 5_010);
    });
    assert.deepEqual(got, [{ seconds: 2.5, failed: 2, isOver: true }]);
  });

  it('does not end with an answer to a request that was sent before it began', () => {
    const got = measure((outages) => {
      outages.failed(2_000);
      outages.good(1_900, 2_500);
      outages.good(6_000, 6_000);
    });
    assert.deepEqual(got, [{ seconds: 4, failed: 1, isOver: true }]);
  });

  it('is not two when a slow failure is reported after the end', () => {
    const got = measure((outages) => {
      outages.failed(2_000);
      outages.good(4_000, 4_010);
      outages.failed(3_000);
      outages.failed(9_000);
      outages.good(9_500, 9_600);
    });
    assert.deepEqual(got, [
      { seconds: 2.01, failed: 2, isOver: true },
      { seconds: 0.6, failed: 1, isOver: true },
    ]);
  });

  it('goes on until now when no good answer came', () => {
    assert.deepEqual(
      measure((outages) => outages.failed(50_000)),
      [{ seconds: 10, failed: 1, isOver: false }],
    );
  });
});
