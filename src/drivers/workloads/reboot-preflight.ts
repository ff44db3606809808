/** What would keep a rebuild from rebooting (001-138), found before the upgrade that may need it. Reads only. */
import type { ServerGroup } from '../../api/server-group.ts';
import type { KubeClient } from '../../kube/types.ts';
import { jobsOfReboot } from '../../planner/declared/jobs.ts';
import type { Problem } from '../../planner/validate.ts';
import type { RunContext } from '../contract.ts';
import { findJobProblems } from '../jobs/preflight.ts';

export async function findRebootProblems(
  group: ServerGroup,
  look: { readonly client: KubeClient; readonly context: RunContext },
  signal: AbortSignal,
): Promise<Problem[]> {
  const jobs = jobsOfReboot(group);
  if (jobs.length === 0) return [];
  return findJobProblems({ ...look, object: `servergroup/${group.metadata.name}`, jobs }, signal);
}
