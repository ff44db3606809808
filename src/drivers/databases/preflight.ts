/** What would keep the Jobs of a Database from being made, found before anything is touched. Reads only. */
import type { JobAction } from '../../api/common.ts';
import type { Database, DatabaseSpec } from '../../api/database.ts';
import type { Package } from '../../api/package.ts';
import type { KubeClient } from '../../kube/types.ts';
import type { Problem } from '../../planner/validate.ts';
import type { RunContext } from '../contract.ts';
import {
  type DeclaredJob,
  type Fault,
  findSecretFaults,
  findTemplateProblems as findProblemsOfTemplates,
  type JobsPreflight,
  secretsOf,
  variableFaults,
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
  const { credentialsSecret } = look.database.spec.connection;
  const credentials =
    credentialsSecret === undefined ? [] : [{ field: 'spec.connection.credentialsSecret', name: credentialsSecret }];
  const [templates, references] = await Promise.all([
    findProblemsOfTemplates(asked, signal),
    findSecretFaults(look, [...credentials, ...secretsOf(asked.jobs)], signal),
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
  return { object: `database/${database.metadata.name}`, jobs: actionsOf(database.spec), client, context };
}

const factsOfAll = ['VERB', 'OPERATION', 'RUN', 'STEP', 'DB_HOST', 'DB_PORT', 'DB_NAME', 'FROM_VERSION', 'TO_VERSION'];

function actionsOf({ schemaVersion, backup, migrate, readOnly, restore, drill }: DatabaseSpec): DeclaredJob[] {
  const one = (at: string, task: { readonly job: JobAction } | undefined, facts: readonly string[]): DeclaredJob[] =>
    task === undefined ? [] : [{ at: `${at}.job`, action: task.job, facts: [...factsOfAll, ...facts] }];
  return [
    ...one('spec.schemaVersion', schemaVersion, []),
    ...one('spec.backup', backup, []),
    ...one('spec.backup.verify', backup?.verify, ['BACKUP']),
    ...one('spec.migrate', migrate, ['FROM_SCHEMA', 'TO_SCHEMA']),
    ...one('spec.readOnly.set', readOnly?.set, []),
    ...one('spec.readOnly.clear', readOnly?.clear, []),
    ...one('spec.readOnly.writeProbe', readOnly?.writeProbe, []),
    ...one('spec.restore', restore, ['BACKUP']),
    ...one('spec.drill', drill, ['BACKUP']),
  ];
}

/** What the plan runs although the schema stays; a package that migrates is the planner's to judge. */
function verbFaults(spec: DatabaseSpec, { metadata, spec: release }: Package): Fault[] {
  if (release.schema?.change === 'Migrate') return [];
  const verbs = release.upgradeType === 'Major' ? (['backup', 'migrate'] as const) : (['migrate'] as const);
  return verbs
    .filter((verb) => spec[verb] === undefined)
    .map((verb) => ({
      reason: 'DatabaseIncomplete',
      field: `spec.${verb}`,
      message: `installing ${metadata.name} runs it, also where the schema stays: fill it in, or name no Database in the ServerGroups`,
    }));
}
