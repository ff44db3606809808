import type { DatabaseDriver, Drivers } from '../../src/drivers/contract.ts';
import { createDatabaseDriver } from '../../src/drivers/databases/driver.ts';
import { databaseSpec, type DatabaseSpec } from '../../src/api/database.ts';
import type { Job, Pod } from '../../src/kube/objects.ts';
import { jobs, pods, secrets } from '../../src/kube/resources.ts';
import { silentLogger } from '../../src/shared/logger.ts';
import { cluster, namespace, type Cluster } from './scene.ts';

const image = `registry.example/pg-tools@sha256:${'b'.repeat(64)}`;

/** A database every verb of which is one image. */
export function database(spec: object = {}): DatabaseSpec {
  const job = (...args: string[]): object => ({ job: { image, args, timeout: '30m' } });
  return databaseSpec.parse({
    connection: { host: 'postgres', port: 5432, database: 'portal', credentialsSecret: 'portal-db' },
    schemaVersion: job('schema-version'),
    backup: { ...job('backup'), verify: job('verify') },
    migrate: job('migrate'),
    restore: job('restore'),
    drill: job('drill'),
    ...spec,
  });
}

export const password = 'hunter2-and-more';

export function seedCredentials({ client }: Cluster, values: Readonly<Record<string, string>> = {}): void {
  const data = Object.entries({ PGPASSWORD: password, ...values }).map(([key, value]) => [
    key,
    Buffer.from(value).toString('base64'),
  ]);
  const metadata = { name: 'portal-db', namespace };
  client.seed(secrets, { apiVersion: 'v1', kind: 'Secret', metadata, data: Object.fromEntries(data) });
}

export type PodStatus = NonNullable<Pod['status']>;

/** A pod as the Job controller makes it, at the point where it is. */
export function seedJobPod({ client }: Cluster, job: Job, status: PodStatus, suffix = 'x'): Pod {
  const { name, uid = '' } = job.metadata;
  return client.seed<Pod>(pods, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${name}-${suffix}`,
      namespace,
      labels: { ...job.spec.template.metadata?.labels, 'batch.kubernetes.io/job-name': name },
      ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name, uid, controller: true }],
    },
    spec: job.spec.template.spec,
    status,
  });
}

export function exited(exitCode: number, message?: string, container = 'database'): PodStatus {
  const terminated = { exitCode, ...(message === undefined ? {} : { message }) };
  return {
    phase: exitCode === 0 ? 'Succeeded' : 'Failed',
    containerStatuses: [{ name: container, ready: false, restartCount: 0, state: { terminated } }],
  };
}

export function setCondition({ client }: Cluster, job: Job, type: 'Complete' | 'Failed', reason?: string): void {
  const conditions = [{ type, status: 'True' as const, ...(reason === undefined ? {} : { reason }) }];
  client.seed(jobs, { ...job, status: { conditions } });
}

/** A world in which the Jobs of one database run, as the suite wants it. */
export interface DatabaseHarness {
  readonly drivers: Pick<Drivers, 'databases'>;
  /** How many times the world was changed through the driver. */
  changes(): number;
  /** Every Job that runs ends with this exit status and termination message. */
  end(exitCode: number, message?: string): Promise<void>;
  /** A person deletes every Job, pods and all. */
  remove(): Promise<void>;
  readonly abortable: boolean;
}

export function realDatabaseHarness(): Promise<DatabaseHarness> {
  const scene = cluster();
  seedCredentials(scene);
  const databases: DatabaseDriver = createDatabaseDriver({ ...scene, logger: silentLogger });
  return Promise.resolve({
    drivers: { databases },
    changes: () => scene.client.server.writes.length,
    end(exitCode, message) {
      for (const job of scene.client.all(jobs).filter(({ status }) => status?.conditions === undefined)) {
        seedJobPod(scene, job, exited(exitCode, message));
        if (exitCode === 0) setCondition(scene, job, 'Complete');
        else setCondition(scene, job, 'Failed', 'BackoffLimitExceeded');
      }
      return Promise.resolve();
    },
    async remove() {
      const person = scene.client.using({ user: 'person' });
      for (const { metadata } of person.all(jobs))
        await person.delete(jobs, { namespace, name: metadata.name }, { propagation: 'Background' });
    },
    abortable: true,
  });
}
