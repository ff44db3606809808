import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isSameJson } from './same.ts';

const table: Readonly<Record<string, { a: unknown; b: unknown; want: boolean }>> = {
  'equal words': { a: 'a', b: 'a', want: true },
  'a word and a number': { a: '1', b: 1, want: false },
  'fields in another order': { a: { x: 1, y: { z: 2 } }, b: { y: { z: 2 }, x: 1 }, want: true },
  'a field that is undefined and one that is not there': { a: { x: 1, y: undefined }, b: { x: 1 }, want: true },
  'the same the other way round': { a: { x: 1 }, b: { x: 1, y: undefined }, want: true },
  'a field more on the left': { a: { x: 1, y: 2 }, b: { x: 1 }, want: false },
  'a field more on the right': { a: { x: 1 }, b: { x: 1, y: 2 }, want: false },
  'null and nothing': { a: { x: null }, b: {}, want: false },
  'lists in another order': { a: [1, 2], b: [2, 1], want: false },
  'a list and the beginning of it': { a: [1, 2], b: [1], want: false },
  'an empty list and an empty object': { a: [], b: {}, want: false },
  'different inside a list': { a: [{ x: 1 }], b: [{ x: 2 }], want: false },
};

describe('isSameJson', () => {
  for (const [name, { a, b, want }] of Object.entries(table)) {
    it(`${want ? 'takes for the same' : 'tells apart'}: ${name}`, () =>
      assert.deepEqual([isSameJson(a, b), isSameJson(b, a)], [want, want]));
  }
});
