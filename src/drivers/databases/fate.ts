/**
 * What a Job and its pods say about how it went. Pure.
 *
 * The server may start the pod of a Job twice. Success is what the Job itself says, never what a pod says alone, and
 * only when every pod that began tells the same: where two differ, or the Job and its pod do, it cannot be told.
 */
import { canonicalJson } from '../../shared/json.ts';
import type { DatabaseVerb } from '../../planner/effects.ts';
import type { DatabaseJobObservation } from '../../planner/observed.ts';
import type { Job, Pod } from '../../kube/objects.ts';
import { formatDuration } from '../../shared/duration.ts';
import { isLive } from '../pods.ts';
import { pendingReason } from '../jobs/pod-state.ts';
import { type PodEnd, endOf, tellEnd } from './pod-end.ts';

export interface Fate extends Omit<DatabaseJobObservation, 'id'> {
  /** What the program wrote for its reader, unredacted; empty when it said nothing but JSON. */
  readonly said: string;
  /** Whose log tells more; empty where there is nothing to tell. */
  readonly logs: readonly Pod[];
}

const nothing = { exitCode: undefined, output: {}, said: '', logs: [] };

/** Verbs whose answer is their purpose. */
const asked: ReadonlySet<DatabaseVerb> = new Set(['schemaVersion', 'backup', 'writeProbe']);

/** @param pods those that the Job controls */
export function fateOf(job: Job, pods: readonly Pod[], verb: DatabaseVerb): Fate {
  const isTrue = (wanted: string): boolean =>
    (job.status?.conditions ?? []).some(({ type, status }) => type === wanted && status === 'True');
  const isComplete = isTrue('Complete');
  if (!isComplete && !isTrue('Failed')) return running(troubleOf(job, pods));
  // A server before 1.31 says so while pods still end.
  const live = pods.find((pod) => !hasEnded(pod));
  if (live !== undefined) return running(`pod ${live.metadata.name} has not ended yet`);
  const ends = pods.map((pod) => endOf(pod, workerOf(job)));
  const begun = ends.filter(({ kind }) => kind !== 'neverBegan');
  if (new Set(begun.map((end) => verdictOf(end, verb))).size > 1) return unknown(tellApart(begun), begun);
  return isComplete ? fateOfComplete(job, begun, verb) : fateOfFailed(job, ends, begun);
}

function running(message: string): Fate {
  return { ...nothing, state: 'running', message };
}

function unknown(message: string, ends: readonly PodEnd[]): Fate {
  return { ...nothing, state: 'unknown', message, logs: ends.map(({ pod }) => pod) };
}

/** Unlike `isLive`: a pod that is being deleted may still work on the database. */
export function hasEnded({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

/** Name of the container that does the work. */
export function workerOf({ spec }: Job): string {
  return spec.template.spec.containers[0]?.name ?? '';
}

/** What pods have to agree on: the second pod of a migration may have less to say than the one that did it. */
function verdictOf(end: PodEnd, verb: DatabaseVerb): string {
  if (end.kind === 'exited' && end.exitCode === 0 && asked.has(verb)) return `0 ${canonicalJson(end.output)}`;
  return String(exitCodeOf(end));
}

function tellApart(ends: readonly PodEnd[]): string {
  const pods = ends.map((end) =>
    end.kind === 'exited' ? `pod ${end.pod.metadata.name} ${tellEnd(end)}` : tellEnd(end),
  );
  return `its pods ${ends.every((end) => exitCodeOf(end) === 0) ? 'answered' : 'ended'} differently: ${pods.join('; ')}`;
}

function exitCodeOf(end: PodEnd | undefined): number | undefined {
  return end?.kind === 'exited' ? end.exitCode : undefined;
}

function fateOfComplete(job: Job, begun: readonly PodEnd[], verb: DatabaseVerb): Fate {
  const [end] = begun;
  if (end === undefined) {
    const message = `Job ${job.metadata.name} is complete, and its pod is gone with what it answered`;
    if (asked.has(verb)) return { ...nothing, state: 'unknown', message };
    return { ...nothing, state: 'succeeded', exitCode: 0, message };
  }
  if (end.kind === 'exited' && end.exitCode === 0)
    return { ...nothing, state: 'succeeded', exitCode: 0, output: end.output, message: 'exit 0' };
  return unknown(`Job ${job.metadata.name} is complete, but ${tellEnd(end)}`, begun);
}

function fateOfFailed(job: Job, ends: readonly PodEnd[], begun: readonly PodEnd[]): Fate {
  const [end] = begun;
  const condition = (job.status?.conditions ?? []).find(({ type }) => type === 'Failed');
  if (exitCodeOf(end) === 0 && end !== undefined)
    return unknown(
      `Job ${job.metadata.name} failed (${condition?.reason ?? 'no reason given'}), but ${tellEnd(end)}`,
      begun,
    );
  const isLate = condition?.reason === 'DeadlineExceeded';
  const limit = formatDuration((job.spec.activeDeadlineSeconds ?? 0) * 1_000);
  const why = whyFailed(job, end ?? ends[0], isLate);
  return {
    state: 'failed',
    exitCode: exitCodeOf(end),
    output: end?.kind === 'exited' ? end.output : {},
    message: isLate ? `did not end within ${limit}${why === '' ? '' : `: ${why}`}` : why,
    said: end?.kind === 'exited' ? end.said : '',
    logs: begun.map(({ pod }) => pod),
  };
}

function whyFailed(job: Job, end: PodEnd | undefined, isLate: boolean): string {
  if (end !== undefined) return tellEnd(end);
  // The server deletes the pods of a Job that is late: that they are gone tells nothing more.
  if (isLate) return '';
  return `the pod of Job ${job.metadata.name} is gone, and nobody saw its end: it was deleted, or its node was lost`;
}

/** Why it is not over yet, when something is wrong; empty otherwise. */
function troubleOf(job: Job, pods: readonly Pod[]): string {
  const { name, deletionTimestamp } = job.metadata;
  if (deletionTimestamp !== undefined) return `Job ${name} is being deleted`;
  if (job.spec.suspend === true) return `Job ${name} is suspended: somebody set spec.suspend`;
  if (pods.length === 0) return `Job ${name} has no pod yet`;
  const leaving = pods.find((pod) => !isLive(pod) && !hasEnded(pod));
  if (leaving !== undefined) return `pod ${leaving.metadata.name} is being deleted and has not ended yet`;
  return pods.map(pendingReason).find((reason) => reason !== '') ?? '';
}
