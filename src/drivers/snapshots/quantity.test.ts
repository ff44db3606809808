import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bytesOf, largerQuantity } from './quantity.ts';

describe('quantities', () => {
  const cases: Readonly<Record<string, bigint | undefined>> = {
    '1': 1n,
    '1Ki': 1024n,
    '1.5Gi': 1_610_612_736n,
    '2G': 2_000_000_000n,
    '1e3': 1000n,
    '1E': 1_000_000_000_000_000_000n,
    '1500m': 2n,
    '0': 0n,
    '': undefined,
    many: undefined,
    '-1': undefined,
  };
  for (const [quantity, want] of Object.entries(cases))
    it(`"${quantity}" is ${want ?? 'none'}`, () => assert.equal(bytesOf(quantity), want));

  it('keeps the larger one as it was written, and the only one that can be read', () => {
    assert.equal(largerQuantity('1Gi', '1100M'), '1100M');
    assert.equal(largerQuantity('1Gi', '1000M'), '1Gi');
    assert.equal(largerQuantity('1Gi', undefined), '1Gi');
    assert.equal(largerQuantity('many', '1Gi'), '1Gi');
  });
});
