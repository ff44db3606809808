/** The way back is kept after the end of a run, and let go when its time is over. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { UpgradeRun } from '../../src/api/upgrade-run.ts';
import type { Drivers } from '../../src/drivers/contract.ts';
import { Pacer } from '../../src/engine/pacer.ts';
import { asStored, type PassOutcome } from '../../src/engine/input.ts';
import { runPass } from '../../src/engine/pass.ts';
import { Stopwatch } from '../../src/engine/stopwatch.ts';
import { parseInstant } from '../../src/shared/instant.ts';
import { must } from '../../src/simulation/world.ts';
import { play, setting } from './story.ts';

const dayMs = 24 * 3_600_000;
const quiet = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };

/** Passes over the ended run at `now` until it rests. */
async function passesAt(run: UpgradeRun, now: number): Promise<{ outcome: PassOutcome; released: string[] }> {
  const released: string[] = [];
  const snapshots = {
    request: async (_: unknown, effect: { kind: string; object?: { kind: string; name: string } }) => {
      released.push(`${effect.kind} ${effect.object?.kind}/${effect.object?.name}`);
    },
  };
  let outcome: PassOutcome = { kind: 'again', ...asStored(run) };
  for (let pass = 0; outcome.kind === 'again'; pass += 1) {
    assert.ok(pass < 20, 'it rests after a few passes');
    outcome = await runPass({
      ...outcome,
      drivers: { snapshots } as unknown as Drivers,
      store: {
        writeStatus: async (before, status) => ({ ...before, status }),
        createRun: async () => assert.fail('an ended run creates none'),
        findRun: async () => undefined,
      },
      stopwatch: new Stopwatch(() => 0),
      pacer: new Pacer(),
      now: () => now,
      decisions: [],
      intent: { paused: false },
      epoch: 9,
      mayAct: () => true,
      logger: quiet,
      signal: AbortSignal.timeout(60_000),
    });
  }
  return { outcome, released };
}

async function rolledBack(): Promise<UpgradeRun> {
  const { result } = await play({ tell: () => ({ ...setting(), fail: ['probe:login@group-1'] }) });
  return must(
    result.runs.find((run) => run.spec.purpose === 'Rollback'),
    'rollback',
  );
}

describe('retention', () => {
  it('design 4.3, 001-131: snapshots and replaced volumes have a date once the run has ended', async () => {
    const run = await rolledBack();
    const until = new Date(parseInstant(run.status?.finished ?? '') + 7 * dayMs).toISOString().replace('.000Z', 'Z');
    assert.deepEqual(run.status?.retained?.map(({ kind }) => kind).toSorted(), ['PersistentVolume', 'VolumeSnapshot']);
    assert.ok(
      run.status?.retained?.every(
        (object) => object.until !== undefined && object.until.slice(0, 16) === until.slice(0, 16),
      ),
    );
  });

  it('design 4.3: nothing goes before retainFor is over, whatever happens meanwhile', async () => {
    const run = await rolledBack();
    const { outcome, released } = await passesAt(run, parseInstant(run.status?.finished ?? '') + 6 * dayMs);
    assert.deepEqual(released, []);
    assert.ok(outcome.kind === 'wait' && outcome.afterMs <= dayMs && outcome.afterMs > 0);
  });

  it('design 4.3: after retainFor each object is released once, and the status names none', async () => {
    const run = await rolledBack();
    const names = run.status?.retained?.map(({ kind, name }) => `ReleaseRetained ${kind}/${name}`) ?? [];
    const { outcome, released } = await passesAt(run, parseInstant(run.status?.finished ?? '') + 8 * dayMs);
    assert.ok(names.length > 0);
    assert.deepEqual(released.toSorted(), names.toSorted());
    assert.equal(outcome.kind, 'ended');
    assert.equal(outcome.run.status?.retained, undefined);
    assert.equal(outcome.run.status?.phase, 'RolledBack');
  });
});
