import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  database,
  decision,
  packageOf,
  pool,
  probeSuite,
  serverGroup,
  upgradeSet,
} from '../../test/builders/objects.ts';
import { createManualClock } from '../../test/fakes/manual-clock.ts';
import { createMemoryClient } from '../../test/fakes/memory-client.ts';
import type { Decision } from '../api/decision.ts';
import { decisions, upgradeRuns } from '../api/resources.ts';
import type { StepAction, UpgradeRun, UpgradeRunStatus } from '../api/upgrade-run.ts';
import { createCache } from '../kube/cache.ts';
import { KubeError } from '../kube/kube-error.ts';
import { computeRun } from '../planner/plan.ts';
import { definitionsOf } from '../planner/preflight/definitions.ts';
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

const ana = 'ana@example.org';
const ben = 'ben@example.org';

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

type Approvals = NonNullable<UpgradeRun['spec']['policy']['approvals']>;

/** Under way, made with this policy; its checks are looked at, and nothing has failed. */
function withPolicy(approvals: Partial<Approvals>, status: Partial<UpgradeRunStatus> = {}): UpgradeRun {
  const run = runWith(undefined, { preflight: listed, ...status });
  const defaults = { fourEyes: false, start: 'NotRequired', jointSteps: 'Automatic', expireAfter: '72h' } as const;
  const preflight = { require: ['Contacts', 'Channel'] as const, checks: [] };
  const policy = { ...run.spec.policy, preflight: { ...preflight, require: [...preflight.require] } };
  return { ...run, spec: { ...run.spec, policy: { ...policy, approvals: { ...defaults, ...approvals } } } };
}

/** A run in which people take the backup. */
function askingPeople(steps: UpgradeRunStatus['steps'], approvals: Partial<Approvals> = {}): UpgradeRun {
  const run = withPolicy(approvals, { steps });
  const row = { id: 'backup-last', number: '5a', title: 'People back up the database', requires: [] };
  const times = { timeout: '1h', estimate: '30m' };
  const asked = { ...row, ...times, action: 'BackupDatabase', actor: 'Customer' } as const;
  return { ...run, spec: { ...run.spec, steps: [...run.spec.steps, asked] } };
}

const listed = [
  { check: 'Contacts', verdict: 'Fail', severity: 'Hold', remedy: 'name a Lead in spec.contacts', waivable: true },
  { check: 'Channel', verdict: 'Unknown', severity: 'Hold', waivable: true },
] satisfies UpgradeRunStatus['preflight'];

/** One step of the plan with its state. */
function at1(
  id: string,
  state: 'Running' | 'Succeeded' | 'Failed',
  more: object = {},
): UpgradeRunStatus['steps'][number] {
  return { id, state, attempt: 1, operation: `uid-portal-1/${id}/1`, started: at('20:10:00.500'), ...more };
}

function scene(initial: UpgradeRun = runWith('Upgrade')) {
  const clock = createManualClock(Date.parse(at('20:20:00')));
  const client = createMemoryClient({ clock });
  const cache = createCache<Decision>({ logger: silentLogger });
  const asked: unknown[] = [];
  const permitted = new Set([ana, ben]);
  const refused = new Set<string>();
  let mayAsk = true;
  let run = client.seed<UpgradeRun>(upgradeRuns, initial);
  client.server.posts.set(path, (body) => {
    const { spec } = body as { spec: { user: string; resourceAttributes: { subresource: string } } };
    asked.push(spec);
    if (!mayAsk) throw new KubeError({ status: 403, reason: 'Forbidden', message: 'no' });
    const isRight = !refused.has(spec.resourceAttributes.subresource);
    return { ...body, status: { allowed: permitted.has(spec.user) && isRight } };
  });
  return {
    clock,
    client,
    asked,
    permitted,
    /** Nobody has this right. */
    refuse(subresource: string): void {
      refused.add(subresource);
    },
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

  const decidedByAsker: Record<string, [spec: Omit<Written, 'planHash'>, isFree: boolean]> = {
    'a waiver': [{ choice: 'Waive', check: 'Contacts' }, false],
    'a restart': [{ choice: 'Restart' }, false],
    'a rebuild': [{ choice: 'Rebuild', group: 'group-1', server: 'web-1' }, false],
    'the approval of the start': [{ choice: 'Approve' }, false],
    'the result of a joint step': [{ choice: 'Approve', step: 'g1-others' }, true],
    'what was seen': [{ choice: 'Attest', check: 'Channel' }, true],
    'what people have done': [{ choice: 'Attest', step: 'backup-last', evidence: 'vault/42' }, true],
    'going on': [{ choice: 'Resume' }, true],
    'another try': [{ choice: 'Retry' }, true],
  };
  for (const [name, [spec, isFree]] of Object.entries(decidedByAsker)) {
    it(`S-35: ${isFree ? 'leaves' : 'refuses'} whoever asked ${name}`, async () => {
      const made = scene(withPolicy({ start: 'Required', jointSteps: 'One', fourEyes: true, askedBy: ana }));
      made.install('decisions', '19:00:00');
      made.install('asked-by', '19:00:00');
      if (spec.choice === 'Retry') made.change({ phase: 'RolledBack' });
      const { message } = await made.look(made.decide(spec));
      assert.equal(/asked for this run: somebody else must decide/.test(message), !isFree, message);
    });
  }
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
    assert.equal(
      said(await look(decide({ choice: 'Abort' }))),
      'Void: the run is over: RolledBack; only Retry can still be decided',
    );
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

  it('S-08 S-35: a Retry that no run followed is void when its time is over, and stays where one did', async () => {
    const { clock, client, decide, look } = scene(runWith('Upgrade', { phase: 'RolledBack' }));
    const unheard = decide({ choice: 'Retry', expires: at('20:21:00'), name: 'unheard' });
    const accepted = await look(unheard);
    assert.deepEqual([accepted.phase, accepted.afterMs], ['Accepted', 60_000]);
    await clock.advance(60_000);
    assert.equal(said(await look(unheard)), `Void: it expired at ${at('20:21:00')}`);
    const heard = decide({ choice: 'Retry', expires: at('20:22:00'), name: 'heard' });
    assert.equal((await look(heard)).phase, 'Accepted');
    const next = upgradeRun('portal-2', []);
    const labels = { 'belay.dev/upgradeset': next.spec.upgradeSet };
    const annotations = { 'belay.dev/follows': 'decision/heard' };
    client.seed<UpgradeRun>(upgradeRuns, { ...next, metadata: { ...next.metadata, labels, annotations } });
    await clock.advance(60_000);
    assert.equal((await look(heard)).phase, 'Accepted');
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
    assert.equal(
      said(await elsewhere.look(made.metadata.name)),
      'Pending: UpgradeRun "portal-9" does not exist in namespace shop: it waits for that run; where the name is wrong, create another Decision',
    );
    assert.equal((await look('portal-1-abort')).phase, 'Accepted');
  });
});

describe('what a decision is about', () => {
  const both = { jointSteps: 'Both' } as const;
  const running = { steps: [at1('g1-others', 'Running')] };
  const offered = { steps: runWith('Upgrade').status?.steps ?? [] };
  const back = { choice: 'Rollback', method: 'Snapshots', data: 'Keep' } as const;
  type Case = [run: UpgradeRun, spec: Omit<Written, 'planHash'>, want: string];
  const cases: Record<string, Case> = {
    'S-36 001-43 A-13: a listed check is waived by name': [
      withPolicy({}),
      { choice: 'Waive', check: 'Contacts', reason: 'the lead is on the phone' },
      'Accepted: first valid decision',
    ],
    'A-13: a check before it is looked at waits': [
      withPolicy({}, { preflight: [] }),
      { choice: 'Waive', check: 'Contacts' },
      'Pending: check Contacts is not looked at yet: Waive waits for status.preflight',
    ],
    'A-13: a check the run does not have': [
      withPolicy({}),
      { choice: 'Waive', check: 'Fax' },
      `Void: run portal-1 has no check Fax: name one of ${namesOfChecks(withPolicy({}))}`,
    ],
    'A-13: what is not a matter of a word cannot be attested': [
      withPolicy({}),
      { choice: 'Attest', check: 'Contacts' },
      "Void: Contacts is not a matter of a person's word: name a Lead in spec.contacts, or waive it",
    ],
    '001-61: the backup that a step asks people for': [
      askingPeople([at1('backup-last', 'Running')]),
      { choice: 'Attest', step: 'backup-last', evidence: 'vault/42' },
      'Accepted: first valid decision',
    ],
    '001-61: the backup before it is asked for': [
      askingPeople([]),
      { choice: 'Attest', step: 'backup-last', evidence: 'vault/42' },
      'Pending: step backup-last has not begun: Attest waits for its question',
    ],
    '001-61: a backup taken before the last server had stopped': [
      askingPeople([at1('backup-last', 'Running', { started: at('20:16:00') })]),
      { choice: 'Attest', step: 'backup-last', evidence: 'vault/42' },
      'Void: it was given before step backup-last began: do what it asks for, then decide again',
    ],
    '001-61: a backup that was attested already': [
      askingPeople([at1('backup-last', 'Succeeded')]),
      { choice: 'Attest', step: 'backup-last', evidence: 'vault/42' },
      'Void: step backup-last is over',
    ],
    '001-61: a step that people do nothing in': [
      askingPeople([at1('g1-stop', 'Running')]),
      { choice: 'Attest', step: 'g1-stop', evidence: 'vault/42' },
      'Void: step g1-stop of run portal-1 asks people for nothing: name backup-last; for a check name it in spec.check',
    ],
    '001-61: what people do is not approved': [
      askingPeople([at1('backup-last', 'Running')]),
      { choice: 'Approve', step: 'backup-last' },
      'Void: step backup-last is done by people: decide Attest, with a reference as evidence',
    ],
    'A-13: the backup before a Major cannot be waived': [
      mandatoryBackup(),
      { choice: 'Waive', check: 'Backups' },
      'Void: Backups cannot be waived: give the Database a backup Job',
    ],
    'a check once the run has started': [
      withPolicy({}, { steps: [at1('preflight', 'Succeeded')] }),
      { choice: 'Waive', check: 'Contacts' },
      'Void: the run has started already: its checks hold nothing any more',
    ],
    '001-26: a start that waits for nobody': [
      withPolicy({}),
      { choice: 'Approve' },
      'Void: no start waits for it: spec.approvals.start of the UpgradeSet was not Required; for the result of a step name it in spec.step',
    ],
    '001-26: a start that is over': [
      withPolicy({ start: 'Required' }, { steps: [at1('preflight', 'Succeeded')] }),
      { choice: 'Approve' },
      'Void: the run has started already',
    ],
    '001-26: a start, in advance': [
      withPolicy({ start: 'Required' }),
      { choice: 'Approve' },
      'Accepted: first valid decision',
    ],
    '001-96: a step the plan does not have': [
      withPolicy(both),
      { choice: 'Approve', step: 'g9-others', as: 'Engineer' },
      'Void: run portal-1 has no step g9-others: name one of final, g1-others, g2-alone, g2-others',
    ],
    '001-96: a step the engineer does alone': [
      withPolicy(both),
      { choice: 'Approve', step: 'g1-isolated', as: 'Engineer' },
      'Void: step g1-isolated waits for nobody: name one of final, g1-others, g2-alone, g2-others',
    ],
    '001-96: a joint step whose tests alone decide': [
      withPolicy({}, running),
      { choice: 'Approve', step: 'g1-others' },
      'Void: step g1-others waits for nobody: its tests alone decide (spec.approvals.jointSteps of the UpgradeSet)',
    ],
    '001-94: the sign-off by another name': [
      withPolicy(both),
      { choice: 'Approve', step: 'sign-off', as: 'Engineer' },
      'Void: step sign-off is the sign-off: decide SignOff',
    ],
    '001-96: a joint step in no role': [
      withPolicy(both, running),
      { choice: 'Approve', step: 'g1-others' },
      'Void: step g1-others needs one word as Engineer and one as Administrator: say which in spec.as',
    ],
    '001-94: a sign-off by two in no role': [
      withPolicy(both),
      { choice: 'SignOff' },
      'Void: step sign-off needs one word as Engineer and one as Administrator: say which in spec.as',
    ],
    '001-96: a joint step before it begins waits': [
      withPolicy(both),
      { choice: 'Approve', step: 'g1-others', as: 'Engineer' },
      'Pending: step g1-others has not begun: Approve waits for its tests',
    ],
    '001-96: a joint step that has failed waits for the next attempt': [
      withPolicy(both, { steps: [at1('g1-others', 'Failed')] }),
      { choice: 'Approve', step: 'g1-others', as: 'Engineer' },
      'Pending: step g1-others has failed: Approve waits until it is tried again',
    ],
    '001-96: a joint step before anybody can have seen its result': [
      withPolicy(both, running),
      { choice: 'Approve', step: 'g1-others', as: 'Engineer', at: '20:09:00' },
      'Void: it was given before step g1-others began: look at the result, then decide again',
    ],
    '001-96: a joint step under way': [
      withPolicy(both, running),
      { choice: 'Approve', step: 'g1-others', as: 'Engineer' },
      'Accepted: first valid decision',
    ],
    '001-96: a joint step that is over': [
      withPolicy(both, { steps: [at1('g1-others', 'Succeeded')] }),
      { choice: 'Approve', step: 'g1-others', as: 'Engineer' },
      'Void: step g1-others is over',
    ],
    'a sign-off nobody asks for': [
      skipped('sign-off', 'spec.signOff is NotRequired'),
      { choice: 'SignOff' },
      'Void: nothing waits for it: spec.signOff is NotRequired',
    ],
    '001-123: a restart that is offered': [
      withPolicy({}, { ...offered, choices: [{ choice: 'Restart', data: 'Keep' }, back] }),
      { choice: 'Restart' },
      'Accepted: first valid decision',
    ],
    '001-124: a restart that is not': [
      withPolicy({}, { ...offered, choices: [{ choice: 'Resume' }, back] }),
      { choice: 'Restart' },
      'Void: it is not offered: choose from status.choices of the run (Resume, Rollback), and copy its fields',
    ],
    'a restart whose loss nobody named': [
      withPolicy({}, { ...offered, choices: [{ choice: 'Restart', data: 'Discard' }] }),
      { choice: 'Restart' },
      'Void: it is not offered: choose from status.choices of the run (Restart), and copy its fields',
    ],
    'a restart before anything is offered waits': [
      withPolicy({}, offered),
      { choice: 'Restart' },
      'Pending: nothing is offered yet: Restart waits for status.choices',
    ],
    'a restart of a way back': [
      asRollback(withPolicy({})),
      { choice: 'Restart' },
      'Void: run portal-1 is a Rollback: decide Restart for portal-0, with its plan',
    ],
    '001-135: the server of a group the run does not have': [
      withPolicy({}),
      { choice: 'Rebuild', group: 'group-9', server: 'web-1' },
      'Void: run portal-1 has no group group-9: name one of group-1, group-2',
    ],
    '001-135: a server the group does not have': [
      withPolicy({}),
      { choice: 'Rebuild', group: 'group-1', server: 'web-9' },
      'Void: group group-1 has no server web-9: name one of web-1',
    ],
    '001-134: a rebuild before it is offered waits': [
      withPolicy({}),
      { choice: 'Rebuild', group: 'group-1', server: 'web-1' },
      'Pending: nothing is offered yet: Rebuild waits for status.choices',
    ],
    '001-135: the rebuild of another server than the one offered': [
      withPolicy({}, { ...offered, choices: [{ choice: 'Rebuild', group: 'group-2', server: 'web-2' }] }),
      { choice: 'Rebuild', group: 'group-1', server: 'web-1' },
      'Void: it is not offered: choose from status.choices of the run (Rebuild), and copy its fields',
    ],
    '001-135: a rebuild that is offered after the end': [
      withPolicy({}, { phase: 'Failed', choices: [{ choice: 'Rebuild', group: 'group-1', server: 'web-1' }] }),
      { choice: 'Rebuild', group: 'group-1', server: 'web-1' },
      'Accepted: first valid decision',
    ],
    'another try while the run goes on': [
      withPolicy({}),
      { choice: 'Retry' },
      'Void: the run is not over: Retry is for one that ended; Resume and Restart are for one that failed and waits',
    ],
    'another try while it goes back waits': [
      withPolicy({}, { phase: 'RollingBack' }),
      { choice: 'Retry' },
      'Pending: the run is being rolled back: Retry waits for its end',
    ],
    'another try after the way back': [
      withPolicy({}, { phase: 'RolledBack' }),
      { choice: 'Retry' },
      'Accepted: first valid decision',
    ],
    'another try of what has come to its end': [
      withPolicy({}, { phase: 'Completed' }),
      { choice: 'Retry' },
      'Void: the run is completed: there is nothing to try again',
    ],
    'another try of what nobody asks for any more': [
      withPolicy({}, { phase: 'Superseded' }),
      { choice: 'Retry' },
      'Void: the run was superseded: what the UpgradeSet asks for now has a run of its own',
    ],
    'another try of a way back': [
      asRollback(withPolicy({}, { phase: 'Failed' })),
      { choice: 'Retry' },
      'Void: run portal-1 is a Rollback: decide Retry for portal-0, with its plan',
    ],
  };
  for (const [name, [run, spec, want]] of Object.entries(cases)) {
    it(name, async () => {
      const { decide, look } = scene(run);
      assert.equal(said(await look(decide(spec))), want);
    });
  }

  function namesOfChecks(run: UpgradeRun): string {
    return definitionsOf(run.spec)
      .map((definition) => definition.name)
      .join(', ');
  }

  function mandatoryBackup(): UpgradeRun {
    const run = withPolicy({});
    const check = { check: 'Backups', verdict: 'Fail', severity: 'Hold', waivable: false } as const;
    const preflight = [{ ...check, remedy: 'give the Database a backup Job' }];
    const { backup: _backup, restore: _restore, ...spec } = database().spec;
    return {
      ...run,
      spec: { ...run.spec, procedure: 'downtime', database: { name: 'portal-db', uid: 'db', spec } },
      ...(run.status === undefined ? {} : { status: { ...run.status, preflight } }),
    };
  }

  function skipped(id: string, skip: string): UpgradeRun {
    const run = withPolicy({});
    return {
      ...run,
      spec: { ...run.spec, steps: run.spec.steps.map((step) => (step.id === id ? { ...step, skip } : step)) },
    };
  }

  function asRollback(run: UpgradeRun): UpgradeRun {
    return { ...run, spec: { ...run.spec, purpose: 'Rollback', handles: { 'origin/run': 'portal-0' } } };
  }
});

describe('two people, two roles', () => {
  const running = { steps: [at1('g1-others', 'Running')] };
  const approve = { choice: 'Approve', step: 'g1-others' } as const;

  it('001-03 001-96: a right to the role is asked for as well as the right to the choice', async () => {
    const { decide, look, asked } = scene(withPolicy({ jointSteps: 'Both' }, running));
    await look(decide({ ...approve, as: 'Administrator' }));
    assert.deepEqual(
      asked.map((spec) => (spec as { resourceAttributes: { subresource: string } }).resourceAttributes.subresource),
      ['approve', 'as-administrator'],
    );
  });

  it('001-03 001-94: half a sign-off takes the right to the role alone, and counts only where two halves are asked for', async () => {
    const waiting = { steps: [at1('sign-off', 'Running')] };
    const half = { choice: 'SignOff', as: 'Engineer' } as const;
    const { decide, look, asked } = scene(withPolicy({ jointSteps: 'Both' }, waiting));
    assert.match(said(await look(decide(half))), /^Accepted/);
    assert.deepEqual(
      asked.map((spec) => (spec as { resourceAttributes: { subresource: string } }).resourceAttributes.subresource),
      ['as-engineer'],
    );
    const alone = scene(withPolicy({ jointSteps: 'One' }, waiting));
    assert.match(said(await alone.look(alone.decide(half))), /^Void: a sign-off as Engineer is half of one/);
  });

  it('001-03 S-41: who may choose but not in that role is refused, with the right that is missing', async () => {
    const { decide, look, refuse } = scene(withPolicy({ jointSteps: 'Both' }, running));
    refuse('as-administrator');
    assert.match(
      said(await look(decide({ ...approve, as: 'Administrator' }))),
      /^Void: ana@example\.org may not decide Approve as Administrator on run portal-1: grant create on upgraderuns\/as-administrator \(group belay\.dev\) in namespace shop/,
    );
  });

  it('a restart that throws data away takes the right to roll back as well', async () => {
    const failed = {
      steps: runWith('Upgrade').status?.steps ?? [],
      choices: [{ choice: 'Restart', data: 'Discard' as const }],
    };
    const { decide, look, refuse } = scene(withPolicy({}, failed));
    refuse('rollback');
    assert.match(
      said(await look(decide({ choice: 'Restart', data: 'Discard' }))),
      /^Void: ana@example\.org may not decide Restart on run portal-1: grant create on upgraderuns\/rollback/,
    );
  });

  it('S-35 001-96: one person is not two, whatever they may', async () => {
    const { decide, look } = scene(withPolicy({ jointSteps: 'Both' }, running));
    assert.equal((await look(decide({ ...approve, name: 'one', as: 'Engineer' }))).phase, 'Accepted');
    assert.equal(
      said(await look(decide({ ...approve, name: 'two', as: 'Administrator' }))),
      'Void: Decision one is the word of ana@example.org as Engineer: somebody else must decide as Administrator',
    );
    const other = decide({ ...approve, name: 'three', as: 'Administrator', decidedBy: ben });
    assert.equal((await look(other)).phase, 'Accepted');
    const late = decide({ ...approve, name: 'four', as: 'Administrator', decidedBy: ben, at: '20:16:00' });
    assert.equal(said(await look(late)), 'Void: Decision three of ben@example.org (Approve) came first');
  });

  it('001-94: both may sign off, each once', async () => {
    const { decide, look } = scene(withPolicy({ jointSteps: 'Both' }));
    const made = [
      decide({ choice: 'SignOff', name: 'one', as: 'Engineer' }),
      decide({ choice: 'SignOff', name: 'two', as: 'Administrator', decidedBy: ben }),
      decide({ choice: 'SignOff', name: 'three', as: 'Engineer', decidedBy: ben, at: '20:16:00' }),
    ];
    const phases: string[] = [];
    for (const name of made) phases.push((await look(name)).phase);
    assert.deepEqual(phases, ['Accepted', 'Accepted', 'Void']);
  });
});

describe('one word about each thing', () => {
  it('A-13: waivers of two checks stand beside each other, two of one check do not', async () => {
    const { decide, look } = scene(withPolicy({}));
    assert.equal((await look(decide({ choice: 'Waive', check: 'Contacts', name: 'one' }))).phase, 'Accepted');
    assert.equal((await look(decide({ choice: 'Waive', check: 'Channel', name: 'two' }))).phase, 'Accepted');
    assert.equal(
      said(
        await look(decide({ choice: 'Waive', check: 'Contacts', name: 'three', verdict: 'Denied', at: '20:16:00' })),
      ),
      'Void: Decision one of ana@example.org (Waive) came first',
    );
  });

  it('001-135: one server is rebuilt after the other: the next is decided on the run that follows', async () => {
    const choices = [1, 2].map((n) => ({ choice: 'Rebuild', group: `group-${n}`, server: `web-${n}` }));
    const { decide, look } = scene(withPolicy({}, { choices }));
    const rebuild = (n: number, name: string, time: string): ReturnType<Scene['look']> =>
      look(decide({ choice: 'Rebuild', group: `group-${n}`, server: `web-${n}`, name, at: time }));
    assert.deepEqual(
      [said(await rebuild(1, 'one', '20:15:00')), said(await rebuild(2, 'two', '20:16:00'))],
      ['Accepted: first valid decision', 'Void: Decision one of ana@example.org (Rebuild) came first'],
    );
  });

  it('001-113: a refused sign-off is the answer until somebody resumes; then there is room for another', async () => {
    const made = scene(withPolicy({}, { steps: [at1('sign-off', 'Running')] }));
    const no = made.decide({ choice: 'SignOff', verdict: 'Denied', name: 'no' });
    assert.equal((await made.look(no)).phase, 'Accepted');
    const handles = { 'heard/no': 'uid-portal-1/sign-off/1' };
    made.change({ steps: [at1('sign-off', 'Failed', { handles, finished: at('20:16:00') })] });
    const early = made.decide({ choice: 'SignOff', name: 'early', decidedBy: ben, at: '20:17:00' });
    assert.equal(said(await made.look(early)), 'Void: Decision no of ana@example.org (denied SignOff) came first');
    made.change({
      steps: [at1('sign-off', 'Running', { handles, attempt: 2, operation: 'uid-portal-1/sign-off/2' })],
    });
    const yes = made.decide({ choice: 'SignOff', name: 'yes', decidedBy: ben, at: '20:18:00' });
    assert.deepEqual([(await made.look(yes)).phase, (await made.look(no)).phase], ['Accepted', 'Accepted']);
  });

  it('001-96: a result that was approved is asked about again when its tests run again', async () => {
    const made = scene(withPolicy({ jointSteps: 'One' }, { steps: [at1('final', 'Running')] }));
    const first = made.decide({ choice: 'Approve', step: 'final', name: 'first' });
    assert.equal((await made.look(first)).phase, 'Accepted');
    const again = { attempt: 2, operation: 'uid-portal-1/final/2', started: at('20:17:00') };
    made.change({ steps: [at1('final', 'Running', { handles: { 'heard/first': 'uid-portal-1/final/1' }, ...again })] });
    const second = made.decide({ choice: 'Approve', step: 'final', name: 'second', at: '20:18:00' });
    assert.deepEqual([(await made.look(second)).phase, (await made.look(first)).phase], ['Accepted', 'Accepted']);
  });
});

describe('approvals expire', () => {
  it('S-35: one that was not used within expireAfter of its creation is void', async () => {
    const made = scene(withPolicy({ start: 'Required', expireAfter: '6m' }));
    const name = made.decide({ choice: 'Approve' });
    const fresh = await made.look(name);
    assert.deepEqual([fresh.phase, fresh.afterMs], ['Accepted', 60_000]);
    await made.clock.advance(60_000);
    assert.equal(said(await made.look(name)), 'Void: expired: not used within 6m; decide again');
  });

  const kept: Record<string, [spec: Omit<Written, 'planHash'>, status: Partial<UpgradeRunStatus>]> = {
    'a start that was approved': [
      { choice: 'Approve' },
      { steps: [at1('preflight', 'Running', { handles: { 'start-approved': 'ana' } })] },
    ],
    'a check that was waived': [
      { choice: 'Waive', check: 'Contacts' },
      { steps: [at1('preflight', 'Running', { handles: { 'waived/Contacts': 'ana' } })] },
    ],
    'a check that was attested': [
      { choice: 'Attest', check: 'Channel' },
      { steps: [at1('preflight', 'Running', { handles: { 'attested/Channel': 'ana' } })] },
    ],
    'a rollback that began': [{ choice: 'Rollback', method: 'Snapshots' }, { phase: 'RollingBack' }],
    'an abort': [{ choice: 'Abort' }, {}],
  };
  it('S-35 001-61: a backup that was attested does not: the run goes on with its reference', async () => {
    const made = scene(askingPeople([at1('backup-last', 'Running')], { expireAfter: '6m' }));
    const word = made.decide({ choice: 'Attest', step: 'backup-last', evidence: 'vault/42' });
    assert.equal((await made.look(word)).phase, 'Accepted');
    const handles = { [`heard/${word}`]: 'uid-portal-1/backup-last/1' };
    made.change({ steps: [at1('backup-last', 'Running', { handles })] });
    await made.clock.advance(3_600_000);
    assert.equal((await made.look(word)).phase, 'Accepted');
  });

  for (const [name, [spec, status]] of Object.entries(kept)) {
    it(`S-35: ${name} does not: it was acted on`, async () => {
      const made = scene(withPolicy({ start: 'Required', expireAfter: '6m' }));
      const word = made.decide(spec);
      assert.equal((await made.look(word)).phase, 'Accepted');
      made.change(status);
      await made.clock.advance(3_600_000);
      assert.equal((await made.look(word)).phase, 'Accepted');
    });
  }

  it('S-35: after 72 hours where the set says nothing about approvals', async () => {
    const made = scene(runWith());
    const word = made.decide({ choice: 'SignOff' });
    assert.equal((await made.look(word)).phase, 'Accepted');
    await made.clock.advance(72 * 3_600_000);
    assert.equal(said(await made.look(word)), 'Void: expired: not used within 72h; decide again');
  });
});
