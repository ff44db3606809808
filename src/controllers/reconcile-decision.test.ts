import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decision, packageOf, pool, probeSuite, serverGroup, upgradeSet } from '../../test/builders/objects.ts';
import { createManualClock } from '../../test/fakes/manual-clock.ts';
import { createMemoryClient } from '../../test/fakes/memory-client.ts';
import type { Decision } from '../api/decision.ts';
import { decisions, upgradeRuns } from '../api/resources.ts';
import type { StepAction, UpgradeRun, UpgradeRunStatus } from '../api/upgrade-run.ts';
import { createCache } from '../kube/cache.ts';
import { KubeError } from '../kube/kube-error.ts';
import { computeRun } from '../planner/plan.ts';
import { formatInstant } from '../shared/instant.ts';
import { silentLogger } from '../shared/logger.ts';
import { planHash, upgradeRun } from '../status/fixture.test.ts';
import { validatingBindings, validatingPolicies, type PolicyName } from './access-review.ts';
import { reconcileDecision } from './reconcile-decision.ts';
import { acceptedNear } from './reconcile-run.ts';

const path = '/apis/authorization.k8s.io/v1/namespaces/shop/localsubjectaccessreviews';
const day = '2026-12-05';
const at = (time: string): string => `${day}T${time}Z`;
const said = (answer: Awaited<ReturnType<Scene['look']>>): string => `${answer.phase}: ${answer.message}`;

type Written = Parameters<typeof decision>[1] & { readonly name?: string; readonly at?: string };
type Scene = ReturnType<typeof scene>;

/** A run made at 20:00 that failed at 20:10 in the step with this verb, or did not fail. */
function runWith(failed?: StepAction, status: Partial<UpgradeRunStatus> = {}): UpgradeRun {
  const made = upgradeRun('portal-1', []);
  const steps = made.spec.steps
    .filter(({ action }) => action === failed)
    .slice(0, 1)
    .map(({ id }) => ({ id, state: 'Failed' as const, finished: at('20:10:00.500') }));
  const run = upgradeRun('portal-1', steps, status);
  return { ...run, metadata: { ...run.metadata, creationTimestamp: at('20:00:00') } };
}

function scene(initial: UpgradeRun = runWith('Upgrade')) {
  const clock = createManualClock(Date.parse(at('20:20:00')));
  const client = createMemoryClient({ clock });
  const cache = createCache<Decision>({ logger: silentLogger });
  const asked: unknown[] = [];
  const permitted = new Set(['ana@example.org', 'ben@example.org']);
  let mayAsk = true;
  let run = client.seed<UpgradeRun>(upgradeRuns, initial);
  client.server.posts.set(path, (body) => {
    const { spec } = body as { spec: { user: string } };
    asked.push(spec);
    if (!mayAsk) throw new KubeError({ status: 403, reason: 'Forbidden', message: 'no' });
    return { ...body, status: { allowed: permitted.has(spec.user) } };
  });
  return {
    clock,
    client,
    asked,
    permitted,
    letAsk(may: boolean): void {
      mayAsk = may;
    },
    decide({ name, at: time = '20:15:00', ...spec }: Omit<Written, 'planHash'> & { planHash?: string }): string {
      const made = decision('portal-1', { planHash, ...spec });
      const metadata = { ...made.metadata, name: name ?? made.metadata.name, creationTimestamp: at(time) };
      client.seed<Decision>(decisions, { ...made, metadata });
      return metadata.name;
    },
    change(status: Partial<UpgradeRunStatus>): void {
      run = client.seed<UpgradeRun>(upgradeRuns, {
        ...run,
        status: { ...(run.status ?? { observedGeneration: 1, phase: 'Running', epoch: 1, steps: [] }), ...status },
      });
    },
    install(policy: PolicyName, time: string, changes: { actions?: string[]; namespaces?: string[] } = {}): void {
      const metadata = { name: policy, labels: { 'belay.dev/policy': policy }, creationTimestamp: at(time) };
      const apiVersion = 'admissionregistration.k8s.io/v1';
      const { actions = ['Deny'], namespaces } = changes;
      const expression = { key: 'kubernetes.io/metadata.name', operator: 'In', values: namespaces ?? [] };
      client.seed(validatingPolicies, {
        ...{ apiVersion, kind: 'ValidatingAdmissionPolicy', metadata },
        spec: { failurePolicy: 'Fail' },
      });
      client.seed(validatingBindings, {
        ...{ apiVersion, kind: 'ValidatingAdmissionPolicyBinding', metadata },
        spec: {
          policyName: policy,
          validationActions: actions,
          ...(namespaces === undefined
            ? {}
            : { matchResources: { namespaceSelector: { matchExpressions: [expression] } } }),
        },
      });
    },
    async look(name: string): Promise<{ phase: string; message: string; afterMs: number }> {
      cache.replaced(client.all<Decision>(decisions), '1');
      const key = { namespace: 'shop', name };
      const result = await reconcileDecision(
        { client, caches: { decisions: cache }, now: () => clock.now() },
        key,
        new AbortController().signal,
      );
      const { status } = await client.get<Decision>(decisions, key);
      const afterMs = result.kind === 'requeue' ? result.afterMs : 0;
      return { phase: status?.phase ?? '', message: status?.message ?? '', afterMs };
    },
  };
}

describe('who may decide, asked by the controller itself', () => {
  it('S-41: asks the authorizer for create on the virtual subresource of this run, in the name of the decider', async () => {
    const { decide, look, asked } = scene();
    const seen = await look(decide({ choice: 'Resume' }));
    assert.equal(said(seen), 'Accepted: first valid decision');
    const attributes = { namespace: 'shop', verb: 'create', group: 'belay.dev', resource: 'upgraderuns' };
    assert.deepEqual(asked, [
      {
        user: 'ana@example.org',
        groups: ['system:authenticated'],
        resourceAttributes: { ...attributes, subresource: 'resume', name: 'portal-1' },
      },
    ]);
  });

  it('S-41: gives a ServiceAccount the groups that follow from its name', async () => {
    const { decide, look, asked, permitted } = scene(runWith());
    permitted.add('system:serviceaccount:shop:robot');
    await look(decide({ choice: 'SignOff', decidedBy: 'system:serviceaccount:shop:robot' }));
    const [{ groups }] = asked as [{ groups: string[] }];
    assert.deepEqual(groups, ['system:serviceaccounts', 'system:serviceaccounts:shop', 'system:authenticated']);
  });

  it('S-41: makes the decision of somebody who may not void, for good, and names the permission', async () => {
    const { decide, look, permitted } = scene();
    const name = decide({ choice: 'Rollback', method: 'Snapshots', decidedBy: 'eve@example.org' });
    const want =
      'Void: eve@example.org may not decide Rollback on run portal-1: grant create on upgraderuns/rollback (group belay.dev) in namespace shop to the user by name, or install the admission policies, then decide again';
    assert.equal(said(await look(name)), want);
    permitted.add('eve@example.org');
    assert.equal(said(await look(name)), want);
  });

  it('S-41: makes a decision of nobody void', async () => {
    const { decide, look } = scene();
    const name = decide({ choice: 'Resume', decidedBy: undefined });
    assert.equal(said(await look(name)), 'Void: spec.decidedBy is missing: create a Decision that says who decides');
  });

  it('S-41: accepts nothing while the controller may not ask, and looks again', async () => {
    const { decide, look, letAsk } = scene();
    letAsk(false);
    const name = decide({ choice: 'Resume' });
    const before = await look(name);
    assert.match(said(before), /^Pending: the controller may not ask .* create on localsubjectaccessreviews/);
    assert.equal(before.afterMs, 10_000);
    letAsk(true);
    assert.equal((await look(name)).phase, 'Accepted');
  });

  const policies: Record<string, [want: string, install: (made: Scene) => void]> = {
    'the policy was in force': ['Accepted', (made) => made.install('decisions', '19:00:00')],
    'the policy was in force in this namespace among others': [
      'Accepted',
      (made) => made.install('decisions', '19:00:00', { namespaces: ['lab', 'shop'] }),
    ],
    'there is no policy': ['Void', () => {}],
    'the policy came after it': ['Void', (made) => made.install('decisions', '20:16:00')],
    'the policy was too new to be in force': ['Void', (made) => made.install('decisions', '20:14:55')],
    'the policy only warns': ['Void', (made) => made.install('decisions', '19:00:00', { actions: ['Warn'] })],
    'the policy is for another namespace': [
      'Void',
      (made) => made.install('decisions', '19:00:00', { namespaces: ['lab'] }),
    ],
    'another policy was in force': ['Void', (made) => made.install('asked-by', '19:00:00')],
  };
  for (const [name, [want, install]] of Object.entries(policies)) {
    it(`S-41: a permission that only a group gives: ${want} when ${name}`, async () => {
      const made = scene();
      install(made);
      const seen = await made.look(made.decide({ choice: 'Resume', decidedBy: 'kim@example.org' }));
      assert.equal(seen.phase, want);
    });
  }
});

describe('what a run hears', () => {
  it('S-41: is only what the status says was accepted, so that a restart forgets nothing', () => {
    const cache = createCache<Decision>({ logger: silentLogger });
    const made = [undefined, 'Pending', 'Void', 'Accepted'] as const;
    cache.replaced(
      made.map((phase, i) => {
        const one = decision('portal-1', { planHash, choice: 'Abort' });
        const status = phase === undefined ? {} : { status: { observedGeneration: 1, phase } };
        return { ...one, metadata: { ...one.metadata, name: `abort-${i}` }, ...status };
      }),
      '1',
    );
    const heard = acceptedNear({ caches: { decisions: cache } }, runWith());
    assert.deepEqual(
      heard.map(({ metadata }) => metadata.name),
      ['abort-3'],
    );
  });
});

describe('four eyes', () => {
  const approvalDefaults = { start: 'NotRequired', jointSteps: 'Automatic', expireAfter: '72h' } as const;

  function askedRun(askedBy: string | undefined, fourEyes = true): UpgradeRun {
    const run = runWith();
    const approvals = { ...approvalDefaults, fourEyes, ...(askedBy === undefined ? {} : { askedBy }) };
    return { ...run, spec: { ...run.spec, policy: { ...run.spec.policy, approvals } } };
  }

  function guarded(askedBy: string | undefined, fourEyes = true): Scene {
    const made = scene(askedRun(askedBy, fourEyes));
    made.install('decisions', '19:00:00');
    made.install('asked-by', '19:00:00');
    return made;
  }

  it('S-35: refuses the sign-off and the rollback of whoever asked for the run', async () => {
    for (const choice of [{ choice: 'SignOff' }, { choice: 'Rollback', method: 'Snapshots' }] as const) {
      const { decide, look } = guarded('ana@example.org');
      assert.equal(
        said(await look(decide(choice))),
        `Void: ana@example.org asked for this run: somebody else must decide ${choice.choice} (spec.approvals.fourEyes)`,
      );
    }
  });

  it('S-35: takes the word of somebody else, and any word where four eyes are not asked for', async () => {
    const other = guarded('ana@example.org');
    assert.equal(
      (await other.look(other.decide({ choice: 'SignOff', decidedBy: 'ben@example.org' }))).phase,
      'Accepted',
    );
    const off = guarded('ana@example.org', false);
    assert.equal((await off.look(off.decide({ choice: 'SignOff' }))).phase, 'Accepted');
  });

  it('lets whoever asked abort: that undoes nothing behind the back of another', async () => {
    const { decide, look } = guarded('ana@example.org');
    assert.equal((await look(decide({ choice: 'Abort' }))).phase, 'Accepted');
  });

  it('S-35: refuses everybody where it is not known who asked', async () => {
    const { decide, look } = guarded(undefined);
    assert.match(said(await look(decide({ choice: 'SignOff' }))), /^Void: four eyes cannot be kept: who asked/);
  });

  it('S-41: refuses everybody where no policy vouches for the names', async () => {
    const bare = scene(askedRun('ana@example.org'));
    const other = { choice: 'SignOff', decidedBy: 'ben@example.org' } as const;
    assert.match(said(await bare.look(bare.decide(other))), /^Void: four eyes cannot be kept: who asked/);
    const half = scene(askedRun('ana@example.org'));
    half.install('asked-by', '19:00:00');
    assert.match(said(await half.look(half.decide(other))), /^Void: four eyes cannot be kept: no admission policy/);
  });

  it('is copied into the plan with who asked, and a set without approvals has none', () => {
    const planned = (fourEyes: boolean | undefined, annotations: Record<string, string>): unknown => {
      const made = upgradeSet(fourEyes === undefined ? {} : { approvals: { fourEyes } });
      const set = { ...made, metadata: { ...made.metadata, annotations } };
      const groups = [serverGroup(1)];
      const world = { workloads: new Map(), from: '1.1.0', fromPackage: '', cannotHold: [], members: new Map() };
      const input = { set, package: packageOf('1.2.0'), groups, pools: [pool()], suites: [probeSuite()], ...world };
      return computeRun(input, () => planHash).policy.approvals;
    };
    const asked = { 'belay.dev/asked-by': 'ana@example.org' };
    assert.deepEqual(planned(true, asked), { ...approvalDefaults, fourEyes: true, askedBy: 'ana@example.org' });
    assert.deepEqual(planned(true, {}), { ...approvalDefaults, fourEyes: true });
    assert.equal(planned(undefined, asked), undefined);
  });
});

describe('decisions that contradict', () => {
  const rollback = { choice: 'Rollback', method: 'Snapshots' } as const;

  it('S-35: of Rollback and Resume the first wins, and the other says which it was', async () => {
    const { decide, look } = scene();
    const back = decide({ ...rollback, at: '20:15:00' });
    const on = decide({ choice: 'Resume', at: '20:15:01', decidedBy: 'ben@example.org' });
    assert.equal(said(await look(on)), 'Void: Decision portal-1-rollback of ana@example.org (Rollback) came first');
    assert.equal((await look(back)).phase, 'Accepted');
  });

  it('S-35: what was accepted stays first, even before one of the same second whose name sorts before', async () => {
    const { decide, look } = scene();
    const back = decide({ ...rollback, name: 'b' });
    assert.equal((await look(back)).phase, 'Accepted');
    assert.match(said(await look(decide({ choice: 'Resume', name: 'a' }))), /^Void: Decision b of ana/);
    assert.equal((await look(back)).phase, 'Accepted');
  });

  it('S-35: of Approved and Denied of one choice the first wins', async () => {
    const { decide, look } = scene(runWith());
    const no = decide({ choice: 'SignOff', verdict: 'Denied', name: 'no', at: '20:15:00' });
    const yes = decide({ choice: 'SignOff', name: 'yes', at: '20:15:01', decidedBy: 'ben@example.org' });
    assert.equal(said(await look(yes)), 'Void: Decision no of ana@example.org (denied SignOff) came first');
    assert.equal((await look(no)).phase, 'Accepted');
  });

  it('S-35: one that is void takes no place: a rollback by somebody who may not does not stop the next', async () => {
    const { decide, look } = scene();
    decide({ ...rollback, name: 'eve', decidedBy: 'eve@example.org', at: '20:14:00' });
    assert.equal((await look(decide({ ...rollback, name: 'ana' }))).phase, 'Accepted');
  });

  it('a refused Rollback leaves Resume free, and an Abort is heard after Resume', async () => {
    const { decide, look } = scene();
    decide({ ...rollback, verdict: 'Denied', at: '20:14:00' });
    assert.equal((await look(decide({ choice: 'Resume' }))).phase, 'Accepted');
    assert.equal((await look(decide({ choice: 'Abort', at: '20:16:00' }))).phase, 'Accepted');
  });

  it('after a resumption the next failure asks again', async () => {
    const { decide, look, change } = scene();
    const first = decide({ choice: 'Resume', name: 'first' });
    assert.equal((await look(first)).phase, 'Accepted');
    const entry = { id: 'g1-upgrade', attempt: 2, operation: 'x', finished: at('20:16:00') };
    change({ steps: [{ ...entry, state: 'Failed', handles: { 'resumed/first': 'g1-upgrade' } }] });
    assert.equal((await look(decide({ choice: 'Resume', name: 'second', at: '20:17:00' }))).phase, 'Accepted');
    assert.equal((await look(first)).phase, 'Accepted');
  });

  it('a sign-off given in advance does not stop the rollback after a failure', async () => {
    const made = scene(runWith());
    assert.equal((await made.look(made.decide({ choice: 'SignOff', at: '20:01:00' }))).phase, 'Accepted');
    made.change({ steps: runWith('Upgrade').status?.steps ?? [] });
    assert.equal((await made.look(made.decide(rollback))).phase, 'Accepted');
  });

  it('a word given before the failure is no answer to it', async () => {
    const early = scene();
    const want = /^Void: it was given before g1-upgrade failed: look at the failure, then decide again/;
    assert.match(said(await early.look(early.decide({ choice: 'Resume', at: '20:09:00' }))), want);
    const made = scene(runWith());
    const waiting = await made.look(made.decide({ choice: 'Resume', at: '20:09:00' }));
    assert.equal(said(waiting), 'Pending: no step has failed yet: Resume waits for one');
    assert.equal(waiting.afterMs, 10_000);
    assert.equal((await made.look(made.decide({ ...rollback, at: '20:09:01' }))).phase, 'Accepted');
    made.change({ steps: runWith('Upgrade').status?.steps ?? [] });
    assert.match(said(await made.look('portal-1-rollback')), want);
    assert.match(said(await made.look('portal-1-resume')), want);
  });
});

describe('what makes a decision void', () => {
  it('S-35: another plan, an end, and a way back that is not offered', async () => {
    const { decide, look, change } = scene();
    const other = decide({ choice: 'Resume', planHash: `sha256:${'1'.repeat(64)}`, name: 'other' });
    assert.match(said(await look(other)), /^Void: it was made for another plan; this run has sha256:0/);
    change({ choices: [{ choice: 'Rollback', method: 'DatabaseAndSnapshots', data: 'Discard' }] });
    const silent = decide({ choice: 'Rollback', method: 'DatabaseAndSnapshots', name: 'silent' });
    assert.match(said(await look(silent)), /^Void: it is not offered: copy method and data/);
    const named = decide({ choice: 'Rollback', method: 'DatabaseAndSnapshots', data: 'Discard', name: 'named' });
    assert.equal((await look(named)).phase, 'Accepted');
    change({ phase: 'RolledBack' });
    assert.equal(said(await look(decide({ choice: 'Abort' }))), 'Void: the run is over: RolledBack');
    assert.equal((await look(named)).phase, 'Accepted');
  });

  it('S-35: expiry, also of one that was accepted and not used', async () => {
    const { clock, decide, look } = scene(runWith());
    const late = decide({ choice: 'SignOff', expires: at('20:19:00'), name: 'late' });
    assert.equal(said(await look(late)), `Void: it expired at ${at('20:19:00')}`);
    const soon = decide({ choice: 'SignOff', expires: at('20:21:00'), name: 'soon' });
    const accepted = await look(soon);
    assert.deepEqual([accepted.phase, accepted.afterMs], ['Accepted', 60_000]);
    await clock.advance(60_000);
    assert.equal(said(await look(soon)), `Void: it expired at ${at('20:21:00')}`);
    assert.equal(formatInstant(clock.now()), at('20:21:00.000'));
  });

  it('S-35: expiry does not take back what was acted on', async () => {
    const { clock, decide, look, change } = scene(runWith());
    const name = decide({ choice: 'SignOff', expires: at('20:21:00') });
    assert.equal((await look(name)).phase, 'Accepted');
    change({
      steps: [{ id: 'sign-off', state: 'Running', attempt: 1, operation: 'x', handles: { 'signed-off': 'ana' } }],
    });
    await clock.advance(120_000);
    assert.equal((await look(name)).phase, 'Accepted');
  });

  it('says nothing final while the run is not there', async () => {
    const { decide, look } = scene();
    const made = decision('portal-9', { planHash, choice: 'Resume' });
    assert.ok(made.spec.run !== 'portal-1' && decide({ choice: 'Abort' }) !== '');
    const elsewhere = scene();
    elsewhere.client.seed<Decision>(decisions, made);
    assert.equal(said(await elsewhere.look(made.metadata.name)), 'Pending: UpgradeRun "portal-9" does not exist');
    assert.equal((await look('portal-1-abort')).phase, 'Accepted');
  });
});
