import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  database,
  exited,
  password,
  seedCredentials,
  seedJobPod,
  setCondition,
} from '../../test/conformance/database-harness.ts';
import { cluster, namespace, never, seedStatefulSet, type Cluster } from '../../test/conformance/scene.ts';
import { pool } from '../../test/builders/objects.ts';
import type { Pool } from '../api/pool.ts';
import { pools as poolKind, upgradeRuns } from '../api/resources.ts';
import type { StepEntry, UpgradeRun } from '../api/upgrade-run.ts';
import { createDrivers } from '../drivers/assemble.ts';
import { asStored, type Progress } from '../engine/input.ts';
import { Pacer } from '../engine/pacer.ts';
import { runPass } from '../engine/pass.ts';
import { Stopwatch } from '../engine/stopwatch.ts';
import { KubeError } from '../kube/kube-error.ts';
import type { ConfigMap } from '../kube/objects.ts';
import { configMaps, jobs, pods, secrets } from '../kube/resources.ts';
import { silentLogger } from '../shared/logger.ts';
import { upgradeRun } from '../status/fixture.test.ts';
import type { StoredLog } from '../engine/deployment-log.ts';
import { createDeploymentLog, createLogStore } from './deployment-log.ts';
import { createRunStore } from './run-store.ts';

/** A run whose first step migrates the database. */
function migrating(entries: readonly (Partial<StepEntry> & { readonly id: string })[] = []): UpgradeRun {
  const made = upgradeRun('portal-1', entries);
  const [first] = made.spec.steps;
  if (first === undefined) throw new RangeError('a plan has steps');
  const step = { ...first, id: 'migrate', number: '4', title: 'Migrate the database', requires: [] };
  return {
    ...made,
    spec: {
      ...made.spec,
      procedure: 'downtime',
      to: { version: '2.0.0', schema: '42' },
      database: { name: 'portal-db', uid: 'uid-db', spec: database() },
      steps: [{ ...step, action: 'MigrateDatabase' as const }, ...made.spec.steps.slice(-1)],
      policy: { ...made.spec.policy, serviceAccountName: 'deployer' },
    },
  };
}

/** A run whose first step is a Job of the user's for web-1. */
function hooked(): UpgradeRun {
  const id = 'g1-hook-copy';
  const made = upgradeRun('portal-1', [{ id, started: '2026-01-01T00:00:00.000Z' }]);
  const [first] = made.spec.steps;
  if (first === undefined) throw new RangeError('a plan has steps');
  const job = { image: `registry.example/tools@sha256:${'0'.repeat(64)}`, args: ['copy', '${SERVER}'], timeout: '5m' };
  const hooks = [{ name: 'copy', at: 'BeforeRun' as const, onFailure: 'Fail' as const, job }];
  const step = { ...first, id, title: 'Run copy for group-1', action: 'Hook' as const, group: 'group-1', hook: 'copy' };
  return {
    ...made,
    spec: {
      ...made.spec,
      groups: made.spec.groups.map((group) => ({ ...group, hooks })),
      steps: [step, ...made.spec.steps.slice(-1)],
    },
  };
}

interface Play {
  readonly scene: Cluster;
  /** One pass of a controller that lives on. */
  pass(): Promise<UpgradeRun>;
  /** A new process, which knows the journal alone. */
  restart(): void;
  readonly notes: string[];
}

function play(run: UpgradeRun): Play {
  const scene = cluster();
  const { client, clock } = scene;
  seedCredentials(scene);
  for (const name of ['web-1', 'web-2']) seedStatefulSet(scene, name);
  client.seed<Pool>(poolKind, pool('web', { service: { name: 'web' } }));
  client.seed<UpgradeRun>(upgradeRuns, run);
  const notes: string[] = [];
  const announcer = {
    announce: (_: object, type: string, reason: string, __: string, note: string) => {
      notes.push(`${type} ${reason} ${note}`);
    },
  };
  const options = { client, announcer, clock, now: () => clock.now() };
  const start = () => ({
    drivers: createDrivers({ client, clock, logger: silentLogger }),
    deploymentLog: createDeploymentLog(options),
    stopwatch: new Stopwatch(() => clock.monotonic()),
    pacer: new Pacer(),
  });
  let memory = start();
  let known: Progress | undefined;
  return {
    scene,
    notes,
    restart() {
      memory = start();
      known = undefined;
    },
    async pass() {
      const stored = await client.get<UpgradeRun>(upgradeRuns, { namespace, name: run.metadata.name });
      const outcome = await runPass({
        ...(known ?? asStored(stored)),
        ...memory,
        store: createRunStore(client, announcer),
        now: () => clock.now(),
        decisions: [],
        intent: { paused: false },
        epoch: 1,
        mayAct: () => true,
        logger: silentLogger,
        signal: never,
      });
      known = outcome.kind === 'again' ? outcome : undefined;
      return outcome.run;
    },
  };
}

const begun: Partial<StepEntry> & { readonly id: string } = {
  id: 'migrate',
  operation: 'uid-portal-1/migrate/1',
  started: '2026-01-01T00:00:00.000Z',
  handles: { 'schema/before': '41' },
};

/** The migration was begun, and its Job has ended so. */
async function ended(made: Play, exitCode: number, log: string): Promise<void> {
  await made.pass();
  const { scene } = made;
  for (const job of scene.client.all(jobs).filter(({ status }) => status?.conditions === undefined)) {
    const pod = seedJobPod(scene, job, exited(exitCode, exitCode === 0 ? '{"schemaVersion":"42"}' : undefined));
    scene.client.seed(pods, { ...pod, spec: { ...pod.spec, nodeName: 'node-1' } });
    setCondition(scene, job, exitCode === 0 ? 'Complete' : 'Failed', 'BackoffLimitExceeded');
    scene.client.server.logs.set(`${namespace}/${pod.metadata.name}`, log);
  }
}

/** The text of the one log that is there. */
function textOf({ scene }: Play): string {
  const kept = scene.client.all<ConfigMap>(configMaps);
  assert.equal(kept.length, 1);
  return kept[0]?.data?.['log'] ?? '';
}

/** Passes until the step is over. */
async function untilOver(made: Play): Promise<StepEntry | undefined> {
  for (let pass = 0; pass < 10; pass += 1) {
    const entry = (await made.pass()).status?.steps[0];
    if (entry?.state === 'Failed' || entry?.state === 'Succeeded') return entry;
  }
  return undefined;
}

const writesOf = ({ scene }: Play): string[] =>
  scene.client.server.writes.map(({ verb, resource }) => `${verb} ${resource}`);

describe('the deployment log of a step', () => {
  it('whose Job failed says step, command, exit code, output and server (001-119, 001-120)', async () => {
    const made = play(migrating([begun]));
    await ended(made, 3, `applying 42\npassword ${password}\nERROR: relation exists\n`);
    const entry = await untilOver(made);
    assert.deepEqual([entry?.state, entry?.log], ['Failed', 'portal-1-log-migrate-1']);
    const [stored] = made.scene.client.all<ConfigMap>(configMaps);
    assert.deepEqual(
      [stored?.metadata.labels, stored?.metadata.annotations, stored?.metadata.ownerReferences?.[0]?.uid],
      [
        { 'belay.dev/run': 'portal-1', 'belay.dev/upgrade-set': 'portal', 'belay.dev/log': 'true' },
        { 'belay.dev/operation': 'uid-portal-1/migrate/1', 'belay.dev/step': 'migrate', 'belay.dev/attempt': '1' },
        'uid-portal-1',
      ],
    );
    assert.match(
      textOf(made).replaceAll(/belay-db-[0-9a-f]+/g, 'JOB'),
      new RegExp(
        [
          '^run portal-1, step 4 "Migrate the database" \\(MigrateDatabase\\), attempt 1$',
          '^operation: uid-portal-1/migrate/1$',
          '^as: system:serviceaccount:shop:deployer$',
          '^\\S+ asked: RunDatabaseJob migrate, because the schema is 41$',
          '^Job JOB \\(migrate\\)$',
          '^  command: \\["migrate"\\]$',
          'BELAY_OPERATION=uid-portal-1/migrate/1',
          '^  pod: JOB-x$',
          '^  node: node-1$',
          '^  exit code: 3$',
          '^  \\| applying 42$',
          '^  \\| password \\*\\*\\*$',
          '^  \\| ERROR: relation exists$',
          '^\\S+ Failed MigrationFailed: exit 3',
        ].join('[^]*?'),
        'm',
      ),
    );
    assert.doesNotMatch(textOf(made), new RegExp(password));
  });

  it('that ran a Job of the user’s says what it wrote, also when it went well and another process asked (001-54, 001-62)', async () => {
    const made = play(hooked());
    await ended(made, 0, 'copied 12 directories');
    made.restart();
    const entry = await untilOver(made);
    assert.deepEqual([entry?.state, entry?.message], ['Succeeded', 'copy ran for web-1']);
    assert.match(
      textOf(made),
      /^Job belay-hook-[0-9a-f]+$[^]*command: \["copy","web-1"\]$[^]*\| copied 12 directories$/m,
    );
  });

  it('is written before the journal names it, and once (001-119)', async () => {
    const made = play(migrating([begun]));
    await ended(made, 3, 'no');
    await untilOver(made);
    const writes = writesOf(made).filter((write) => write !== 'create jobs.batch');
    const at = writes.indexOf('create configmaps');
    assert.deepEqual(writes.slice(at), ['create configmaps', 'replace upgraderuns.belay.dev']);
    for (let pass = 0; pass < 3; pass += 1) await made.pass();
    assert.equal(writesOf(made).filter((write) => write.endsWith('configmaps')).length, 1);
  });

  it('is kept for Jobs that went well, with their output (001-119)', async () => {
    const made = play(migrating([begun]));
    await ended(made, 0, 'applied 42');
    await ended(made, 0, 'schema 42');
    const entry = await untilOver(made);
    assert.deepEqual([entry?.state, entry?.log], ['Succeeded', 'portal-1-log-migrate-1']);
    assert.match(
      textOf(made),
      /\| applied 42[^]*\(schemaVersion\)[^]*\| schema 42[^]*Succeeded: the schema went from 41/,
    );
  });

  it('is found again by a controller that was killed before the journal named it', async () => {
    const made = play(migrating([begun]));
    await ended(made, 3, 'no');
    const { server } = made.scene.client;
    const refuse = ({ resource, isWrite }: { resource: string; isWrite: boolean }): void => {
      if (isWrite && resource === 'upgraderuns.belay.dev')
        throw new KubeError({ status: 500, reason: 'InternalError', message: 'killed here' });
    };
    server.interceptors.push(refuse);
    await assert.rejects(untilOver(made));
    server.interceptors.pop();
    await made.scene.clock.advance(60_000);
    made.restart();
    const entry = await untilOver(made);
    assert.equal(entry?.log, 'portal-1-log-migrate-1');
    assert.match(textOf(made), /^what was asked before 2026\S+ is not known: the controller was started anew then$/m);
    assert.match(textOf(made), /\| no$/m);
  });

  const refusals: Readonly<Record<string, KubeError>> = {
    'may not write ConfigMaps': new KubeError({ status: 403, reason: 'Forbidden', message: 'configmaps is forbidden' }),
    'meets a quota': new KubeError({ status: 403, reason: 'Forbidden', message: 'exceeded quota' }),
    'works in a namespace that goes away': new KubeError({ status: 404, reason: 'NotFound', message: 'namespace' }),
    'is not answered': new KubeError({ status: 0, reason: 'Timeout', message: 'no answer' }),
  };
  for (const [title, error] of Object.entries(refusals)) {
    it(`is missing, and the run goes on and says so, where the controller ${title}`, async () => {
      const made = play(migrating([begun]));
      await ended(made, 3, 'no');
      made.scene.client.server.interceptors.push(({ resource, isWrite }) => {
        if (isWrite && resource === 'configmaps') throw error;
      });
      const entry = await untilOver(made);
      assert.deepEqual([entry?.state, entry?.reason, entry?.log], ['Failed', 'MigrationFailed', undefined]);
      const said = made.notes.filter((note) => note.includes('DeploymentLogNotWritten'));
      assert.equal(said.length, 1);
      assert.match(said[0] ?? '', /^Warning DeploymentLogNotWritten step migrate has no deployment log: /);
    });
  }

  it('does not hold the run up where nothing answers at all', async () => {
    const made = play(migrating([begun]));
    await ended(made, 3, 'no');
    made.scene.client.server.interceptors.push(({ resource, isWrite }) =>
      isWrite && resource === 'configmaps' ? new Promise<void>(() => {}) : undefined,
    );
    const over = untilOver(made);
    for (let second = 0; second < 12; second += 1) await made.scene.clock.advance(1_000);
    assert.equal((await over)?.state, 'Failed');
  });

  it('does not overwrite a ConfigMap of somebody else', async () => {
    const made = play(migrating([begun]));
    const metadata = { namespace, name: 'portal-1-log-migrate-1' };
    made.scene.client.seed<ConfigMap>(configMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata,
      data: { log: 'mine' },
    });
    await ended(made, 3, 'no');
    const entry = await untilOver(made);
    assert.deepEqual([entry?.state, entry?.log, textOf(made)], ['Failed', undefined, 'mine']);
  });

  it('says what it may not show where a Secret of the Job cannot be read', async () => {
    const made = play(migrating([begun]));
    await ended(made, 3, `password ${password}`);
    await made.scene.client.delete(secrets, { namespace, name: 'portal-db' });
    await untilOver(made);
    assert.match(textOf(made), /\| what it wrote is not shown: Secret portal-db cannot be read/);
    assert.doesNotMatch(textOf(made), new RegExp(password));
  });
});

describe('the logs of one run', () => {
  const context = { namespace, run: 'portal-1', runUID: 'uid-1', upgradeSet: 'portal', user: undefined, handles: {} };
  const logOf = (step: string, attempt: number, bytes: number): StoredLog => ({
    name: `portal-1-log-${step}-${attempt}`,
    step,
    attempt,
    operation: `uid-1/${step}/${attempt}`,
    text: `${'x'.repeat(15)}\n`.repeat(Math.floor(bytes / 16)),
  });

  it('hold a megabyte: those of attempts the journal no longer names go first, the oldest of all', async () => {
    const { client, clock } = cluster();
    const store = createLogStore(client, { announce() {} });
    for (let attempt = 1; attempt <= 16; attempt += 1) {
      await store.write(context, logOf('migrate', attempt, 65_536), { named: [], atMost: attempt }, never);
      await clock.advance(1_000);
    }
    const named = ['portal-1-log-migrate-1'];
    await store.write(context, logOf('migrate', 17, 65_536), { named, atMost: 17 }, never);
    const names = client.all<ConfigMap>(configMaps).map(({ metadata }) => metadata.name);
    assert.equal(names.length, 16);
    assert.ok(names.includes('portal-1-log-migrate-1') && names.includes('portal-1-log-migrate-17'));
    assert.ok(!names.includes('portal-1-log-migrate-2'));
  });

  it('leave the rest to a new one when all are named, and refuse it when there is none', async () => {
    const { client } = cluster();
    const store = createLogStore(client, { announce() {} });
    const named: string[] = [];
    for (let step = 1; step <= 15; step += 1) {
      const log = logOf(`s${step}`, 1, 65_536);
      await store.write(context, log, { named, atMost: step }, never);
      named.push(log.name);
    }
    const almost = logOf('s16', 1, 60_000);
    await store.write(context, almost, { named, atMost: 16 }, never);
    named.push(almost.name);
    await store.write(context, logOf('s17', 1, 65_536), { named, atMost: 17 }, never);
    const cut = await client.get<ConfigMap>(configMaps, { namespace, name: 'portal-1-log-s17-1' });
    assert.ok(Buffer.byteLength(cut.data?.['log'] ?? '') <= 5_536);
    assert.match(cut.data?.['log'] ?? '', /bytes are cut out here/);
    named.push('portal-1-log-s17-1');
    await assert.rejects(
      store.write(context, logOf('s18', 1, 65_536), { named, atMost: 18 }, never),
      /LogsFull|already/,
    );
  });

  it('are counted only where they could be full: a first log costs one call', async () => {
    const { client } = cluster();
    const calls: string[] = [];
    client.server.interceptors.push(({ verb }) => {
      calls.push(verb);
    });
    await createLogStore(client, { announce() {} }).write(context, logOf('a', 1, 100), { named: [], atMost: 0 }, never);
    assert.deepEqual(calls, ['create']);
  });
});
