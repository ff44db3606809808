/** What would keep a rebuild from rebooting (001-138), found before the upgrade that may need it. Reads only. */
import type { ServerGroup } from '../../api/server-group.ts';
import type { KubeClient } from '../../kube/types.ts';
import type { Problem } from '../../planner/validate.ts';
import type { RunContext } from '../contract.ts';
import { findJobProblems } from '../jobs/preflight.ts';

/** What the Job of a reboot is told, as `BELAY_*`: docs/rebuild.md. */
const facts = [
  ...['OPERATION', 'RUN', 'STEP', 'GROUP', 'SERVER', 'WORKLOAD', 'NODE'],
  ...['FROM_VERSION', 'TO_VERSION'],
];

export async function findRebootProblems(
  { metadata, spec }: ServerGroup,
  look: { readonly client: KubeClient; readonly context: RunContext },
  signal: AbortSignal,
): Promise<Problem[]> {
  const action = spec.rebuild?.reboot?.job;
  if (action === undefined) return [];
  const jobs = [{ at: 'spec.rebuild.reboot.job', action, facts }];
  return findJobProblems({ ...look, object: `servergroup/${metadata.name}`, jobs }, signal);
}
