/** What Jobs that work on one server have in common: what they are told, and what is said when they fail. */
import type { Job, Pod } from '../../kube/objects.ts';
import type { WorkloadRef } from '../../planner/effects.ts';
import type { Operation } from '../contract.ts';
import { stepOf } from './named-job.ts';
import { containerStatuses } from './pod-state.ts';

export interface ServerJob {
  /** Of the request the Job was made for. */
  readonly id: string;
  readonly group: string;
  readonly server: string;
  readonly workload: WorkloadRef;
  /** Where the server runs; empty where it does not. */
  readonly node: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** `BELAY_*` without the prefix. */
export function serverFacts(
  operation: Operation,
  { id, group, server, workload, node, parameters }: ServerJob,
): Record<string, string> {
  return {
    ...parameters,
    OPERATION: id,
    RUN: operation.run,
    STEP: stepOf(operation),
    GROUP: group,
    SERVER: server,
    WORKLOAD: `${workload.kind}/${workload.name}`,
    NODE: node,
  };
}

/** The exit status, where a container left one. What it wrote is in the log of the step, without values of Secrets. */
export function whyFailed({ status }: Job, pods: readonly Pod[]): string {
  const said = (status?.conditions ?? []).find(({ type }) => type === 'Failed')?.message ?? 'no reason given';
  const code = containerStatuses(pods.at(-1))
    .map(({ state }) => state?.terminated?.exitCode ?? 0)
    .find((exitCode) => exitCode !== 0);
  return code === undefined ? said : `exit status ${code}`;
}
