/** What would keep the hooks of a group from running (001-54, 001-62), found before the run. Reads only. */
import type { ServerGroup } from '../../api/server-group.ts';
import type { KubeClient } from '../../kube/types.ts';
import type { Problem } from '../../planner/validate.ts';
import type { RunContext } from '../contract.ts';
import { findJobProblems } from '../jobs/preflight.ts';

/** What the Job of a hook is told, as `BELAY_*`: docs/hooks.md. */
const facts = [
  ...['OPERATION', 'RUN', 'STEP', 'GROUP', 'HOOK', 'AT', 'SERVER', 'ROLE', 'WORKLOAD', 'NODE'],
  ...['FROM_VERSION', 'TO_VERSION'],
];

export async function findHookProblems(
  { metadata, spec }: ServerGroup,
  look: { readonly client: KubeClient; readonly context: RunContext },
  signal: AbortSignal,
): Promise<Problem[]> {
  if (spec.hooks === undefined) return [];
  // It runs for every server, so what only some of them have is of no use.
  const [first, ...others] = spec.servers;
  const vars = Object.keys(first?.vars ?? {}).filter((name) =>
    others.every((server) => Object.hasOwn(server.vars ?? {}, name)),
  );
  const known = [...facts, ...vars.toSorted()];
  const jobs = spec.hooks.map(({ name, job }) => ({ at: `spec.hooks[${name}].job`, action: job, facts: known }));
  return findJobProblems({ ...look, object: `servergroup/${metadata.name}`, jobs }, signal);
}
