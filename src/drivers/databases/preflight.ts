/** What would keep the Jobs of a Database from being made, found before anything is touched. Reads only. */
import type { Database } from '../../api/database.ts';
import type { Package } from '../../api/package.ts';
import type { KubeClient } from '../../kube/types.ts';
import { jobsOfDatabase, secretsOfDatabase, variableFaults, verbFaults } from '../../planner/declared/jobs.ts';
import type { Problem } from '../../planner/validate.ts';
import type { RunContext } from '../contract.ts';
import {
  findSecretFaults,
  findTemplateProblems as findProblemsOfTemplates,
  type JobsPreflight,
} from '../jobs/preflight.ts';

export interface DatabasePreflight {
  readonly database: Database;
  readonly client: KubeClient;
  readonly context: RunContext;
}

/** Everything a plan with this package needs of the Database; an API server that does not answer throws. */
export async function findDatabaseProblems(
  { package: package_, ...look }: DatabasePreflight & { readonly package: Package },
  signal: AbortSignal,
): Promise<Problem[]> {
  const asked = jobsOf(look);
  const [templates, references] = await Promise.all([
    findProblemsOfTemplates(asked, signal),
    findSecretFaults(look, secretsOfDatabase(look.database.spec), signal),
  ]);
  const missing = verbFaults(look.database.spec, package_);
  const faults = [...missing, ...references, ...asked.jobs.flatMap(variableFaults)];
  return [...faults.map((fault) => ({ object: asked.object, ...fault })), ...templates];
}

/** Those of its PodTemplates alone: no Secret is read for it. */
export async function findTemplateProblems(look: DatabasePreflight, signal: AbortSignal): Promise<Problem[]> {
  return findProblemsOfTemplates(jobsOf(look), signal);
}

function jobsOf({ database, client, context }: DatabasePreflight): JobsPreflight {
  return { object: `database/${database.metadata.name}`, jobs: jobsOfDatabase(database.spec), client, context };
}
