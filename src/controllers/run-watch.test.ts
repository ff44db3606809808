import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { UpgradeRun } from '../api/upgrade-run.ts';
import type { ProbeDriver } from '../drivers/contract.ts';
import { createCache } from '../kube/cache.ts';
import type { ProbeState } from '../planner/observed.ts';
import { silentLogger } from '../shared/logger.ts';
import { upgradeRun } from '../status/fixture.test.ts';
import { closingProbes, countVerdict, isOverFor, watchRuns } from './run-watch.ts';

const id = 'uid-portal-1/g1-isolated/1/0';
const asking = { id: 'g1-isolated' } as const;

/** Knows the ids it was given, until they are ended or it is closed. */
function fakeProbes(ids: readonly string[], state: ProbeState = 'running') {
  const known = new Set(ids);
  const log: string[] = [];
  const driver: ProbeDriver = {
    observe: (_context, probe) => ({ id: probe, state: known.has(probe) ? state : 'absent', message: '', results: [] }),
    readLog: () => [],
    async request() {},
    onChange() {},
    end(isOver) {
      for (const one of known) if (isOver(one)) known.delete(one);
    },
    async close() {
      log.push('closed');
    },
  };
  return { driver, known, log };
}

describe('watching runs', () => {
  const cases: Readonly<Record<string, readonly [run: UpgradeRun, want: boolean]>> = {
    'go on while their step runs': [upgradeRun('portal-1', [asking]), false],
    'go on while the cache is behind the attempt that asked': [
      upgradeRun('portal-1', [{ ...asking, state: 'Failed', operation: 'uid-portal-1/g1-isolated/0' }]),
      false,
    ],
    'go on while the run is paused': [upgradeRun('portal-1', [asking], { phase: 'Paused' }), false],
    'go on for another run': [upgradeRun('portal-2', [], { phase: 'Failed' }), false],
    'end with their step': [upgradeRun('portal-1', [{ ...asking, state: 'Succeeded' }]), true],
    'end when a person is asked what becomes of the run': [
      upgradeRun('portal-1', [asking], { phase: 'AwaitingDecision' }),
      true,
    ],
    'end when the run goes back': [upgradeRun('portal-1', [asking], { phase: 'RollingBack' }), true],
    'end with the run': [upgradeRun('portal-1', [asking], { phase: 'Cancelled' }), true],
  };
  for (const [name, [run, want]] of Object.entries(cases)) {
    it(`lets probes ${name}`, () => assert.equal(isOverFor(run, id), want));
  }

  it('ends the probes of runs that end or are deleted, counts ways back once, and hears nothing after the stop', async () => {
    const runs = createCache<UpgradeRun>({ logger: silentLogger });
    const other = 'uid-portal-2/g1-isolated/1/0';
    const { driver, known } = fakeProbes([id, other]);
    const back: string[] = [];
    const stop = new AbortController();
    const going = upgradeRun('portal-1', [asking]);
    runs.changed(going);
    runs.changed(upgradeRun('portal-2', [asking]));
    const watching = watchRuns(runs, driver, { rolledBack: (reason) => back.push(reason) }).run(stop.signal);
    const at = '2026-12-05T20:00:00Z';
    const failure = { step: 'g1-isolated', reason: 'ProbeFailed', message: '', at };
    runs.changed(upgradeRun('portal-1', [asking], { phase: 'RollingBack', failure }));
    assert.deepEqual([[...known], back], [[other], ['ProbeFailed']]);
    runs.changed(upgradeRun('portal-1', [asking], { phase: 'RollingBack', failure, epoch: 2 }));
    runs.deleted(upgradeRun('portal-2', []));
    assert.deepEqual([[...known], back], [[], ['ProbeFailed']]);
    stop.abort();
    await watching;
    runs.changed(upgradeRun('portal-1', [asking]));
    runs.changed(upgradeRun('portal-1', [asking], { phase: 'RollingBack' }));
    assert.deepEqual(back, ['ProbeFailed']);
  });

  it('counts each way back once, and no rebuild as one', async () => {
    const runs = createCache<UpgradeRun>({ logger: silentLogger });
    const back: string[] = [];
    const stop = new AbortController();
    const watching = watchRuns(runs, fakeProbes([]).driver, { rolledBack: (reason) => back.push(reason) }).run(
      stop.signal,
    );
    const follow = (name: string, purpose: UpgradeRun['spec']['purpose'], previous: string): void => {
      const run = upgradeRun(name, []);
      runs.changed({ ...run, spec: { ...run.spec, purpose, previous } });
    };
    const turn = (name: string, reason: string): void => {
      const run = runs.get({ namespace: 'shop', name }) ?? assert.fail(name);
      const failure = { step: 'g1-isolated', reason, message: '', at: '2026-12-05T20:00:00Z' };
      runs.changed({ ...run, status: { ...(run.status ?? assert.fail(name)), phase: 'RollingBack', failure } });
    };
    runs.changed(upgradeRun('portal-1', []));
    follow('portal-1-back', 'Rollback', 'portal-1');
    turn('portal-1', 'ProbeFailed');
    follow('portal-1-back-2', 'Rollback', 'portal-1-back');
    turn('portal-1-back', 'RestoreFailed');
    follow('portal-1-rebuild', 'Rebuild', 'portal-1-back-2');
    turn('portal-1-back-2', 'ProbeFailed');
    follow('portal-1-rebuild-2', 'Rebuild', 'portal-1-rebuild');
    turn('portal-1-rebuild', 'RebuildFailed');
    assert.deepEqual(back, ['ProbeFailed', 'RestoreFailed']);
    stop.abort();
    await watching;
  });

  it('counts a verdict for the suite that reached it, and nothing before', () => {
    const counted: string[] = [];
    const counters = {
      probed: (suite: { namespace: string; name: string }, result: string) =>
        counted.push(`${suite.namespace}/${suite.name} ${result}`),
    };
    const run = upgradeRun('portal-1', []);
    countVerdict(run, fakeProbes([id]).driver, counters, id);
    countVerdict(run, fakeProbes([]).driver, counters, id);
    countVerdict(run, fakeProbes([id], 'failed').driver, counters, id);
    assert.deepEqual(counted, ['shop/web-functions failed']);
  });

  it('closes the probes when the controller has ended, also by an error', async () => {
    const { driver, log } = fakeProbes([]);
    const run = (end: () => void): Promise<void> =>
      closingProbes(
        {
          name: 'controller',
          async run() {
            log.push('worked');
            end();
          },
        },
        driver,
      ).run(new AbortController().signal);
    await run(() => {});
    await assert.rejects(
      run(() => {
        throw new Error('broken');
      }),
      /broken/,
    );
    assert.deepEqual(log, ['worked', 'closed', 'worked', 'closed']);
  });
});
