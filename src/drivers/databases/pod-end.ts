/** How one pod of a database Job ended. Pure. */
import type { ContainerState, Pod } from '../../kube/objects.ts';
import { disruptionOf, pendingReason } from '../jobs/pod-state.ts';

type Terminated = NonNullable<ContainerState['terminated']>;

export type PodEnd =
  | {
      readonly kind: 'exited';
      readonly pod: Pod;
      readonly exitCode: number;
      /** Such as ", out of memory"; mostly empty. */
      readonly remark: string;
      readonly output: Readonly<Record<string, string>>;
      /** The termination message where it is no JSON object. */
      readonly said: string;
    }
  /** Ended from outside, with or without a word: its exit status is not the program's verdict. */
  | { readonly kind: 'interrupted'; readonly pod: Pod; readonly why: string }
  /** The container never began, so nothing was done. */
  | { readonly kind: 'neverBegan'; readonly pod: Pod; readonly why: string };

/**
 * @param pod that has ended
 * @param container the one that does the work: others may have been put before it on the way
 */
export function endOf(pod: Pod, container: string): PodEnd {
  const state = (pod.status?.containerStatuses ?? []).find(({ name }) => name === container)?.state;
  const ended = state?.terminated;
  // Whoever got as far as 0 was not kept from its end.
  if (ended?.exitCode === 0) return exited(pod, ended);
  const cause = interruption(pod);
  if (cause !== undefined) return { kind: 'interrupted', pod, why: cause };
  if (ended?.reason === 'ContainerStatusUnknown')
    return { kind: 'interrupted', pod, why: 'was lost from sight of its node' };
  if (ended !== undefined) return exited(pod, ended);
  if (state?.running !== undefined) return { kind: 'interrupted', pod, why: 'was lost before its end was seen' };
  return { kind: 'neverBegan', pod, why: whyNeverBegan(pod) };
}

export function tellEnd(end: PodEnd): string {
  if (end.kind === 'exited') return `exit ${end.exitCode}${end.remark}`;
  return `pod ${end.pod.metadata.name} ${end.why}`;
}

function exited(pod: Pod, ended: Terminated): PodEnd {
  const { exitCode, reason, message = '' } = ended;
  const output = parseOutput(message);
  return {
    kind: 'exited',
    pod,
    exitCode,
    remark: reason === 'OOMKilled' ? ', out of memory' : '',
    output: output ?? {},
    said: output === undefined ? message.trim() : '',
  };
}

const words: Readonly<Record<string, string>> = {
  Evicted: 'was evicted',
  EvictionByEvictionAPI: 'was evicted',
  TerminationByKubelet: 'was evicted',
  DeletionByTaintManager: 'was evicted',
  Preempting: 'was preempted',
  PreemptionByScheduler: 'was preempted',
  DeletionByPodGC: 'was lost with its node',
};

function interruption({ status }: Pod): string | undefined {
  const disruption = disruptionOf(status);
  const reason = disruption?.reason ?? status?.reason ?? '';
  const word = words[reason] ?? (disruption === undefined ? undefined : 'was ended from outside');
  if (word === undefined) return undefined;
  const detail = status?.message ?? disruption?.message ?? '';
  return detail === '' ? word : `${word}: ${detail}`;
}

function whyNeverBegan(pod: Pod): string {
  const failed = (pod.status?.initContainerStatuses ?? []).find(
    ({ state }) => (state?.terminated?.exitCode ?? 0) !== 0,
  );
  if (failed !== undefined)
    return `never began its work: init container ${failed.name} ended with exit ${failed.state?.terminated?.exitCode ?? 0}`;
  const { reason = '', message = '' } = pod.status ?? {};
  const why = [pendingReason(pod), [reason, message].filter((part) => part !== '').join(': ')].find(
    (text) => text !== '',
  );
  return `never began its work${why === undefined ? '' : `: ${why}`}`;
}

/** The fields that are texts, numbers or truth values, as written; undefined when the text is no JSON object. */
function parseOutput(message: string): Record<string, string> | undefined {
  try {
    const parsed: unknown = JSON.parse(message, asWritten);
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined;
    return Object.fromEntries(
      Object.entries(parsed).flatMap(([key, value]: [string, unknown]) =>
        typeof value === 'string' || typeof value === 'boolean' ? [[key, String(value)]] : [],
      ),
    );
  } catch {
    return undefined;
  }
}

/** Numbers keep their text: schema 41.10 is not schema 41.1. */
function asWritten(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  return typeof value === 'number' ? (context?.source ?? String(value)) : value;
}
