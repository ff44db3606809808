/** What a Job and its pod say about a try. Pure; the log is read elsewhere, and only for `exited`. */
import type { Job, Pod } from '../../kube/objects.ts';
import { containerStatuses, isEvicted, pendingReason, stuckReason } from '../jobs/pod-state.ts';

export type JobState =
  | { readonly kind: 'running'; readonly message: string }
  | { readonly kind: 'passed' }
  /** The test said no. */
  | { readonly kind: 'exited'; readonly message: string }
  /** The test did not get to say anything; `isOver` when the Job has ended by itself. */
  | { readonly kind: 'silent'; readonly message: string; readonly isOver: boolean };

export function jobState(job: Job, pod: Pod | undefined, timeout: string): JobState {
  const conditions = (job.status?.conditions ?? []).filter(({ status }) => status === 'True');
  if (conditions.some(({ type }) => type === 'Complete')) return { kind: 'passed' };
  const failed = conditions.find(({ type }) => type === 'Failed');
  const isOver = failed !== undefined;
  if (pod !== undefined && isEvicted(pod)) {
    return {
      kind: 'silent',
      message: `pod ${pod.metadata.name} was evicted${pod.status?.message === undefined ? '' : `: ${pod.status.message}`}`,
      isOver,
    };
  }
  if (failed?.reason === 'DeadlineExceeded') {
    const why = pendingReason(pod);
    return { kind: 'silent', message: `Job did not end within ${timeout}${why === '' ? '' : `: ${why}`}`, isOver };
  }
  const stuck = stuckReason(pod);
  if (stuck !== undefined && !isOver) return { kind: 'silent', message: stuck, isOver };
  if (failed === undefined) return { kind: 'running', message: pendingReason(pod) };
  const ended = terminationOf(pod);
  if (ended === undefined)
    return { kind: 'silent', message: `Job failed: ${failed.message ?? failed.reason ?? 'no reason given'}`, isOver };
  const memory = ended.reason === 'OOMKilled' ? ' (out of memory)' : '';
  return { kind: 'exited', message: `exit status ${ended.exitCode}${memory}, want 0` };
}

function terminationOf(pod: Pod | undefined): { readonly exitCode: number; readonly reason?: string } | undefined {
  const ended = containerStatuses(pod).flatMap(({ state }) =>
    state?.terminated === undefined ? [] : [state.terminated],
  );
  return ended.find(({ exitCode }) => exitCode !== 0) ?? ended[0];
}
