import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DatabaseSpec } from '../../api/database.ts';
import { KubeError } from '../../kube/kube-error.ts';
import type { Job } from '../../kube/objects.ts';
import { jobs } from '../../kube/resources.ts';
import type { DatabaseJob } from '../../planner/effects.ts';
import { silentLogger } from '../../shared/logger.ts';
import { database, password, seedCredentials } from '../../../test/conformance/database-harness.ts';
import { cluster, context, namespace, never, operation, type Cluster } from '../../../test/conformance/scene.ts';
import { podTemplates } from '../jobs/one-shot-job.ts';
import { createDatabaseDriver } from './driver.ts';

const image = `registry.example/pg-tools@sha256:${'b'.repeat(64)}`;
const migrate: DatabaseJob = {
  id: 'uid-run-1/migrate/1/migrate',
  verb: 'migrate',
  parameters: { OPERATION: 'uid-run-1/migrate/1', TO_SCHEMA: '42' },
};

function scene(): Cluster {
  const made = cluster();
  seedCredentials(made);
  return made;
}

async function ask(on: Cluster, job = migrate, spec: DatabaseSpec = database(), user?: string): Promise<void> {
  const driver = createDatabaseDriver({ ...on, logger: silentLogger });
  await driver.request({ ...operation('migrate'), user }, { kind: 'RunDatabaseJob', job }, spec, never);
}

function onlyJob({ client }: Cluster): Job {
  const all = client.all(jobs);
  assert.equal(all.length, 1);
  const [job] = all;
  assert.ok(job !== undefined);
  return job;
}

function seedTemplate({ client }: Cluster, template: object): void {
  const object = { apiVersion: 'v1', kind: 'PodTemplate', metadata: { name: 'pg-tools', namespace } };
  client.seed(podTemplates, { ...object, template: { spec: { containers: [] }, ...template } });
}

const fromTemplate = (job: object = {}): DatabaseSpec =>
  database({ migrate: { job: { podTemplate: 'pg-tools', ...job } } });

describe('Job on a database as it is created (001-82)', () => {
  it('is one pod, once, without an owner, and stays for a day', async () => {
    const on = scene();
    await ask(on);
    const { metadata, spec } = onlyJob(on);
    assert.match(metadata.name, /^belay-db-[0-9a-f]{20}$/);
    const { template, ...rules } = spec;
    assert.deepEqual(
      { labels: metadata.labels, annotations: metadata.annotations, owners: metadata.ownerReferences, rules },
      {
        labels: { 'belay.dev/run': 'portal-1', 'belay.dev/upgrade-set': 'portal' },
        annotations: {
          'belay.dev/database-job': 'uid-run-1/migrate/1/migrate',
          'belay.dev/operation': 'uid-run-1/migrate/1',
        },
        owners: undefined,
        rules: {
          backoffLimit: 0,
          completions: 1,
          parallelism: 1,
          podReplacementPolicy: 'Failed',
          activeDeadlineSeconds: 1_800,
          ttlSecondsAfterFinished: 86_400,
        },
      },
    );
    assert.deepEqual(template, {
      metadata: { labels: metadata.labels, annotations: metadata.annotations },
      spec: {
        automountServiceAccountToken: false,
        restartPolicy: 'Never',
        securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
        containers: [
          {
            securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
            name: 'database',
            image,
            args: ['migrate'],
            env: [
              { name: 'BELAY_OPERATION', value: 'uid-run-1/migrate/1' },
              { name: 'BELAY_TO_SCHEMA', value: '42' },
              { name: 'BELAY_VERB', value: 'migrate' },
              { name: 'BELAY_RUN', value: 'portal-1' },
              { name: 'BELAY_STEP', value: 'migrate' },
              { name: 'BELAY_DB_HOST', value: 'postgres' },
              { name: 'BELAY_DB_PORT', value: '5432' },
              { name: 'BELAY_DB_NAME', value: 'portal' },
            ],
            envFrom: [{ secretRef: { name: 'portal-db' } }],
            terminationMessagePolicy: 'File',
          },
        ],
      },
    });
    assert.equal(JSON.stringify(onlyJob(on)).includes(password), false);
  });

  it('names its operation by its id where none is given', async () => {
    const on = scene();
    await ask(on, { id: 'uid-run-1/backup/1/backup', verb: 'backup', parameters: {} });
    const env = onlyJob(on).spec.template.spec.containers[0]?.env ?? [];
    assert.deepEqual(
      env.filter(({ name }) => name === 'BELAY_OPERATION' || name === 'BELAY_VERB'),
      [
        { name: 'BELAY_VERB', value: 'backup' },
        { name: 'BELAY_OPERATION', value: 'uid-run-1/backup/1/backup' },
      ],
    );
  });

  it('keeps what the PodTemplate says, but not of its own variables', async () => {
    const on = scene();
    const tools = {
      name: 'tools',
      image,
      env: [
        { name: 'BELAY_OPERATION', value: 'forged' },
        { name: 'PGSSLMODE', value: 'require' },
      ],
      envFrom: [{ secretRef: { name: 'proxy' } }],
    };
    const containers = [tools, { name: 'sidecar', image }];
    const metadata = { labels: { app: 'pg-tools' } };
    const spec = { containers, serviceAccountName: 'backup', automountServiceAccountToken: true };
    seedTemplate(on, { metadata, spec });
    const env = [
      { name: 'BELAY_DB_HOST', value: 'elsewhere' },
      { name: 'DSN', value: 'postgres://${DB_HOST}:${DB_PORT}/${DB_NAME}' },
      { name: 'PGUSER', secretKeyRef: { name: 'other', key: 'user' } },
    ];
    await ask(on, migrate, fromTemplate({ args: ['--to=${TO_SCHEMA}', '--dsn=${DSN}'], env }));
    const pod = onlyJob(on).spec.template;
    const [first, second] = pod.spec.containers;
    assert.deepEqual(
      [pod.metadata?.labels?.['app'], pod.spec.serviceAccountName, pod.spec.automountServiceAccountToken, second?.name],
      ['pg-tools', 'backup', true, 'sidecar'],
    );
    assert.deepEqual(first?.args, ['--to=42', '--dsn=postgres://postgres:5432/portal']);
    assert.deepEqual(first?.envFrom, [{ secretRef: { name: 'proxy' } }, { secretRef: { name: 'portal-db' } }]);
    const values = (first?.env ?? []).filter(({ name }) => !/^BELAY_(?!OPERATION|DB_HOST)/.test(name));
    assert.deepEqual(values, [
      { name: 'PGSSLMODE', value: 'require' },
      { name: 'BELAY_OPERATION', value: 'uid-run-1/migrate/1' },
      { name: 'BELAY_DB_HOST', value: 'postgres' },
      { name: 'DSN', value: 'postgres://postgres:5432/portal' },
      { name: 'PGUSER', valueFrom: { secretKeyRef: { name: 'other', key: 'user' } } },
    ]);
  });

  it('runs without credentials where the Database names none', async () => {
    const on = cluster();
    await ask(on, migrate, database({ connection: { host: 'db', port: 5432, database: 'portal' } }));
    assert.equal(onlyJob(on).spec.template.spec.containers[0]?.envFrom, undefined);
  });

  it('takes each verb from its place in the Database', async () => {
    for (const verb of ['schemaVersion', 'backup', 'verify', 'migrate', 'restore', 'drill'] as const) {
      const on = scene();
      await ask(on, { id: verb, verb, parameters: {} });
      const want = verb === 'schemaVersion' ? 'schema-version' : verb;
      assert.deepEqual(onlyJob(on).spec.template.spec.containers[0]?.args, [want]);
    }
  });

  it('is made and looked at under the account of the run', async () => {
    const on = scene();
    const user = 'system:serviceaccount:shop:upgrader';
    const users = new Set<string>();
    on.client.server.interceptors.push((call) => void users.add(call.user));
    await ask(on, migrate, database(), user);
    const driver = createDatabaseDriver({ ...on, logger: silentLogger });
    await driver.observe({ ...context(), user }, migrate, never);
    await driver.readLog({ ...context(), user }, migrate, never);
    assert.deepEqual([...users], [user]);
  });
});

describe('asking for a Job on a database', () => {
  it('finds the one that another leader made in the same moment (S-03)', async () => {
    const on = scene();
    await ask(on);
    const job = onlyJob(on);
    await on.client.delete(jobs, { namespace, name: job.metadata.name });
    const seedFirst = ({ verb }: { readonly verb: string }): void => {
      if (verb === 'create') on.client.seed(jobs, job);
    };
    on.client.server.interceptors.push(seedFirst);
    await ask(on);
    assert.equal(onlyJob(on).metadata.uid, job.metadata.uid);
  });

  it('refuses a name that something else has, also when it comes in the same moment', async () => {
    const on = scene();
    await ask(on);
    const job = onlyJob(on);
    const foreign = { ...job, metadata: { name: job.metadata.name, namespace, annotations: {} } };
    await on.client.delete(jobs, { namespace, name: job.metadata.name });
    on.client.server.interceptors.push(({ verb }) => {
      if (verb === 'create') on.client.seed(jobs, foreign);
    });
    const want = {
      name: 'PauseError',
      reason: 'NameTaken',
      message: `Job ${job.metadata.name} exists and was not made for ${migrate.id}; delete or rename it`,
    };
    await assert.rejects(ask(on), want);
    await assert.rejects(ask(on), want);
    const driver = createDatabaseDriver({ ...on, logger: silentLogger });
    assert.equal((await driver.observe(context(), migrate, never)).state, 'absent');
  });

  it('makes nothing a second time when only the answer was lost (001-82)', async () => {
    const on = scene();
    const { server } = on.client;
    const lost = new KubeError({ status: 0, reason: 'ConnectionLost', message: 'connection lost' });
    await ask(on);
    server.interceptors.push(({ verb }) => {
      if (verb === 'get') throw lost;
    });
    await assert.rejects(ask(on), { name: 'RetryError', reason: 'ApiUnavailable' });
    server.interceptors.pop();
    await ask(on);
    assert.equal(server.writes.filter(({ verb }) => verb === 'create').length, 1);
  });

  interface Refusal {
    readonly on?: () => Cluster;
    readonly spec?: DatabaseSpec;
    readonly want: { readonly name: string; readonly reason: string; readonly message: string | RegExp };
  }
  const refusals: Readonly<Record<string, Refusal>> = {
    'waits for a Secret that does not exist (S-42)': {
      on: cluster,
      want: {
        name: 'RetryError',
        reason: 'ReferenceNotFound',
        message:
          'Secret portal-db, named by spec.connection.credentialsSecret of the Database, does not exist; create it, or abort the run',
      },
    },
    'waits for a PodTemplate that does not exist': {
      spec: fromTemplate(),
      want: {
        name: 'RetryError',
        reason: 'ReferenceNotFound',
        message:
          'PodTemplate pg-tools, named by spec.migrate.job.podTemplate of the Database, does not exist; create it, or abort the run',
      },
    },
    'refuses a PodTemplate without a container': {
      on() {
        const made = scene();
        seedTemplate(made, {});
        return made;
      },
      spec: fromTemplate(),
      want: {
        name: 'PauseError',
        reason: 'InvalidObject',
        message: 'PodTemplate pg-tools has no container; give it one',
      },
    },
    'refuses a verb that the Database does not have': {
      spec: database({ migrate: undefined }),
      want: {
        name: 'TerminalError',
        reason: 'InvalidObject',
        message: 'the Database has no spec.migrate.job, and the run needs it: fill it in and start a new run',
      },
    },
    'refuses a variable without a value, and names those there are': {
      spec: database({ migrate: { job: { image, args: ['${NOPE}'] } } }),
      want: {
        name: 'TerminalError',
        reason: 'VariableNotSet',
        message:
          'spec.migrate.job of the Database uses ${NOPE}, which has no value here: take one of DB_HOST, DB_NAME, DB_PORT, OPERATION, RUN, STEP, TO_SCHEMA, VERB, or write $${NAME} for the text itself',
      },
    },
    'waits for a permission': {
      on() {
        const made = scene();
        made.client.server.interceptors.push(({ verb }) => {
          if (verb === 'create')
            throw new KubeError({ status: 403, reason: 'Forbidden', message: 'jobs.batch is forbidden' });
        });
        return made;
      },
      want: {
        name: 'RetryError',
        reason: 'Forbidden',
        message: /^running migrate of the Database as Job belay-db-[0-9a-f]{20}: jobs\.batch is forbidden; grant/,
      },
    },
    'stops where the server refuses the Job': {
      on() {
        const made = scene();
        made.client.server.interceptors.push(({ verb }) => {
          if (verb === 'create') throw new KubeError({ status: 422, reason: 'Invalid', message: 'image is empty' });
        });
        return made;
      },
      want: { name: 'PauseError', reason: 'RefusedByServer', message: /: image is empty$/ },
    },
  };
  for (const [name, { on = scene, spec, want }] of Object.entries(refusals)) {
    it(name, async () => {
      const where = on();
      await assert.rejects(ask(where, migrate, spec), want);
      assert.deepEqual(where.client.all(jobs), []);
    });
  }
});
