import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { effectKinds, rollbackReasons } from '../status/metric-labels.ts';
import { createMetrics, type MetricsOptions } from './metrics.ts';
import type { SetSample } from './set-metrics.ts';

function create(options: Partial<MetricsOptions> = {}) {
  return createMetrics({ sets: () => [], isLeader: () => true, version: '1.0.0', ...options });
}

/** Samples whose name begins so, without comments and buckets. */
async function lines(metrics: { scrape(): Promise<string> }, prefix: string): Promise<string[]> {
  const text = await metrics.scrape();
  return text.split('\n').filter((line) => line.startsWith(prefix) && !line.includes('_bucket{'));
}

const portal: SetSample = {
  namespace: 'shop',
  name: 'portal',
  phase: 'Running',
  stepsDone: 3,
  stepsTotal: 20,
  blocked: false,
  atRisk: { plannedSeconds: 1200, actualSeconds: 61 },
  downtime: { plannedSeconds: 0, actualSeconds: 0 },
  etaSeconds: 1_800_000_000,
  decisionSinceSeconds: 1_700_000_000,
  groups: [
    { group: 'group-1', stepsDone: 2, stepsTotal: 9, drainConnections: 14 },
    { group: 'group-2', stepsDone: 0, stepsTotal: 9 },
  ],
};

describe('metrics', () => {
  it('show a set while it exists, and nothing of it afterwards', async () => {
    let sets = [portal];
    const metrics = create({ sets: () => sets });
    const set = 'namespace="shop",upgradeset="portal"';
    assert.deepEqual(await lines(metrics, 'belay_upgradeset_'), [
      `belay_upgradeset_steps_done{${set}} 3`,
      `belay_upgradeset_steps{${set}} 20`,
      `belay_upgradeset_blocked{${set}} 0`,
      `belay_upgradeset_at_risk_seconds{${set}} 61`,
      `belay_upgradeset_at_risk_planned_seconds{${set}} 1200`,
      `belay_upgradeset_downtime_seconds{${set}} 0`,
      `belay_upgradeset_downtime_planned_seconds{${set}} 0`,
      `belay_upgradeset_eta_timestamp_seconds{${set}} 1800000000`,
      `belay_upgradeset_decision_since_timestamp_seconds{${set}} 1700000000`,
      `belay_upgradeset_group_steps_done{${set},group="group-1"} 2`,
      `belay_upgradeset_group_steps_done{${set},group="group-2"} 0`,
      `belay_upgradeset_group_steps{${set},group="group-1"} 9`,
      `belay_upgradeset_group_steps{${set},group="group-2"} 9`,
      `belay_upgradeset_group_drain_connections{${set},group="group-1"} 14`,
      `belay_upgradeset_phase{${set},phase="Running"} 1`,
    ]);
    sets = [{ ...portal, phase: 'Completed', groups: [], etaSeconds: undefined, decisionSinceSeconds: undefined }];
    assert.deepEqual(await lines(metrics, 'belay_upgradeset_phase'), [
      `belay_upgradeset_phase{${set},phase="Completed"} 1`,
    ]);
    for (const gone of ['eta_timestamp', 'decision_since', 'group'])
      assert.deepEqual(await lines(metrics, `belay_upgradeset_${gone}`), []);
    sets = [];
    assert.deepEqual(await lines(metrics, 'belay_upgradeset_'), []);
  });

  it('stand at zero before the first event, and count', async () => {
    const metrics = create({ effectKinds: ['DrainMember'], rollbackReasons: ['ProbeFailed'] });
    const ends = ['Completed', 'RolledBack', 'Rebuilt', 'Failed', 'Cancelled', 'Superseded'];
    const zeros = ends.map((phase) => `belay_runs_ended_total{phase="${phase}",reason=""} 0`);
    const counters = async (): Promise<string[]> =>
      (
        await Promise.all(['belay_effects', 'belay_rollbacks', 'belay_runs'].map((name) => lines(metrics, name)))
      ).flat();
    assert.deepEqual(await counters(), [
      'belay_effects_total{kind="DrainMember"} 0',
      'belay_rollbacks_total{reason="ProbeFailed"} 0',
      ...zeros,
    ]);
    metrics.effectMade('DrainMember');
    metrics.rolledBack('ProbeFailed');
    metrics.runEnded('RolledBack', 'ProbeFailed');
    assert.deepEqual(await counters(), [
      'belay_effects_total{kind="DrainMember"} 1',
      'belay_rollbacks_total{reason="ProbeFailed"} 1',
      ...zeros,
      'belay_runs_ended_total{phase="RolledBack",reason="ProbeFailed"} 1',
    ]);
  });

  it('know every kind of effect and the usual reasons beforehand', async () => {
    const metrics = create({ effectKinds, rollbackReasons });
    const shown = [...(await lines(metrics, 'belay_effects')), ...(await lines(metrics, 'belay_rollbacks'))];
    assert.deepEqual(shown, [
      ...effectKinds.map((kind) => `belay_effects_total{kind="${kind}"} 0`),
      ...rollbackReasons.map((reason) => `belay_rollbacks_total{reason="${reason}"} 0`),
    ]);
  });

  it('count the verdicts of a suite from zero, once per scrape, and forget it when it is deleted', async () => {
    const web = { namespace: 'shop', name: 'web' };
    let suites = [web];
    const metrics = create({ suites: () => suites });
    const want = (passed: number, failed: number): string[] => [
      `belay_probe_results_total{namespace="shop",suite="web",result="passed"} ${passed}`,
      `belay_probe_results_total{namespace="shop",suite="web",result="failed"} ${failed}`,
      'belay_probe_results_total{namespace="shop",suite="web",result="unknown"} 0',
    ];
    assert.deepEqual(await lines(metrics, 'belay_probe_results'), want(0, 0));
    metrics.probed(web, 'passed');
    metrics.probed(web, 'passed');
    metrics.probed(web, 'failed');
    assert.deepEqual(await lines(metrics, 'belay_probe_results'), want(2, 1));
    assert.deepEqual(await lines(metrics, 'belay_probe_results'), want(2, 1));
    suites = [];
    assert.deepEqual(await lines(metrics, 'belay_probe_results'), []);
    suites = [web];
    assert.deepEqual(await lines(metrics, 'belay_probe_results'), want(0, 0));
  });

  it('follow the queue of a controller under the names of client-go', async () => {
    const metrics = create();
    const { queue } = metrics.controller('upgraderun');
    const labels = '{name="upgraderun",controller="upgraderun"}';
    const want = (values: readonly number[]): string[] =>
      [
        'depth',
        'adds_total',
        'retries_total',
        'queue_duration_seconds_sum',
        'queue_duration_seconds_count',
        'work_duration_seconds_sum',
        'work_duration_seconds_count',
        'unfinished_work_seconds',
        'longest_running_processor_seconds',
      ].map((name, index) => `workqueue_${name}${labels} ${values[index] ?? 0}`);
    assert.deepEqual((await lines(metrics, 'workqueue_')).toSorted(), want([]).toSorted());
    let working = [1_000, 2_500];
    queue.attached(() => working);
    queue.added();
    queue.retried();
    queue.depth(3);
    queue.started(250);
    queue.finished(4_000);
    assert.deepEqual(
      (await lines(metrics, 'workqueue_')).toSorted(),
      want([3, 1, 1, 0.25, 1, 4, 1, 3.5, 2.5]).toSorted(),
    );
    working = [];
    assert.deepEqual(await lines(metrics, 'workqueue_longest'), [
      `workqueue_longest_running_processor_seconds${labels} 0`,
    ]);
  });

  it('show each controller at zero, and who leads', async () => {
    let isLeader = false;
    const metrics = create({ isLeader: () => isLeader });
    metrics.controller('pool').reconciled('error', 20);
    assert.deepEqual(await lines(metrics, 'controller_runtime_reconcile_total'), [
      'controller_runtime_reconcile_total{controller="pool",result="success"} 0',
      'controller_runtime_reconcile_total{controller="pool",result="requeue_after"} 0',
      'controller_runtime_reconcile_total{controller="pool",result="error"} 1',
    ]);
    assert.deepEqual(await lines(metrics, 'leader_'), ['leader_election_master_status{name="belay"} 0']);
    isLeader = true;
    assert.deepEqual(await lines(metrics, 'leader_'), ['leader_election_master_status{name="belay"} 1']);
  });
});
