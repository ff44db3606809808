import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { groupsIn, nextBatch, workloadsIn, type Lockable } from './locks.ts';

const group = (name: string): Lockable => ({ kind: 'group', group: name });
const workload = (name: string): Lockable => ({ kind: 'workload', workload: { kind: 'StatefulSet', name } });
const many = (count: number, make: (name: string) => Lockable): Lockable[] =>
  Array.from({ length: count }, (_, index) => make(`w-${index}`));

describe('locks, batch by batch', () => {
  it('are of one kind each, in order', () => {
    const all = [group('a'), group('b'), workload('a'), workload('b')];
    assert.deepEqual(nextBatch(all, 0), all.slice(0, 2));
    assert.deepEqual(nextBatch(all, 1), all.slice(1, 2));
    assert.deepEqual(nextBatch(all, 2), all.slice(2));
    assert.deepEqual(nextBatch(all, 4), []);
    assert.deepEqual(
      [groupsIn(all), workloadsIn(all).map(({ name }) => name)],
      [
        ['a', 'b'],
        ['a', 'b'],
      ],
    );
  });
  it('are no more than fit into the time of one effect, and none is left out', () => {
    const all = [...many(20, group), ...many(40, workload)];
    const sizes: number[] = [];
    for (let done = 0; done < all.length; done += sizes.at(-1) ?? all.length) sizes.push(nextBatch(all, done).length);
    assert.deepEqual(sizes, [16, 4, 16, 16, 8]);
  });
});
