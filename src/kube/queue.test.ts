import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { createManualClock } from '../../test/fakes/manual-clock.ts';
import { createQueue } from './queue.ts';

describe('queue', () => {
  it('hands out a key once however often it is added, in order of first adding', async () => {
    const queue = createQueue({ clock: createManualClock() });
    for (const key of ['a', 'b', 'a', 'c', 'b']) queue.add(key);
    assert.deepEqual([await queue.take(), await queue.take(), await queue.take(), queue.length()], ['a', 'b', 'c', 0]);
  });

  it('keeps a key that is being worked on from other workers and brings it back when done', async () => {
    const clock = createManualClock();
    const queue = createQueue({ clock });
    queue.add('a');
    await queue.take();
    queue.add('a');
    queue.add('a');
    let second: string | undefined;
    void queue.take().then((key) => (second = key));
    await clock.settle();
    assert.equal(second, undefined);
    queue.done('a');
    await clock.settle();
    assert.deepEqual([second, queue.length()], ['a', 0]);
  });

  it('backs off 5 ms times two to the failures, up to its cap, and starts over when forgotten', async () => {
    const clock = createManualClock();
    const queue = createQueue({ clock, maxBackoffMs: 100 });
    const delays: number[] = [];
    const measure = async (): Promise<void> => {
      const startedAt = clock.monotonic();
      queue.addRateLimited('a');
      while (queue.length() === 0) await clock.advance(1);
      delays.push(clock.monotonic() - startedAt);
      queue.done((await queue.take()) ?? '');
    };
    for (let i = 0; i < 7; i++) await measure();
    queue.forget('a');
    await measure();
    assert.deepEqual(delays, [5, 10, 20, 40, 80, 100, 100, 5]);
  });

  it('keeps the earlier of two delays', async () => {
    const clock = createManualClock();
    const queue = createQueue({ clock });
    queue.addAfter('a', 1000);
    queue.addAfter('a', 10);
    queue.addAfter('a', 5000);
    await clock.advance(10);
    assert.equal(queue.length(), 1);
    assert.equal(clock.pendingTimers(), 0);
  });

  it('drains at shutdown: waiting keys go, running ones finish, takers are let go', async () => {
    const clock = createManualClock();
    const queue = createQueue({ clock });
    queue.add('a');
    await queue.take();
    const idle = queue.take();
    queue.addAfter('late', 5);
    let isDrained = false;
    void queue.shutDown().then(() => (isDrained = true));
    queue.add('b');
    await clock.advance(10);
    assert.deepEqual([await idle, isDrained, queue.length()], [undefined, false, 0]);
    queue.done('a');
    await clock.settle();
    assert.deepEqual([isDrained, clock.pendingTimers(), await queue.take()], [true, 0, undefined]);
  });

  it('reports depth, adds, retries and times', async () => {
    const clock = createManualClock();
    const seen: string[] = [];
    let working = (): readonly number[] => [];
    const queue = createQueue({
      clock,
      metrics: {
        attached: (workingForMs) => (working = workingForMs),
        depth: (depth) => seen.push(`depth ${depth}`),
        added: () => seen.push('added'),
        retried: () => seen.push('retried'),
        started: (ms) => seen.push(`waited ${ms}`),
        finished: (ms) => seen.push(`worked ${ms}`),
      },
    });
    queue.add('a');
    await clock.advance(3);
    await queue.take();
    await clock.advance(4);
    assert.deepEqual(working(), [4]);
    queue.done('a');
    assert.deepEqual(seen, ['added', 'depth 1', 'waited 3', 'depth 0', 'worked 4']);
  });

  it('never has one key with two workers and never loses an add (model)', async () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('add' as const), key: fc.constantFrom('a', 'b', 'c') }),
      fc.record({ do: fc.constant('addAfter' as const), key: fc.constantFrom('a', 'b', 'c'), ms: fc.nat(50) }),
      fc.record({ do: fc.constant('fail' as const), worker: fc.nat(2) }),
      fc.record({ do: fc.constant('finish' as const), worker: fc.nat(2) }),
      fc.record({ do: fc.constant('advance' as const), ms: fc.nat(30) }),
    );
    const seed = Date.now() & 0x7fffffff;
    process.stdout.write(`queue model seed ${seed}\n`);
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const clock = createManualClock();
        const queue = createQueue({ clock, maxBackoffMs: 40 });
        const workers: (string | undefined)[] = [undefined, undefined, undefined];
        /** Keys that somebody wants worked on after now. */
        const owed = new Set<string>();
        const takeMore = (worker: number): void => {
          void queue.take().then((key) => {
            if (key === undefined) return;
            assert.ok(!workers.includes(key), `${key} is with two workers`);
            workers[worker] = key;
            owed.delete(key);
          });
        };
        for (const worker of workers.keys()) takeMore(worker);
        const finish = (worker: number, isFailed: boolean): void => {
          const key = workers[worker];
          if (key === undefined) return;
          workers[worker] = undefined;
          if (isFailed) {
            owed.add(key);
            queue.addRateLimited(key);
          } else queue.forget(key);
          queue.done(key);
          takeMore(worker);
        };
        for (const one of steps) {
          if (one.do === 'add' || one.do === 'addAfter') {
            owed.add(one.key);
            if (one.do === 'add') queue.add(one.key);
            else queue.addAfter(one.key, one.ms);
          } else if (one.do === 'advance') await clock.advance(one.ms);
          else finish(one.worker, one.do === 'fail');
          await Promise.resolve();
        }
        for (let rounds = 0; rounds < 20; rounds++) {
          await clock.advance(50);
          for (const worker of workers.keys()) finish(worker, false);
        }
        assert.deepEqual([[...owed], queue.length(), queue.active()], [[], 0, 0]);
      }),
      { seed, numRuns: 300 },
    );
  });
});
