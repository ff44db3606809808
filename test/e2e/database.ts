/** Looks into the PostgreSQL of the example, at its Jobs and its backups, past Belay. */
import type { UpgradeRun } from '../../src/api/upgrade-run.ts';
import { podTemplates } from '../../src/drivers/jobs/one-shot-job.ts';
import { jobs, pods } from '../../src/kube/resources.ts';
import type { Job } from '../../src/kube/objects.ts';
import { waitFor } from '../cluster/poll.ts';
import type { Example } from './example.ts';

/** One value, or rows with `|` between the columns. */
export async function askDatabase(example: Example, sql: string): Promise<string> {
  const psql = ['psql', '-X', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-h', '/tmp', '-U', 'postgres', '-d', 'portal'];
  return (await example.kubectl(['exec', 'postgres-0', '--', ...psql, '-c', sql])).trim();
}

/** What happened to the schema, as the database itself says. */
export interface SchemaFacts {
  readonly schema: string;
  /** Migrations that were begun, and how many of them ended well. */
  readonly begun: number;
  readonly done: number;
}

export async function schemaFacts(example: Example): Promise<SchemaFacts> {
  const schema = await askDatabase(example, 'SELECT version FROM schema_version');
  const hasLog = await askDatabase(example, "SELECT to_regclass('belay.operations') IS NOT NULL");
  if (hasLog !== 't') return { schema, begun: 0, done: 0 };
  const counts = await askDatabase(
    example,
    "SELECT count(*), count(done_at) FROM belay.operations WHERE verb = 'migrate'",
  );
  const [begun = '', done = ''] = counts.split('|');
  return { schema, begun: Number(begun), done: Number(done) };
}

/** Jobs that were made for that verb, oldest first. */
export async function jobsFor(example: Example, verb: string): Promise<Job[]> {
  const { items } = await example.client.list(jobs, { namespace: example.namespace });
  return items
    .filter((job) => verbOf(job) === verb)
    .toSorted((a, b) => ((a.metadata.creationTimestamp ?? '') < (b.metadata.creationTimestamp ?? '') ? -1 : 1));
}

function verbOf(job: Job): string {
  const [container] = job.spec?.template.spec?.containers ?? [];
  return container?.env?.find(({ name }) => name === 'BELAY_VERB')?.value ?? '';
}

/** Waits until the migration works inside the database. @returns its Job */
export async function untilMigrating(example: Example): Promise<Job> {
  return waitFor({
    what: `the migration in ${example.namespace}`,
    timeoutMs: 600_000,
    intervalMs: 200,
    check: async () => {
      const [job] = await jobsFor(example, 'migrate');
      if (job === undefined) return undefined;
      return (await schemaFacts(example)).begun > 0 ? job : undefined;
    },
  });
}

/** Starts a second pod of a Job, as Kubernetes may: the same program with the same environment. */
export async function startTwin(example: Example, job: Job): Promise<string> {
  const name = 'twin';
  // Without the Job's own labels, or its controller would adopt the pod and remove it.
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: job.spec?.template.spec };
  await example.kubectl(['apply', '-f', '-'], JSON.stringify(pod));
  return name;
}

/** Exit status of the first container of a pod that ends within a minute. */
export async function exitStatus(example: Example, name: string): Promise<number> {
  return waitFor({
    what: `pod ${name} to end`,
    timeoutMs: 60_000,
    intervalMs: 250,
    check: async () => {
      const pod = await example.client.get(pods, { namespace: example.namespace, name });
      return pod.status?.containerStatuses?.[0]?.state?.terminated?.exitCode;
    },
  });
}

/** A pod that sees the volume of the backups. @returns runs a shell script in it */
export async function openBackups(example: Example): Promise<(script: string) => Promise<string>> {
  const { template } = await example.client.get(podTemplates, { namespace: example.namespace, name: 'pg-tools' });
  const containers = (template.spec?.containers ?? []).map((container) => ({
    ...container,
    command: ['sleep', '3600'],
  }));
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'backups' },
    spec: { ...template.spec, terminationGracePeriodSeconds: 0, containers },
  };
  await example.kubectl(['apply', '-f', '-'], JSON.stringify(pod));
  await example.kubectl(['wait', 'pod/backups', '--for=condition=Ready', '--timeout=60s']);
  return (script) => example.kubectl(['exec', 'backups', '--', 'sh', '-c', script]);
}

/** When service was given up and when it was back, as the journals say, in milliseconds since 1970. */
export function declaredDowntime(runs: readonly UpgradeRun[]): { readonly from: number; readonly to: number } {
  const times = runs.flatMap(({ spec, status }) =>
    spec.steps.flatMap(({ id, marker }) => {
      const entry = status?.steps.find((candidate) => candidate.id === id);
      return marker === undefined || entry === undefined ? [] : [{ marker, entry }];
    }),
  );
  const began = times.find(({ marker }) => marker === 'DowntimeBegins')?.entry.started;
  const ended = times.findLast(({ marker, entry }) => marker === 'LimitedServiceRestored' && entry.finished)?.entry;
  if (began === undefined || ended?.finished === undefined) throw new Error('the journal declares no downtime');
  return { from: Date.parse(began), to: Date.parse(ended.finished) };
}
