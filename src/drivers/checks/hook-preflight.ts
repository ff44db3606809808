/** What would keep the hooks of a group from running (001-54, 001-62), found before the run. Reads only. */
import type { ServerGroup } from '../../api/server-group.ts';
import type { KubeClient } from '../../kube/types.ts';
import { jobsOfHooks } from '../../planner/declared/jobs.ts';
import type { Problem } from '../../planner/validate.ts';
import type { RunContext } from '../contract.ts';
import { findJobProblems } from '../jobs/preflight.ts';

export async function findHookProblems(
  group: ServerGroup,
  look: { readonly client: KubeClient; readonly context: RunContext },
  signal: AbortSignal,
): Promise<Problem[]> {
  const jobs = jobsOfHooks(group);
  if (jobs.length === 0) return [];
  return findJobProblems({ ...look, object: `servergroup/${group.metadata.name}`, jobs }, signal);
}
