import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { createManualClock } from '../../test/fakes/manual-clock.ts';
import { createMemoryClient } from '../../test/fakes/memory-client.ts';
import { silentLogger } from '../shared/logger.ts';
import { createEventRecorder } from './events.ts';
import type { EventFacts } from './events.ts';
import { KubeError } from './kube-error.ts';
import { events } from './resources.ts';

const regarding = {
  apiVersion: 'belay.dev/v1alpha1',
  kind: 'UpgradeRun',
  metadata: { namespace: 'ns', name: 'run', uid: 'u' },
};
const facts: EventFacts = { type: 'Normal', reason: 'StepStarted', action: 'Drain', note: 'draining pool a' };

function make(maxQueued = 1000) {
  const clock = createManualClock();
  const client = createMemoryClient({ clock });
  const recorder = createEventRecorder({
    client,
    clock,
    logger: silentLogger,
    controller: 'belay.dev/c',
    instance: 'pod-1',
    maxQueued,
  });
  const stop = new AbortController();
  return { clock, client, recorder, stop, run: () => recorder.run(stop.signal) };
}

describe('event recorder', () => {
  it('writes events.k8s.io/v1 with all that the server requires', async () => {
    const { clock, client, recorder, stop, run } = make();
    const ended = run();
    recorder.record(regarding, { ...facts, note: 'x'.repeat(3000) });
    await clock.settle();
    const [got] = client.all(events);
    assert.deepEqual(
      [
        got?.eventTime,
        got?.reportingController,
        got?.reportingInstance,
        got?.regarding,
        got?.note?.length,
        got?.series,
      ],
      [
        '2026-01-01T00:00:00.000000Z',
        'belay.dev/c',
        'pod-1',
        { apiVersion: 'belay.dev/v1alpha1', kind: 'UpgradeRun', namespace: 'ns', name: 'run', uid: 'u' },
        1024,
        undefined,
      ],
    );
    stop.abort();
    await ended;
  });

  it('counts equal events in one object, and begins another after six quiet minutes', async () => {
    const { clock, client, recorder, stop, run } = make();
    const ended = run();
    for (let i = 0; i < 40; i++) {
      recorder.record(regarding, facts);
      await clock.advance(60_000);
    }
    const [got] = client.all(events);
    assert.deepEqual([client.all(events).length, got?.series?.count], [1, 32]);
    assert.equal(client.server.writes.length, 3);
    await clock.advance(400_000);
    recorder.record(regarding, facts);
    recorder.record(regarding, { ...facts, note: 'draining pool b' });
    await clock.settle();
    assert.equal(client.all(events).length, 3);
    stop.abort();
    await ended;
  });

  it('tries again while the server is away, and drops what is refused', async () => {
    const { clock, client, recorder, stop, run } = make();
    const ended = run();
    let failure: KubeError | undefined = new KubeError({ status: 0, reason: 'Unreachable', message: 'away' });
    client.server.interceptors.push(() => {
      if (failure !== undefined) throw failure;
    });
    recorder.record(regarding, facts);
    await clock.advance(30_000);
    failure = undefined;
    await clock.advance(10_000);
    assert.equal(client.all(events).length, 1);
    failure = new KubeError({ status: 403, reason: 'Forbidden', message: 'namespace is terminating' });
    recorder.record(regarding, { ...facts, note: 'other' });
    await clock.advance(10_000);
    failure = undefined;
    await clock.advance(100_000);
    assert.equal(client.all(events).length, 1);
    stop.abort();
    await ended;
  });

  it('drops events when its queue is full and never throws', () => {
    const { recorder } = make(2);
    for (const note of ['a', 'b', 'c', 'd']) recorder.record(regarding, { ...facts, note });
    recorder.record(JSON.parse('{}'), facts);
    assert.equal(recorder.dropped(), 2);
  });

  it('makes the event anew when the server has forgotten it', async () => {
    const { clock, client, recorder, stop, run } = make();
    const ended = run();
    recorder.record(regarding, facts);
    await clock.settle();
    await client.delete(events, client.all(events)[0]?.metadata ?? { name: '' });
    recorder.record(regarding, facts);
    await clock.settle();
    assert.equal(client.all(events)[0]?.series?.count, 2);
    stop.abort();
    await ended;
  });
});
