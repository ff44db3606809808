import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import * as z from 'zod';
import { mayDecide, wasInForce } from '../../src/controllers/access-review.ts';
import { reconcileDecision } from '../../src/controllers/reconcile-decision.ts';
import { decodeDecision } from '../../src/api/decode.ts';
import { decisions } from '../../src/api/resources.ts';
import { createCache } from '../../src/kube/cache.ts';
import type { Decision } from '../../src/api/decision.ts';
import { silentLogger } from '../../src/shared/logger.ts';
import { createReader } from '../e2e/reader.ts';
import { validObjects } from './bad-objects.ts';
import { renderDeploy, staleFiles } from '../../scripts/render-deploy.ts';
import { controlPlaneTools, ensureTools } from '../cluster/build-tools.ts';
import { type ControlPlane, startControlPlane } from '../cluster/control-plane.ts';
import { waitFor } from '../cluster/poll.ts';
import { type RunResult, run, tryRun } from '../cluster/process.ts';

const chart = join(import.meta.dirname, '../../helm/belay');
const release = 'belay-system';
const planHash = `sha256:${'4be1'.repeat(16)}`;
const engineer = 'ana@example.org';
const administrator = 'ben@example.org';
const controller = `system:serviceaccount:${release}:belay`;

let cluster: ControlPlane;
let helmPath: string;
/** How the first UpgradeSet fared, sent right after the chart was installed. */
let firstSet: { readonly tookMs: number; readonly refusals: readonly string[] };
/** What is said to one that asks for four eyes where nothing notes who asks. */
let fourEyesRefusal: string;

before(async () => {
  const tools = await ensureTools({ log: (line) => console.log(line), only: [...controlPlaneTools, 'helm'] });
  helmPath = tools.path('helm');
  cluster = await startControlPlane({ dir: mkdtempSync(join(tmpdir(), 'belay-admission-')), tools });
  await namespace(release, { 'pod-security.kubernetes.io/enforce': 'restricted' });
  for (const name of ['shop', 'lab']) await namespace(name);
  await helm('install');
  for (const kind of ['decisions', 'upgradesets'])
    await cluster.kubectl(['wait', '--for=condition=Established', '--timeout=30s', `crd/${kind}.belay.dev`]);
  firstSet = await admitFirstSet();
  fourEyesRefusal = (await tryCreateSet('watched', { approvals: { fourEyes: true } })).stderr;
  await helm('upgrade', '--set', 'admission.fourEyes=true');
  await bind('shop', 'engineer', engineer);
  await bind('shop', 'administrator', administrator);
  await policiesActive();
});
after(() => cluster?.stop());

const decisionDefaults = { run: 'portal-7', planHash, choice: 'Resume' };

/** What each choice needs beside itself. */
const completed: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Rollback: { method: 'Snapshots' },
  Waive: { check: 'Contacts', reason: 'the lead is on the phone' },
  Attest: { check: 'Channel', reason: 'we talk to each other' },
  Rebuild: { group: 'group-1', server: 'web-1', reason: 'its disk is gone' },
};
const choose = (choice: string, more: Record<string, string> = {}): Record<string, string> => ({
  choice,
  ...completed[choice],
  ...more,
});

describe('a fresh install', () => {
  it('takes an UpgradeSet at once where admission.fourEyes is off: no mutating policy has to learn its kind first', () => {
    assert.deepEqual(firstSet.refusals, []);
    assert.ok(firstSet.tookMs < 10_000, `it took ${firstSet.tookMs} ms`);
  });

  it('S-35: refuses four eyes that could not be kept, and says how they can', () => {
    assert.match(
      fourEyesRefusal,
      /spec\.approvals\.fourEyes cannot be kept: nothing notes who asks; install the chart with admission\.fourEyes=true, or set the annotation belay\.dev\/asked-by to admin/,
    );
  });
});

describe('Decision policies', () => {
  it('fills in who decided', async () => {
    assert.equal((await decide(engineer, {})).decidedBy, engineer);
  });

  it('accepts the own name written out', async () => {
    assert.equal((await decide(engineer, { decidedBy: engineer })).decidedBy, engineer);
  });

  it('refuses a decision in the name of another, even of one who may (impersonation)', async () => {
    assert.match(
      await refusal(engineer, { choice: 'SignOff', decidedBy: administrator }),
      /spec\.decidedBy must be ana@example\.org, who sends this decision, not ben@example\.org: nobody decides in the name of another/,
    );
  });

  const carriesOn: readonly string[] = ['Resume', 'Restart', 'Retry', 'Approve', 'Attest', 'Abort'];
  const answersFor: readonly string[] = [...carriesOn, 'SignOff', 'Waive', 'Rollback', 'Rebuild'];
  const allowed: Record<string, readonly string[]> = {
    [engineer]: carriesOn,
    [administrator]: answersFor,
    'admin@example.org': [],
    [controller]: [],
  };
  for (const [user, choices] of Object.entries(allowed)) {
    for (const choice of answersFor) {
      const want = choices.includes(choice);
      it(`001-03 001-126 ${want ? 'lets' : 'does not let'} ${user} decide ${choice}`, async () => {
        // Rights on the object alone are not the right to choose.
        await bindRole('shop', 'decisions-only', ['decisions'], user);
        const spec = choose(choice);
        if (want) {
          assert.equal((await decide(user, spec)).decidedBy, user);
          return;
        }
        const remedy = `${user} may not decide ${choice} on run portal-7: grant create on upgraderuns/${choice.toLowerCase()} (group belay.dev) in namespace shop`;
        assert.ok((await refusal(user, spec)).includes(remedy));
      });
    }
  }

  const roles: Record<string, [user: string, spec: Record<string, string>, refused: string]> = {
    'an engineer approves as Engineer': [engineer, choose('Approve', { step: 'g1-others', as: 'Engineer' }), ''],
    'an administrator signs off as Administrator': [administrator, choose('SignOff', { as: 'Administrator' }), ''],
    'an engineer may not approve as Administrator': [
      engineer,
      choose('Approve', { step: 'g1-others', as: 'Administrator' }),
      'ana@example.org may not decide Approve as Administrator on run portal-7: grant create on upgraderuns/as-administrator (group belay.dev) in namespace shop',
    ],
    'an administrator may not sign off as Engineer': [
      administrator,
      choose('SignOff', { as: 'Engineer' }),
      'ben@example.org may not decide SignOff as Engineer on run portal-7: grant create on upgraderuns/as-engineer (group belay.dev) in namespace shop',
    ],
    '001-61: an engineer attests what a step asked people for': [
      engineer,
      { choice: 'Attest', step: 'backup-last', reason: 'full backup, checked', evidence: 'vault/portal-0042' },
      '',
    ],
    '001-61: not without its reference': [
      engineer,
      { choice: 'Attest', step: 'backup-last', reason: 'full backup, checked' },
      'evidence is required for the choice Attest with a step',
    ],
    'a role is no right to choose': [
      engineer,
      choose('Waive', { as: 'Engineer' }),
      'ana@example.org may not decide Waive on run portal-7: grant create on upgraderuns/waive (group belay.dev) in namespace shop',
    ],
    'an engineer signs off as Engineer, which is half of a sign-off': [
      engineer,
      choose('SignOff', { as: 'Engineer' }),
      '',
    ],
    'an engineer restarts on what is there': [engineer, choose('Restart', { data: 'Keep' }), ''],
    'an engineer may not throw data away by a restart': [
      engineer,
      choose('Restart', { data: 'Discard' }),
      'ana@example.org may not decide a Restart that discards data on run portal-7: grant create on upgraderuns/rollback (group belay.dev) in namespace shop, or restart with data Keep',
    ],
    'an administrator may': [administrator, choose('Restart', { data: 'Discard' }), ''],
  };
  for (const [name, [user, spec, refused]] of Object.entries(roles)) {
    it(`001-03 001-96 ${name}`, async () => {
      if (refused === '') assert.equal((await decide(user, spec)).decidedBy, user);
      else assert.ok((await refusal(user, spec)).includes(refused), await refusal(user, spec));
    });
  }

  it('honours rights on one run only', async () => {
    const only = 'cara@example.org';
    await bindRole('shop', 'decisions-only', ['decisions'], only);
    await bindRole('shop', 'one-run', ['upgraderuns/signoff'], only, ['portal-7']);
    assert.equal((await decide(only, { choice: 'SignOff' })).decidedBy, only);
    assert.match(await refusal(only, { choice: 'SignOff', run: 'portal-8' }), /may not decide SignOff on run portal-8/);
  });

  it('does not carry rights over to another namespace', async () => {
    await bindRole('lab', 'decisions-only', ['decisions'], administrator);
    assert.match(await refusal(administrator, { choice: 'SignOff' }, 'lab'), /in namespace lab/);
  });

  it('S-41: leaves the status of a Decision, where the verdict stands, to the controller', async () => {
    for (const user of [engineer, administrator]) {
      const answer = await tryKubectl([
        'auth',
        'can-i',
        'patch',
        'decisions/status.belay.dev',
        '-n',
        'shop',
        `--as=${user}`,
      ]);
      assert.equal(answer.stdout.trim(), 'no');
    }
  });

  it('lets the controller write the status of what others decided', async () => {
    const { name } = await decide(administrator, { choice: 'SignOff' });
    const patch = JSON.stringify({ status: { phase: 'Accepted' } });
    await cluster.kubectl([
      '-n',
      'shop',
      'patch',
      'decision',
      name,
      '--subresource=status',
      '--type=merge',
      '-p',
      patch,
      `--as=${controller}`,
    ]);
  });
});

describe('who asked for an upgrade', () => {
  const annotation = 'belay.dev/asked-by';
  const askedBy = async (): Promise<string | undefined> => {
    const { stdout } = await cluster.kubectl(['-n', 'shop', 'get', 'upgradeset', 'portal', '-o', 'json']);
    const set: unknown = JSON.parse(stdout);
    return objectSchema.parse(set).metadata.annotations?.[annotation];
  };
  const patch = (user: string, change: object): Promise<RunResult> =>
    tryKubectl([
      '-n',
      'shop',
      'patch',
      'upgradeset',
      'portal',
      '--type=merge',
      '-p',
      JSON.stringify(change),
      `--as=${user}`,
    ]);

  before(async () => {
    for (const user of [engineer, administrator]) await bindEditor(user);
    await waitFor({
      what: 'the policies on UpgradeSets to be in force',
      timeoutMs: 150_000,
      check: async () => {
        const made = await tryCreateSet('portal', {}, '--dry-run=server');
        return made.stdout.includes(annotation) ? true : undefined;
      },
    });
    const made = await tryCreateSet('portal', {}, `--as=${engineer}`);
    assert.equal(made.stderr, '');
  });

  it('S-35: is noted when a set is made and when somebody asks for something else', async () => {
    assert.equal(await askedBy(), engineer);
    assert.equal((await patch(administrator, { spec: { package: 'portal-1.3.0' } })).stderr, '');
    assert.equal(await askedBy(), administrator);
    assert.equal((await patch(engineer, { spec: { approvals: { fourEyes: true } } })).stderr, '');
    assert.equal(await askedBy(), engineer);
  });

  it('S-35: stays when somebody pauses or labels the set, and when the controller guards it', async () => {
    assert.equal((await patch(administrator, { spec: { paused: true, historyLimit: 3 } })).stderr, '');
    assert.equal((await patch(administrator, { metadata: { labels: { team: 'web' } } })).stderr, '');
    assert.equal((await patch(controller, { metadata: { finalizers: ['belay.dev/finalize'] } })).stderr, '');
    assert.equal(await askedBy(), engineer);
    assert.equal((await patch(controller, { metadata: { finalizers: [] } })).stderr, '');
  });

  it('S-35: cannot be written in the name of another', async () => {
    const forged = { metadata: { annotations: { [annotation]: administrator } } };
    assert.match(
      (await patch(engineer, forged)).stderr,
      /names who asks for an upgrade: leave it as it was, or remove it/,
    );
    // With a change, the true name takes its place.
    assert.equal((await patch(engineer, { ...forged, spec: { package: 'portal-1.4.0' } })).stderr, '');
    assert.equal(await askedBy(), engineer);
  });
});

describe('four eyes at admission', () => {
  const approvals = { fourEyes: true, askedBy: administrator };

  before(async () => {
    await createRun('watched', { approvals });
    await createRun('unwatched', { approvals: { ...approvals, fourEyes: false } });
    await waitFor({
      what: 'the API server to know the runs',
      timeoutMs: 90_000,
      check: async () =>
        (await tryDecide(administrator, choose('SignOff', { run: 'watched' }))).code === 0 ? undefined : true,
    });
  });

  for (const choice of ['SignOff', 'Waive', 'Rollback', 'Restart', 'Rebuild', 'Approve']) {
    it(`S-35: refuses ${choice} of whoever asked for the run`, async () => {
      assert.ok(
        (await refusal(administrator, choose(choice, { run: 'watched' }))).includes(
          `ben@example.org asked for run watched: somebody else must decide ${choice} (spec.approvals.fourEyes)`,
        ),
      );
    });
  }

  it('S-35: leaves them what accepts and undoes nothing, and every choice about other runs', async () => {
    for (const spec of [
      choose('Abort', { run: 'watched' }),
      choose('Approve', { run: 'watched', step: 'g1-others' }),
      choose('SignOff', { run: 'unwatched' }),
      choose('SignOff', { run: 'not-there' }),
    ])
      assert.equal((await decide(administrator, spec)).decidedBy, administrator);
  });
});

describe('review by the controller', () => {
  it('S-41: gets the answers of the policies from the authorizer, for names', async () => {
    const client = createReader(cluster.kubeconfig).as(controller);
    const ask = (user: string, subresource: string, where = 'shop', run = 'portal-7') =>
      mayDecide(client, { user, subresource, namespace: where, run });
    const answers = [
      await ask(engineer, 'resume'),
      await ask(engineer, 'signoff'),
      await ask(engineer, 'as-engineer'),
      await ask(engineer, 'as-administrator'),
      await ask(administrator, 'signoff'),
      await ask(administrator, 'signoff', 'lab'),
      await ask('cara@example.org', 'signoff'),
      await ask('cara@example.org', 'signoff', 'shop', 'portal-8'),
      await ask('admin', 'signoff'),
    ];
    assert.deepEqual(answers, [true, false, true, false, true, false, true, false, false]);
  });

  it('S-41: finds the policies that are in force, and since when', async () => {
    const client = createReader(cluster.kubeconfig).as(controller);
    const now = Date.now() + 60_000;
    for (const policy of ['decisions', 'asked-by'] as const) {
      assert.equal(await wasInForce(client, policy, { namespace: 'shop', at: now }), true);
      assert.equal(await wasInForce(client, policy, { namespace: 'shop', at: now - 3_600_000 }), false);
    }
  });
});

describe('held pods policy (design 4.1)', () => {
  const poolLabelOf = async (kind: string, name: string): Promise<(string | undefined)[]> => {
    const replicas = 2;
    await cluster.kubectl(['apply', '-f', '-'], { stdin: JSON.stringify(workload(kind, name, replicas)) });
    const items = await waitFor({
      what: `${replicas} pods of ${kind} ${name}`,
      timeoutMs: 30_000,
      check: async () => {
        const pods = await podsOf('shop', `app=${name}`);
        return pods.length === replicas ? pods : undefined;
      },
    });
    await cluster.kubectl(['-n', 'shop', 'delete', kind, name, '--cascade=foreground', '--wait=false']);
    return items.map((pod) => pod.metadata.labels?.['belay.dev/pool']);
  };

  it('leaves pods alone while nothing is held', async () => {
    assert.deepEqual(await poolLabelOf('statefulset', 'free-1'), ['web', 'web']);
    assert.deepEqual(await poolLabelOf('deployment', 'free-2'), ['web', 'web']);
  });

  it('takes the pool label off new pods of held StatefulSets and Deployments, and of no other', async () => {
    await hold('held-a', ['StatefulSet.stateful-1', 'Deployment.stateless-1']);
    await hold('held-b', ['StatefulSet.stateful-1', 'Deployment.stateful-2']);
    assert.deepEqual(await poolLabelOf('statefulset', 'stateful-1'), [undefined, undefined]);
    assert.deepEqual(await poolLabelOf('deployment', 'stateless-1'), [undefined, undefined]);
    assert.deepEqual(await poolLabelOf('statefulset', 'stateful-2'), ['web', 'web']);
    assert.deepEqual(await poolLabelOf('deployment', 'stateless-1-b'), ['web', 'web']);
    await unhold('held-a', 'held-b');
  });

  it('shows a hold in a dry-run of a pod and stops when the ConfigMap is gone', async () => {
    await hold('held-c', ['StatefulSet.dry-1']);
    assert.equal(await dryRunLabel('dry-1'), undefined);
    await unhold('held-c');
    assert.equal(await dryRunLabel('dry-1'), 'web');
  });

  it('passes by ConfigMaps without the label or without data', async () => {
    await cluster.kubectl(['-n', 'shop', 'create', 'configmap', 'unrelated', '--from-literal=StatefulSet.dry-2=']);
    await hold('held-d', []);
    assert.equal(await dryRunLabel('dry-2'), 'web');
    await unhold('held-d');
  });
});

describe('chart', () => {
  it('runs in a namespace with the restricted Pod Security Standard, without a warning', async () => {
    const pods = await waitFor({
      what: 'both controller pods',
      timeoutMs: 30_000,
      check: async () => {
        const found = await podsOf(release, 'app.kubernetes.io/name=belay');
        return found.length === 2 ? found : undefined;
      },
    });
    assert.equal(pods.length, 2);
    const again = await cluster.kubectl(['apply', '--dry-run=server', '-f', '-'], { stdin: await helmTemplate() });
    assert.equal(again.stderr.replaceAll(/Warning: resource .* is missing the kubectl.kubernetes.io.*\n/g, ''), '');
  });

  const rights: [string, string[], 'yes' | 'no'][] = [
    ['create', ['upgraderuns.belay.dev', '-n', 'shop'], 'yes'],
    ['patch', ['statefulsets.apps', '-n', 'shop'], 'yes'],
    ['patch', ['persistentvolumes'], 'yes'],
    ['delete', ['persistentvolumes'], 'no'],
    ['impersonate', ['serviceaccounts/upgrader', '-n', 'shop'], 'yes'],
    ['impersonate', ['serviceaccounts/default', '-n', 'shop'], 'no'],
    ['list', ['secrets', '-n', 'shop'], 'no'],
    ['create', ['decisions.belay.dev', '-n', 'lab'], 'no'],
    ['create', ['localsubjectaccessreviews.authorization.k8s.io', '-n', 'shop'], 'yes'],
    ['create', ['subjectaccessreviews.authorization.k8s.io'], 'no'],
    ['create', ['clusterrolebindings.rbac.authorization.k8s.io'], 'no'],
  ];
  for (const [verb, target, want] of rights) {
    it(`says ${want} when the controller wants to ${verb} ${target[0]}`, async () => {
      const answer = await tryKubectl(['auth', 'can-i', verb, ...target, `--as=${controller}`]);
      assert.equal(answer.stdout.trim(), want);
    });
  }

  it('gives namespaced rights only where watchNamespaces names namespaces', async () => {
    const objects = objectsOf(await helmTemplate('--set', 'watchNamespaces={shop,lab}'));
    const roles = objects.filter((object) => object.kind === 'Role' && object.metadata.name === 'belay-controller');
    assert.deepEqual(new Set(roles.map((role) => role.metadata.namespace)), new Set(['lab', 'shop']));
    const clusterRole = objects.find(
      (object) => object.kind === 'ClusterRole' && object.metadata.name === 'belay-controller',
    );
    const verbs = clusterRole?.rules?.flatMap((rule) => rule.verbs) ?? [];
    assert.deepEqual(
      verbs.filter((verb) => !['get', 'list', 'watch'].includes(verb)),
      [],
    );
    assert.ok(verbs.length > 0);
  });

  it('leaves the controller no write on user objects when every set must bring an account', async () => {
    const objects = objectsOf(await helmTemplate('--set', 'controller.requireServiceAccount=true'));
    const role = objects.find((object) => object.kind === 'ClusterRole' && object.metadata.name === 'belay-controller');
    const writes = role?.rules?.filter((rule) =>
      rule.verbs.some((verb) => !['get', 'list', 'watch', 'impersonate'].includes(verb)),
    );
    // ConfigMaps are the holds, which must work whatever account a set names.
    const own = ['authorization.k8s.io', 'belay.dev', 'events.k8s.io'];
    const others = writes?.filter((rule) => !own.includes(rule.apiGroups.join()));
    assert.deepEqual(new Set(others?.flatMap((rule) => rule.resources)), new Set(['configmaps']));
    assert.ok(!role?.rules?.some((rule) => rule.resources.includes('secrets')));
  });

  it('prefers the digest of the image to its tag', async () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    const text = await helmTemplate('--set', `image.repository=r/belay,image.tag=v1,image.digest=${digest}`);
    assert.match(text, new RegExp(`image: r/belay@${digest}\n`));
  });

  const badValues: Record<string, [string, RegExp]> = {
    'refuses a digest that is none': ['image.digest=latest', /image\/digest/],
    'refuses an unknown value': ['replicaCount=3', /replicaCount/],
    'refuses an unknown log level': ['controller.logLevel=loud', /logLevel/],
  };
  for (const [name, [value, want]] of Object.entries(badValues)) {
    it(name, async () => {
      const result = await tryRun([helmPath, 'template', 'belay', chart, '--kube-version', '1.36.0', '--set', value]);
      assert.notEqual(result.code, 0);
      assert.match(result.stderr, want);
    });
  }

  it('is what deploy/ was rendered from', async () => {
    assert.deepEqual(staleFiles(await renderDeploy(helmPath)), []);
  });

  it('asks for spec.decidedBy where the mutating policies are missing (Kubernetes before 1.36)', async () => {
    await helm('upgrade', '--set', 'admission.mutatingPolicies=Never');
    await waitFor({
      what: 'the policy that fills in names to be gone',
      timeoutMs: 30_000,
      check: async () => ((await tryDecide(engineer, {})).code === 0 ? undefined : true),
    });
    assert.match(
      await refusal(engineer, {}),
      /spec\.decidedBy must be ana@example\.org, who sends this decision: add it/,
    );
    assert.equal((await decide(engineer, { decidedBy: engineer })).decidedBy, engineer);
  });

  it('S-41: refuses without the policies what they would refuse, in the status of the Decision', async () => {
    await helm('upgrade', '--set', 'admission.enabled=false');
    const { planHash: hash } = await createRun('portal-1', {});
    const client = createReader(cluster.kubeconfig).as(controller);
    const verdictOn = async (user: string, choice: string, more: Record<string, string> = {}): Promise<string> => {
      const name = await waitFor({
        what: 'the policies to be gone',
        timeoutMs: 30_000,
        check: async () => {
          const spec = { run: 'portal-1', planHash: hash, decidedBy: user, ...choose(choice, more) };
          const result = await tryDecide(user, spec);
          return result.code === 0
            ? z.object({ metadata: z.object({ name: z.string() }) }).parse(JSON.parse(result.stdout)).metadata.name
            : undefined;
        },
      });
      const key = { namespace: 'shop', name };
      const cache = createCache<Decision>({ logger: silentLogger });
      cache.replaced([await client.get<Decision>(decisions, key)], '1');
      await reconcileDecision(
        { client, caches: { decisions: cache }, now: () => Date.now() },
        key,
        AbortSignal.timeout(30_000),
      );
      const { status } = decodeDecision(await client.get(decisions, key));
      return `${status?.phase}: ${status?.message}`;
    };
    assert.match(
      await verdictOn(engineer, 'SignOff'),
      /^Void: ana@example\.org may not decide SignOff on run portal-1: grant create on upgraderuns\/signoff/,
    );
    assert.match(
      await verdictOn(administrator, 'SignOff', { as: 'Engineer' }),
      /^Void: a sign-off as Engineer is half of one, for spec\.approvals\.jointSteps Both of the UpgradeSet: leave out spec\.as/,
    );
    assert.equal(await verdictOn(administrator, 'SignOff'), 'Accepted: first valid decision');
    assert.match(
      await verdictOn(administrator, 'SignOff'),
      /^Void: Decision d-\w+ of ben@example\.org \(SignOff\) came first/,
    );
  });

  it('keeps the CRDs, and with them the objects, when it is uninstalled, and takes them up again', async () => {
    const decisions = async () => (await cluster.kubectl(['-n', 'shop', 'get', 'decisions', '-o', 'name'])).stdout;
    const kept = await decisions();
    await run([helmPath, ...(await helmArgs('uninstall'))]);
    assert.equal(await decisions(), kept);
    await helm('install');
    assert.equal(await decisions(), kept);
  });
});

/** Sends one until it is taken, as somebody would who follows the README. */
async function admitFirstSet(): Promise<typeof firstSet> {
  const refusals: string[] = [];
  const began = Date.now();
  await waitFor({
    what: 'the first UpgradeSet to be taken',
    timeoutMs: 150_000,
    check: async () => {
      const { code, stderr } = await tryCreateSet('first', {}, '--dry-run=server');
      if (code === 0) return true;
      refusals.push(stderr);
      throw new Error(stderr);
    },
  });
  return { tookMs: Date.now() - began, refusals };
}

function tryCreateSet(name: string, spec: object, ...args: readonly string[]): Promise<RunResult> {
  const object = {
    apiVersion: 'belay.dev/v1alpha1',
    kind: 'UpgradeSet',
    metadata: { name, namespace: 'shop' },
    spec: { package: 'portal-1.2.0', serverGroups: ['group-1', 'group-2'], ...spec },
  };
  return tryKubectl(['create', '-o', 'json', '-f', '-', ...args], JSON.stringify(object));
}

/** A run that waits for its sign-off. */
async function createRun(name: string, policy: object): Promise<{ planHash: string }> {
  const run = z
    .looseObject({
      spec: z.looseObject({ planHash: z.string(), policy: z.looseObject({}), steps: z.array(z.looseObject({})) }),
    })
    .parse(validObjects['UpgradeRun']);
  const signOff = { ...run.spec.steps[0], id: 'sign-off', title: 'Sign-off', action: 'AwaitDecision', actor: 'Joint' };
  const { database: _, ...rest } = run.spec;
  const spec = { ...rest, policy: { ...run.spec.policy, ...policy }, steps: [...run.spec.steps, signOff] };
  const object = { ...run, metadata: { name, namespace: 'shop' }, spec };
  await cluster.kubectl(['create', '-f', '-'], { stdin: JSON.stringify(object) });
  return { planHash: run.spec.planHash };
}

const objectSchema = z.object({
  kind: z.string(),
  metadata: z.object({
    name: z.string(),
    namespace: z.string().optional(),
    labels: z.record(z.string(), z.string()).optional(),
    annotations: z.record(z.string(), z.string()).optional(),
  }),
  rules: z
    .array(z.object({ apiGroups: z.array(z.string()), resources: z.array(z.string()), verbs: z.array(z.string()) }))
    .optional(),
});

function objectsOf(manifests: string): z.infer<typeof objectSchema>[] {
  return manifests
    .split(/^---$/m)
    .map((text): unknown => parse(text))
    .filter((object) => object !== null)
    .map((object) => objectSchema.parse(object));
}

async function helmArgs(command: string): Promise<string[]> {
  const target = command === 'uninstall' ? ['belay'] : ['belay', chart];
  return [command, ...target, '--namespace', release, '--kubeconfig', cluster.kubeconfig];
}

async function helm(command: 'install' | 'upgrade', ...args: readonly string[]): Promise<void> {
  const { stderr } = await run([helmPath, ...(await helmArgs(command)), ...args]);
  assert.doesNotMatch(stderr, /warning/i);
}

async function helmTemplate(...args: readonly string[]): Promise<string> {
  const capabilities = ['--kube-version', '1.36.0', '--set', 'admission.mutatingPolicies=Always'];
  return (await run([helmPath, 'template', 'belay', chart, '--namespace', release, ...capabilities, ...args])).stdout;
}

function tryKubectl(args: readonly string[], stdin = ''): Promise<RunResult> {
  return tryRun(['kubectl', `--kubeconfig=${cluster.kubeconfig}`, ...args], { stdin });
}

async function namespace(name: string, labels: Record<string, string> = {}): Promise<void> {
  const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
  await cluster.kubectl(['create', '-f', '-'], { stdin: JSON.stringify(object) });
}

async function bind(where: string, role: string, user: string): Promise<void> {
  await cluster.kubectl(['-n', where, 'create', 'rolebinding', role, `--clusterrole=belay-${role}`, `--user=${user}`]);
}

/** The rights that the aggregated role `edit` gives on our kinds. */
async function bindEditor(user: string): Promise<void> {
  const name = `editor-${user.replaceAll(/[^a-z]/g, '-')}`;
  await cluster.kubectl(['-n', 'shop', 'create', 'rolebinding', name, '--clusterrole=belay-edit', `--user=${user}`]);
}

async function bindRole(
  where: string,
  name: string,
  resources: string[],
  user: string,
  runs?: string[],
): Promise<void> {
  const rbac = 'rbac.authorization.k8s.io';
  const metadata = { name: `${name}-${user.replaceAll(/[^a-z]/g, '-')}`, namespace: where };
  const rule = {
    apiGroups: ['belay.dev'],
    resources,
    verbs: ['create'],
    ...(runs === undefined ? {} : { resourceNames: runs }),
  };
  const items = [
    { apiVersion: `${rbac}/v1`, kind: 'Role', metadata, rules: [rule] },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup: rbac, kind: 'Role', name: metadata.name },
      subjects: [{ apiGroup: rbac, kind: 'User', name: user }],
    },
  ];
  await cluster.kubectl(['apply', '-f', '-'], { stdin: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
}

function tryDecide(user: string, spec: Record<string, string>, where = 'shop'): Promise<RunResult> {
  const object = {
    apiVersion: 'belay.dev/v1alpha1',
    kind: 'Decision',
    metadata: { generateName: 'd-', namespace: where },
    spec: { ...decisionDefaults, ...spec },
  };
  return tryKubectl(['create', '-o', 'json', '-f', '-', `--as=${user}`], JSON.stringify(object));
}

async function decide(user: string, spec: Record<string, string>): Promise<{ name: string; decidedBy: string }> {
  const result = await tryDecide(user, spec);
  assert.equal(result.stderr, '');
  const created: unknown = JSON.parse(result.stdout);
  const decision = z
    .object({ metadata: z.object({ name: z.string() }), spec: z.object({ decidedBy: z.string() }) })
    .parse(created);
  return { name: decision.metadata.name, decidedBy: decision.spec.decidedBy };
}

async function refusal(user: string, spec: Record<string, string>, where = 'shop'): Promise<string> {
  const result = await tryDecide(user, spec, where);
  assert.notEqual(result.code, 0, 'the decision was accepted');
  return result.stderr;
}

/** A policy made a moment ago is not yet in force. */
async function policiesActive(): Promise<void> {
  await waitFor({
    what: 'the Decision policies to be in force',
    timeoutMs: 30_000,
    check: async () => {
      const filled = await tryDecide(engineer, {});
      const refused = await tryDecide(engineer, { choice: 'SignOff' });
      return filled.stdout.includes(engineer) && refused.code !== 0 ? true : undefined;
    },
  });
  await hold('probe', ['StatefulSet.probe']);
  await unhold('probe');
}

/** Returns when a pod of the first workload would be held, as the driver does before it relies on a hold. */
async function hold(name: string, workloads: readonly string[]): Promise<void> {
  const data = Object.fromEntries(workloads.map((key) => [key, '']));
  const metadata = { name, namespace: 'shop', labels: { 'belay.dev/held': 'true' } };
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata, ...(workloads.length > 0 ? { data } : {}) };
  await cluster.kubectl(['create', '-f', '-'], { stdin: JSON.stringify(object) });
  const first = workloads.find((key) => key.startsWith('StatefulSet.'));
  if (first === undefined) return;
  await waitFor({
    what: `${first} to be held`,
    timeoutMs: 30_000,
    check: async () => ((await dryRunLabel(first.slice('StatefulSet.'.length))) === undefined ? true : undefined),
  });
}

async function unhold(...names: readonly string[]): Promise<void> {
  await cluster.kubectl(['-n', 'shop', 'delete', 'configmap', ...names]);
  await waitFor({
    what: 'the hold to end',
    timeoutMs: 30_000,
    check: async () => {
      const labels = await Promise.all(['probe', 'stateful-1', 'dry-1'].map(dryRunLabel));
      return labels.every((label) => label === 'web') ? true : undefined;
    },
  });
}

const podSpec = { containers: [{ name: 'c', image: 'example.org/c@sha256:0' }] };

async function dryRunLabel(statefulSet: string): Promise<string | undefined> {
  const owner = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: statefulSet, uid: 'u-1', controller: true };
  const metadata = {
    generateName: 'dry-',
    namespace: 'shop',
    labels: { 'belay.dev/pool': 'web' },
    ownerReferences: [owner],
  };
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec: podSpec };
  const { stdout } = await cluster.kubectl(['create', '--dry-run=server', '-o', 'json', '-f', '-'], {
    stdin: JSON.stringify(pod),
  });
  const created: unknown = JSON.parse(stdout);
  return objectSchema.parse(created).metadata.labels?.['belay.dev/pool'];
}

function workload(kind: string, name: string, replicas: number): object {
  const template = { metadata: { labels: { app: name, 'belay.dev/pool': 'web' } }, spec: podSpec };
  const spec = { replicas, selector: { matchLabels: { app: name } }, template };
  const metadata = { name, namespace: 'shop' };
  return kind === 'deployment'
    ? { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec }
    : {
        apiVersion: 'apps/v1',
        kind: 'StatefulSet',
        metadata,
        spec: { ...spec, serviceName: name, podManagementPolicy: 'Parallel' },
      };
}

async function podsOf(where: string, selector: string): Promise<z.infer<typeof objectSchema>[]> {
  const { stdout } = await cluster.kubectl(['-n', where, 'get', 'pods', '-l', selector, '-o', 'json']);
  const list: unknown = JSON.parse(stdout);
  return z.object({ items: z.array(objectSchema) }).parse(list).items;
}
