/** The status of a Database: whether its Jobs can be made, and what the journals of runs tell of it. */
import { isTrue, mergeConditions } from '../api/conditions.ts';
import type { Database, DatabaseStatus } from '../api/database.ts';
import { decodeDatabase } from '../api/decode.ts';
import { databases } from '../api/resources.ts';
import { runFormat, type UpgradeRun } from '../api/upgrade-run.ts';
import type { RunContext } from '../drivers/contract.ts';
import { findTemplateProblems } from '../drivers/databases/preflight.ts';
import type { ReconcileResult } from '../kube/controller.ts';
import { patchStatus } from '../kube/status.ts';
import type { ObjectName } from '../kube/types.ts';
import { isSchemaChanged, mergeHandles } from '../planner/journal.ts';
import { backupAtKey, backupByKey, backupKey, schemaBeforeKey, schemaNowKey } from '../planner/steps/keys.ts';
import type { Problem } from '../planner/validate.ts';
import { formatInstant } from '../shared/instant.ts';
import { readyConditions } from './conditions.ts';
import type { Caches, ControllerContext } from './context.ts';

/** PodTemplates have no watch: they are looked at again this often, and sooner while one of them is wanting. */
const databaseMs = 60_000;
const wantingMs = 15_000;

interface DatabaseContext extends Pick<ControllerContext, 'client' | 'now'> {
  readonly caches: Pick<Caches, 'databases' | 'upgradeRuns'>;
}

export async function reconcileDatabase(
  context: DatabaseContext,
  name: ObjectName,
  signal: AbortSignal,
): Promise<ReconcileResult> {
  const cached = context.caches.databases.get(name);
  if (cached === undefined) return { kind: 'settled' };
  const database = decodeDatabase(cached);
  const status = await statusOf(context, database, signal);
  await patchStatus(context.client, databases, database, status, { signal });
  return { kind: 'requeue', afterMs: isTrue(status.conditions, 'Ready') ? databaseMs : wantingMs };
}

async function statusOf(context: DatabaseContext, database: Database, signal: AbortSignal): Promise<DatabaseStatus> {
  const { namespace = '', generation = 1, uid } = database.metadata;
  const nobody: RunContext = { namespace, run: '', runUID: '', upgradeSet: '', user: undefined, handles: {} };
  // By the operator's own rights, so no Secret is read: those are for the account of the set to see.
  const look = { database, client: context.client, context: nobody };
  const [problem] = await findTemplateProblems(look, signal);
  const runs = context.caches.upgradeRuns
    .list(namespace)
    .filter(({ spec }) => spec.format === runFormat && spec.database?.uid === uid);
  const schemaVersion = schemaOf(runs, database.status);
  const lastBackup = lastBackupOf(runs, database.status);
  return {
    observedGeneration: generation,
    conditions: mergeConditions(
      database.status?.conditions,
      readyConditions(
        problem === undefined,
        problem?.reason ?? 'UpToDate',
        problem === undefined ? 'its Jobs can be made' : sentenceOf(problem),
        generation,
      ),
      formatInstant(context.now()),
    ),
    ...(schemaVersion === undefined ? {} : { schemaVersion }),
    ...(lastBackup === undefined ? {} : { lastBackup }),
  };
}

/** Readers know which Database they look at, and not which PodTemplate it is about. */
function sentenceOf({ object, field, message }: Problem): string {
  return `${object.startsWith('database/') ? '' : `${object} `}${field}: ${message}`;
}

/** As the newest run that asked has read it; unknown while a migration has begun and nobody has read it since. */
function schemaOf(runs: readonly UpgradeRun[], before: DatabaseStatus | undefined): string | undefined {
  const newest = runs
    .toSorted((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1))
    .map(({ spec, status }) => mergeHandles(spec, status?.steps ?? []))
    .findLast((handles) => handles[schemaBeforeKey] !== undefined);
  // The history of runs is limited, and what they found out outlives them.
  if (newest === undefined) return before?.schemaVersion;
  return newest[schemaNowKey] ?? (isSchemaChanged(newest) ? undefined : newest[schemaBeforeKey]);
}

/** A way back is made after the run it belongs to, and its name is that run's with an ending. */
function orderOf({ metadata }: UpgradeRun): string {
  return `${metadata.creationTimestamp ?? ''} ${metadata.name}`;
}

/** Handles that a way back took over are not its own: only what a run's steps wrote is asked. */
function lastBackupOf(
  runs: readonly UpgradeRun[],
  before: DatabaseStatus | undefined,
): DatabaseStatus['lastBackup'] | undefined {
  const found = runs.flatMap((run) =>
    (run.status?.steps ?? []).flatMap(({ handles = {} }) => {
      const handle = handles[backupKey];
      const at = handles[backupAtKey];
      const by = handles[backupByKey];
      if (handle === undefined || at === undefined) return [];
      return [{ handle, at, run: run.metadata.name, ...(by === undefined ? {} : { by }) }];
    }),
  );
  const known = before?.lastBackup === undefined ? [] : [before.lastBackup];
  return [...known, ...found].toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at)).at(-1);
}
