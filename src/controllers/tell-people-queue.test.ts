/** Telling people among all controllers: woken by the run, tried again by the queue, beside a run that goes on. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startControllers } from '../../test/fakes/controllers.ts';
import { upgradeRuns } from '../api/resources.ts';
import type { UpgradeRun } from '../api/upgrade-run.ts';
import type { Delivery } from '../drivers/send-message.ts';
import { upgradeRun } from '../status/fixture.test.ts';

function told(): UpgradeRun {
  const steps = [{ id: 'preflight', state: 'Succeeded' as const }];
  const run = upgradeRun('portal-1', steps, { phase: 'Failed', finished: '2026-01-01T00:00:00.000Z' });
  const notify = [{ secret: 'ops-chat', events: ['Start' as const, 'End' as const] }];
  return { ...run, spec: { ...run.spec, policy: { ...run.spec.policy, notify } } };
}

describe('the controller that tells people', () => {
  it('001-67: is woken by the run, and tries again by itself until a message gets through', async () => {
    const sent: string[] = [];
    const { clock, stop } = startControllers(
      (server) => void server.seed<UpgradeRun>(upgradeRuns, told()),
      (_, line, { type }): Promise<Delivery> => {
        sent.push(`${line}: ${type}`);
        if (sent.length > 2) return Promise.resolve({ kind: 'delivered' });
        return Promise.resolve({ kind: 'failed', why: 'down', remedy: 'mend it', isFinal: false });
      },
    );
    for (let turn = 0; turn < 50; turn += 1) await clock.advance(100);
    assert.deepEqual(sent, ['ops-chat: start', 'ops-chat: start', 'ops-chat: start', 'ops-chat: end']);
    await stop();
  });
});
