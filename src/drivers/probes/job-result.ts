/** What a Job and its pod say about a try. Pure; the log is read elsewhere, and only for `exited`. */
import type { Job, Pod } from '../../kube/objects.ts';

export type JobState =
  | { readonly kind: 'running'; readonly message: string }
  | { readonly kind: 'passed' }
  /** The test said no. */
  | { readonly kind: 'exited'; readonly message: string }
  /** The test did not get to say anything; `isOver` when the Job has ended by itself. */
  | { readonly kind: 'silent'; readonly message: string; readonly isOver: boolean };

/** Reasons that do not go away while the Job stands. ErrImagePull alone may: the kubelet tries again. */
const cannotStart: ReadonlySet<string> = new Set([
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
]);

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
  const stuck = waitingReason(pod);
  if (stuck !== undefined && !isOver) return { kind: 'silent', message: stuck, isOver };
  if (failed === undefined) return { kind: 'running', message: pendingReason(pod) };
  const ended = terminationOf(pod);
  if (ended === undefined)
    return { kind: 'silent', message: `Job failed: ${failed.message ?? failed.reason ?? 'no reason given'}`, isOver };
  const memory = ended.reason === 'OOMKilled' ? ' (out of memory)' : '';
  return { kind: 'exited', message: `exit status ${ended.exitCode}${memory}, want 0` };
}

function isEvicted({ status }: Pod): boolean {
  if (status?.reason === 'Evicted') return true;
  return (status?.conditions ?? []).some(
    (condition) => condition.type === 'DisruptionTarget' && condition.status === 'True',
  );
}

function statusesOf(pod: Pod | undefined): NonNullable<NonNullable<Pod['status']>['containerStatuses']> {
  return [...(pod?.status?.initContainerStatuses ?? []), ...(pod?.status?.containerStatuses ?? [])];
}

function waitingReason(pod: Pod | undefined): string | undefined {
  for (const { state } of statusesOf(pod)) {
    const { reason = '', message } = state?.waiting ?? {};
    if (cannotStart.has(reason))
      return `container cannot start: ${reason}${message === undefined ? '' : `: ${message}`}`;
  }
  return undefined;
}

function pendingReason(pod: Pod | undefined): string {
  const scheduled = pod?.status?.conditions?.find(({ type }) => type === 'PodScheduled');
  if (scheduled?.status === 'False')
    return `pod cannot be placed: ${scheduled.message ?? scheduled.reason ?? 'no reason given'}`;
  return waitingReason(pod) ?? '';
}

function terminationOf(pod: Pod | undefined): { readonly exitCode: number; readonly reason?: string } | undefined {
  const ended = statusesOf(pod).flatMap(({ state }) => (state?.terminated === undefined ? [] : [state.terminated]));
  return ended.find(({ exitCode }) => exitCode !== 0) ?? ended[0];
}
