import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { database, packageOf } from '../../../test/builders/objects.ts';
import { type Cluster, cluster, context, namespace, never } from '../../../test/conformance/scene.ts';
import type { Package } from '../../api/package.ts';
import { KubeError } from '../../kube/kube-error.ts';
import type { Secret } from '../../kube/objects.ts';
import { secrets } from '../../kube/resources.ts';
import { podTemplates } from '../jobs/one-shot-job.ts';
import { findDatabaseProblems, findTemplateProblems } from './preflight.ts';

const digest = `sha256:${'9b1d'.repeat(16)}`;
const major = packageOf('2.0.0', { upgradeType: 'Major', schema: { version: '42', change: 'Migrate' } });
const connection = { host: 'postgres', port: 5432, database: 'portal', credentialsSecret: 'portal-db' };

function seedTemplate({ client }: Cluster, ...images: readonly string[]): void {
  const containers = images.map((image, index) => ({ name: index === 0 ? 'pg-tools' : `extra-${index}`, image }));
  client.seed(podTemplates, {
    apiVersion: 'v1',
    kind: 'PodTemplate',
    metadata: { namespace, name: 'pg-tools' },
    template: { spec: { containers } },
  });
}

function seedSecret({ client }: Cluster): void {
  const secret: Secret = { apiVersion: 'v1', kind: 'Secret', metadata: { namespace, name: 'portal-db' } };
  client.seed(secrets, { ...secret, data: { PGPASSWORD: 'c2VjcmV0' } });
}

/** A Database with everything its Jobs need. */
function fine(): Cluster {
  const made = cluster();
  seedTemplate(made, `registry.example/pg-tools:17@${digest}`);
  seedSecret(made);
  return made;
}

type Spec = Parameters<typeof database>[1];

interface Case {
  readonly spoil?: (made: Cluster) => unknown;
  readonly spec?: Spec;
  readonly package?: Package;
  readonly want: readonly string[];
}

const migrate = (job: object): Spec => ({ migrate: { job: { podTemplate: 'pg-tools', ...job } } });

type JobOf = NonNullable<NonNullable<Spec>['migrate']>['job'];

const readOnly = (jobs: Partial<Record<'set' | 'clear' | 'writeProbe', JobOf>>): Spec => {
  const { set, clear, writeProbe } = jobs;
  const one = (job: JobOf | undefined, verb: string) => ({ job: job ?? { podTemplate: 'pg-tools', args: [verb] } });
  return {
    readOnly: {
      set: one(set, 'read-only'),
      clear: one(clear, 'read-write'),
      writeProbe: one(writeProbe, 'write-probe'),
    },
  };
};

const cases: Readonly<Record<string, Case>> = {
  'nothing is in the way': { want: [] },
  'there is no PodTemplate': {
    spoil: ({ client }) => client.delete(podTemplates, { namespace, name: 'pg-tools' }),
    want: [
      'ReferenceNotFound database/portal-db spec.schemaVersion.job.podTemplate: PodTemplate pg-tools does not exist: create it, or correct the name',
    ],
  },
  'the PodTemplate has no container': {
    spoil: (made) => seedTemplate(made),
    want: [
      'PodTemplateEmpty podtemplate/pg-tools template.spec.containers: there is no container to run the Job: give the PodTemplate one',
    ],
  },
  'the PodTemplate names images by tag': {
    spoil: (made) => seedTemplate(made, 'registry.example/pg-tools:17', `registry.example/proxy@${digest}`),
    want: [
      'ImageNotByDigest podtemplate/pg-tools template.spec.containers[pg-tools].image: "registry.example/pg-tools:17" may be another program when the way back is taken: append @sha256: and its digest',
    ],
  },
  'there are no credentials': {
    spoil: ({ client }) => client.delete(secrets, { namespace, name: 'portal-db' }),
    want: [
      'ReferenceNotFound database/portal-db spec.connection.credentialsSecret: Secret portal-db does not exist: create it, or correct the name',
    ],
  },
  'a Secret lacks the key': {
    spec: migrate({ env: [{ name: 'TOKEN', secretKeyRef: { name: 'portal-db', key: 'token' } }] }),
    want: [
      'ReferenceNotFound database/portal-db spec.migrate.job.env[TOKEN]: Secret portal-db has no key "token": add it, or correct the key',
    ],
  },
  'texts use what the verb gets, and what stands before them': {
    spec: migrate({
      args: ['--to=${TO_SCHEMA}', '${EXTRA}', '$${NOT_A_VARIABLE}'],
      env: [{ name: 'EXTRA', value: '${DB_HOST}' }],
    }),
    want: [],
  },
  'a text uses what another verb gets': {
    spec: migrate({ args: ['--from=${BACKUP}'] }),
    want: [
      'VariableNotSet database/portal-db spec.migrate.job.args: ${BACKUP} has no value here: take one of VERB, OPERATION, RUN, STEP, DB_HOST, DB_PORT, DB_NAME, FROM_VERSION, TO_VERSION, FROM_SCHEMA, TO_SCHEMA, or write $${BACKUP} for the text itself',
    ],
  },
  'it is made read-only by a PodTemplate that is not there': {
    spec: readOnly({ set: { podTemplate: 'locker' } }),
    want: [
      'ReferenceNotFound database/portal-db spec.readOnly.set.job.podTemplate: PodTemplate locker does not exist: create it, or correct the name',
    ],
  },
  'it is made writable again by a PodTemplate that is not there': {
    spec: readOnly({ clear: { podTemplate: 'unlocker' } }),
    want: [
      'ReferenceNotFound database/portal-db spec.readOnly.clear.job.podTemplate: PodTemplate unlocker does not exist: create it, or correct the name',
    ],
  },
  'the write probe is told of a backup, which nobody has made yet': {
    spec: readOnly({ writeProbe: { podTemplate: 'pg-tools', args: ['probe', '${BACKUP}'] } }),
    want: [
      'VariableNotSet database/portal-db spec.readOnly.writeProbe.job.args: ${BACKUP} has no value here: take one of VERB, OPERATION, RUN, STEP, DB_HOST, DB_PORT, DB_NAME, FROM_VERSION, TO_VERSION, or write $${BACKUP} for the text itself',
    ],
  },
  'the write probe has a password from a Secret that is not there': {
    spec: readOnly({
      writeProbe: {
        podTemplate: 'pg-tools',
        env: [{ name: 'PGPASSWORD', secretKeyRef: { name: 'portal-app', key: 'password' } }],
      },
    }),
    want: [
      'ReferenceNotFound database/portal-db spec.readOnly.writeProbe.job.env[PGPASSWORD]: Secret portal-app does not exist: create it, or correct the name',
    ],
  },
  'the drill runs in a PodTemplate that is not there': {
    spec: { drill: { job: { podTemplate: 'pg-drill', args: ['drill', '${BACKUP}'] } } },
    want: [
      'ReferenceNotFound database/portal-db spec.drill.job.podTemplate: PodTemplate pg-drill does not exist: create it, or correct the name',
    ],
  },
  'a minor release runs a command that nobody declared (A-10)': {
    spec: { migrate: undefined },
    package: packageOf('1.2.0'),
    want: [
      'DatabaseIncomplete database/portal-db spec.migrate: installing portal-1.2.0 runs it, also where the schema stays: fill it in, or name no Database in the ServerGroups',
    ],
  },
  'a major release that leaves the schema alone backs up all the same': {
    spec: { backup: undefined, restore: undefined },
    package: packageOf('2.0.0', { upgradeType: 'Major' }),
    want: [
      'DatabaseIncomplete database/portal-db spec.backup: installing portal-2.0.0 runs it, also where the schema stays: fill it in, or name no Database in the ServerGroups',
    ],
  },
};

describe('preflight of a Database', () => {
  for (const [name, tc] of Object.entries(cases)) {
    it(name, async () => {
      const made = fine();
      await tc.spoil?.(made);
      made.client.server.interceptors.push(({ isWrite }) => assert.ok(!isWrite, 'reads only'));
      const look = { database: database('portal-db', { connection, ...tc.spec }), client: made.client };
      const problems = await findDatabaseProblems({ ...look, context: context(), package: tc.package ?? major }, never);
      assert.deepEqual(
        problems.map(({ reason, object, field, message }) => `${reason} ${object} ${field}: ${message}`),
        tc.want,
      );
    });
  }

  it('looks as the account of the set, and says which permission it lacks', async () => {
    const made = fine();
    made.client.server.interceptors.push(({ user, resource }) => {
      assert.equal(user, 'system:serviceaccount:shop:upgrader');
      if (resource === 'podtemplates')
        throw new KubeError({ status: 403, reason: 'Forbidden', message: 'podtemplates "pg-tools" is forbidden' });
    });
    const as = { ...context(), user: 'system:serviceaccount:shop:upgrader' };
    const look = { database: database('portal-db', { connection }), client: made.client, context: as };
    const want = {
      reason: 'Forbidden',
      object: 'database/portal-db',
      field: 'spec.schemaVersion.job.podTemplate',
      message: 'podtemplates "pg-tools" is forbidden; grant the permission',
    };
    assert.deepEqual(await findDatabaseProblems({ ...look, package: major }, never), [want]);
  });

  it('throws when the API server does not answer: unknown is not a problem of the Database', async () => {
    const made = fine();
    made.client.server.interceptors.push(() => {
      throw new KubeError({ status: 503, reason: 'ServiceUnavailable', message: 'away' });
    });
    const look = { database: database('portal-db', { connection }), client: made.client, context: context() };
    await assert.rejects(findDatabaseProblems({ ...look, package: major }, never), /away/);
  });

  it('reads no Secret where only the PodTemplates are asked about', async () => {
    const made = fine();
    made.client.server.interceptors.push(({ resource }) => assert.equal(resource, 'podtemplates'));
    const look = { database: database('portal-db', { connection }), client: made.client, context: context() };
    assert.deepEqual(await findTemplateProblems(look, never), []);
  });
});
