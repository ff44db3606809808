import type { DatabaseSpec } from '../../api/database.ts';
import type { Job, Pod } from '../../kube/objects.ts';
import { jobs, secrets } from '../../kube/resources.ts';
import type { KubeClient, ObjectName } from '../../kube/types.ts';
import type { DatabaseJob } from '../../planner/effects.ts';
import type { DatabaseJobObservation } from '../../planner/observed.ts';
import type { Logger } from '../../shared/logger.ts';
import { call, userClient } from '../access.ts';
import type { DatabaseDriver, EffectOf, Evidence, Operation } from '../contract.ts';
import { factsOfJob, shownEvidence } from '../jobs/job-evidence.ts';
import { createNamedJob, isMadeFor, missing, needTemplate } from '../jobs/named-job.ts';
import { tailOf } from '../jobs/pod-log.ts';
import { podsNamedBy } from '../jobs/pod-state.ts';
import { readRedaction } from '../jobs/redaction.ts';
import { isControlledBy } from '../pods.ts';
import { type Fate, fateOf, hasEnded, workerOf } from './fate.ts';
import { actionFor, databaseJobName, databaseJobObject, purposeOf } from './job-object.ts';

export interface DatabaseDriverOptions {
  readonly client: KubeClient;
  readonly logger: Logger;
}

const longestMessage = 512;
const messageLines = 10;
const longestLog = 16_384;
const logLines = 500;

/** Jobs as the run's account, one for each id: `docs/databases.md` is the contract for what runs in them. */
export function createDatabaseDriver({ client, logger }: DatabaseDriverOptions): DatabaseDriver {
  return {
    observe: (context, job, signal) =>
      call(`looking at Job ${databaseJobName(job)}`, signal, () =>
        observe(userClient(client, context), context.namespace, job, signal),
      ),
    request: (operation, effect, database, signal) => {
      const { verb } = effect.job;
      const name = databaseJobName(effect.job);
      return call(`running ${verb} of the Database as Job ${name}`, signal, async () => {
        logger.info('Requesting a Job on the database', { verb, job: name, operation: operation.operation });
        await request(userClient(client, operation), operation, effect, database, signal);
      });
    },
    readLog: (context, job, signal) =>
      call(`reading the log of Job ${databaseJobName(job)}`, signal, () =>
        readLog(userClient(client, context), context.namespace, job, signal),
      ),
  };
}

interface Found {
  readonly job: Job;
  /** Those the Job controls. */
  readonly pods: readonly Pod[];
}

/** The Job made for this id with its pods; where it is gone, the pods that still work for it. */
async function find(
  client: KubeClient,
  at: ObjectName,
  wanted: DatabaseJob,
  signal: AbortSignal,
): Promise<Found | { readonly job: undefined; readonly orphan: Pod | undefined }> {
  const job = await client.find(jobs, at, signal);
  if (job !== undefined && !isMadeFor(job, purposeOf(wanted))) return { job: undefined, orphan: undefined };
  const named = await podsNamedBy(client, at, signal);
  if (job !== undefined) return { job, pods: named.filter((pod) => isControlledBy(pod, job.metadata.uid)) };
  return { job: undefined, orphan: named.find((pod) => !hasEnded(pod)) };
}

async function observe(
  client: KubeClient,
  namespace: string,
  wanted: DatabaseJob,
  signal: AbortSignal,
): Promise<DatabaseJobObservation> {
  const { id, verb } = wanted;
  const at = { namespace, name: databaseJobName(wanted) };
  const found = await find(client, at, wanted, signal);
  if (found.job !== undefined) {
    const fate = fateOf(found.job, found.pods, verb);
    const { state, exitCode, output } = fate;
    return { id, state, exitCode, output, message: await explain(client, found.job, fate, signal) };
  }
  const { orphan } = found;
  const nothing = { id, exitCode: undefined, output: {} };
  if (orphan === undefined) return { ...nothing, state: 'absent', message: '' };
  // Gone is only what has ended: another one beside it would work on the same database.
  const message = `Job ${at.name} was deleted, and its pod ${orphan.metadata.name} has not ended yet`;
  return { ...nothing, state: 'running', message };
}

/** The verdict in words, with what the program said of it. */
async function explain(client: KubeClient, job: Job, fate: Fate, signal: AbortSignal): Promise<string> {
  const shown = await readWords(client, job, fate, signal);
  const room = longestMessage - fate.message.length - 2;
  if (shown === '' || room < 20) return fate.message.slice(0, longestMessage).toWellFormed();
  return `${fate.message}: ${shown.length <= room ? shown : `…${shown.slice(1 - room)}`}`.toWellFormed();
}

async function readWords(client: KubeClient, job: Job, { said, logs }: Fate, signal: AbortSignal): Promise<string> {
  if (logs.length === 0) return '';
  const redaction = await readRedaction(client, job, signal);
  if ('unreadable' in redaction) return withheld(redaction.unreadable);
  const text = said === '' ? await joinLogs(client, { job, pods: logs }, messageLines, signal) : said;
  return withoutControls(redaction.redact(text)).trim();
}

/** The last 16 KiB of what its pods wrote; where a Secret of the Job cannot be read, a sentence that says so. */
async function readLog(
  client: KubeClient,
  namespace: string,
  wanted: DatabaseJob,
  signal: AbortSignal,
): Promise<Evidence | undefined> {
  const found = await find(client, { namespace, name: databaseJobName(wanted) }, wanted, signal);
  if (found.job === undefined) return undefined;
  const { job, pods } = found;
  const title = `Job ${job.metadata.name} (${wanted.verb})`;
  const redaction = await readRedaction(client, job, signal);
  if ('unreadable' in redaction)
    return {
      title,
      facts: factsOfJob(job, pods).filter(([name]) => name !== 'said'),
      output: withheld(redaction.unreadable),
    };
  const output = await joinLogs(client, found, logLines, signal);
  return shownEvidence({ title, facts: factsOfJob(job, pods), output }, redaction.redact, longestLog);
}

function withheld(secret: string): string {
  return `what it wrote is not shown: Secret ${secret} cannot be read, so its values could not be taken out`;
}

/** Of several pods each under its name. */
async function joinLogs(
  client: KubeClient,
  { job, pods }: Found,
  tailLines: number,
  signal: AbortSignal,
): Promise<string> {
  const texts: string[] = [];
  for (const pod of pods) {
    const text = await tailOf(client, pod, { container: workerOf(job), tailLines }, signal);
    if (text !== '') texts.push(pods.length === 1 ? text : `pod ${pod.metadata.name}:\n${text}`);
  }
  return texts.join('\n');
}

/** Terminals obey control characters; whoever reads the message shall not. */
function withoutControls(text: string): string {
  return text.replaceAll('\t', ' ').replaceAll(/[^\P{Cc}\n]/gu, '');
}

async function request(
  client: KubeClient,
  operation: Operation,
  { job }: EffectOf<'RunDatabaseJob'>,
  database: DatabaseSpec,
  signal: AbortSignal,
): Promise<void> {
  const at = { namespace: operation.namespace, name: databaseJobName(job) };
  await createNamedJob(client, at, purposeOf(job), () => build(client, operation, job, database, signal), signal);
}

async function build(
  client: KubeClient,
  operation: Operation,
  job: DatabaseJob,
  { connection, ...verbs }: DatabaseSpec,
  signal: AbortSignal,
): Promise<Job> {
  const { namespace } = operation;
  const { field, action } = actionFor({ connection, ...verbs }, job.verb);
  const { credentialsSecret } = connection;
  if (credentialsSecret !== undefined) {
    const found = await client.find(secrets, { namespace, name: credentialsSecret }, signal);
    if (found === undefined)
      throw missing('Secret', credentialsSecret, 'spec.connection.credentialsSecret of the Database');
  }
  const wanted = { ...action, containerName: 'database' };
  const place = `${field}.podTemplate of the Database`;
  const { template, container } = await needTemplate(client, namespace, wanted, place, signal);
  return databaseJobObject({ operation, job, connection, template, container, field, action });
}
