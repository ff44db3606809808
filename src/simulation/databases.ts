/** Databases of the simulated cluster, and the Jobs that are run on them. */
import type { DatabaseJob } from '../planner/effects.ts';
import type { DatabaseJobObservation } from '../planner/observed.ts';
import { later, nextNumber, releaseOf, type SimDatabase, type SimWorkload, type World } from './world.ts';

type Ended = Pick<DatabaseJobObservation, 'state' | 'exitCode' | 'output' | 'message'>;

export function addDatabase(world: World, name: string, schema: string): SimDatabase {
  const database: SimDatabase = {
    name,
    schema,
    readOnly: undefined,
    writes: [],
    backups: new Map(),
    jobs: new Map(),
    operations: new Map(),
  };
  world.databases.set(name, database);
  world.traffic.stored.set(name, []);
  return database;
}

const absent = { state: 'absent', exitCode: undefined, output: {}, message: '' } as const;
const running = { state: 'running', exitCode: undefined, output: {}, message: '' } as const;

export function seeJobNow(database: SimDatabase | undefined, job: DatabaseJob): DatabaseJobObservation {
  return database?.jobs.get(job.id) ?? { id: job.id, ...absent };
}

/** Starts the Job unless it is there; it takes its time. */
export function startJob(world: World, database: SimDatabase, job: DatabaseJob): boolean {
  if (database.jobs.has(job.id)) return false;
  database.jobs.set(job.id, { id: job.id, ...running });
  const operation = job.parameters['OPERATION'] ?? '';
  const repeated = job.verb === 'migrate' && database.operations.has(operation);
  if (job.verb === 'migrate' && !repeated) database.operations.set(operation, 'begun');
  later(world, world.timings.databaseMs, () => {
    const fault = world.faults.databases.get(job.verb);
    const ended = fault === 'fails' ? failed(job) : perform(world, database, job, repeated);
    if (fault === 'lost') database.jobs.delete(job.id);
    else database.jobs.set(job.id, { id: job.id, ...(fault === 'unknown' ? unknown(job) : ended) });
    // A fault of this kind happens once: what is asked again goes well.
    if (fault === 'lost') world.faults.databases.delete(job.verb);
  });
  return true;
}

function failed(job: DatabaseJob): Ended {
  return { state: 'failed', exitCode: 3, output: {}, message: `exit 3: ${job.verb} was refused` };
}

function unknown(job: DatabaseJob): Ended {
  return { state: 'failed', exitCode: 75, output: {}, message: `exit 75: nobody knows what became of ${job.verb}` };
}

function succeeded(output: Readonly<Record<string, string>>): Ended {
  return { state: 'succeeded', exitCode: 0, output, message: '' };
}

function perform(world: World, database: SimDatabase, job: DatabaseJob, repeated: boolean): Ended {
  const { parameters } = job;
  const backup = parameters['BACKUP'] ?? '';
  switch (job.verb) {
    case 'schemaVersion':
      return succeeded({
        schemaVersion: database.schema,
        operation: database.operations.get(parameters['OPERATION'] ?? '') ?? 'none',
      });
    case 'backup': {
      const handle = `backup-${nextNumber(world)}`;
      database.backups.set(handle, { schema: database.schema, writes: [...database.writes], verified: false });
      return succeeded({ handle });
    }
    case 'verify': {
      const found = database.backups.get(backup);
      if (found === undefined) return failed(job);
      found.verified = true;
      return succeeded({});
    }
    case 'migrate':
      return migrate(world, database, job, repeated);
    case 'restore':
      return restore(world, database, backup, job);
    case 'drill':
      return database.backups.has(backup) ? succeeded({}) : failed(job);
    case 'setReadOnly':
      if (!world.faults.keepsWriting) database.readOnly ??= 'ours';
      return succeeded({});
    case 'clearReadOnly':
      if (database.readOnly === 'somebody')
        world.violations.push(`personsWordHolds: ${database.name} was read-only by somebody's hand`);
      database.readOnly = undefined;
      return succeeded({});
    case 'writeProbe':
      return succeeded({ writable: String(database.readOnly === undefined) });
  }
}

function migrate(world: World, database: SimDatabase, job: DatabaseJob, repeated: boolean): Ended {
  const operation = job.parameters['OPERATION'] ?? '';
  const wanted = job.parameters['TO_SCHEMA'] ?? '';
  if (repeated && database.operations.get(operation) !== 'done') return unknown(job);
  if (!repeated && database.schema !== wanted) {
    if (usersOf(world, database).length > 0 && !world.promises.mayMixSchemas)
      world.violations.push(`migrationAlone: ${database.name} is migrated while servers use it`);
    if (!hasWayBack(database))
      world.violations.push(`backupFirst: ${database.name} is migrated and no backup that counts holds what is in it`);
    database.schema = world.faults.hiddenMigration ?? wanted;
  } else if (world.faults.hiddenMigration !== undefined) {
    database.schema = world.faults.hiddenMigration;
  }
  database.operations.set(operation, 'done');
  return succeeded({ schemaVersion: database.schema });
}

function restore(world: World, database: SimDatabase, handle: string, job: DatabaseJob): Ended {
  return putBack(world, database, handle) ? succeeded({ schemaVersion: database.schema }) : failed(job);
}

/** By whoever has access: a Job, or people. @returns whether there is such a backup */
export function putBack(world: World, database: SimDatabase, handle: string): boolean {
  const backup = database.backups.get(handle);
  if (backup === undefined) return false;
  if (!backup.verified) world.violations.push(`verifiedOnly: ${handle} was restored and never verified`);
  if (usersOf(world, database).length > 0)
    world.violations.push(`restoreAlone: ${database.name} is restored while servers use it`);
  database.schema = backup.schema;
  database.writes = [...backup.writes];
  return true;
}

/** By people, of the database as it is now. It counts when they attest it. */
export function takeBackup(database: SimDatabase, handle: string): void {
  database.backups.set(handle, { schema: database.schema, writes: [...database.writes], verified: false });
}

export function attestBackup(database: SimDatabase, handle: string): void {
  const backup = database.backups.get(handle);
  if (backup !== undefined) backup.verified = true;
}

/** 001-60, 001-61: verified or attested, and everything that is in the database is in it. */
function hasWayBack(database: SimDatabase): boolean {
  return [...database.backups.values()].some(
    ({ verified, schema, writes }) =>
      verified && schema === database.schema && database.writes.every((write) => writes.includes(write)),
  );
}

function usersOf(world: World, database: SimDatabase): SimWorkload[] {
  return [...world.workloads.values()].filter(
    (workload) => workload.database === database.name && workload.pods.length > 0,
  );
}

/** Servers whose code does not know the schema they run on (invariant 2 of the requirements). */
export function strangersTo(world: World, database: SimDatabase): string[] {
  return usersOf(world, database).flatMap((workload) =>
    workload.pods
      .filter((pod) => {
        const { schema } = releaseOf(world, pod.template);
        return pod.ready && !pod.terminating && schema !== undefined && schema !== database.schema;
      })
      .map((pod) => `${pod.name} on schema ${database.schema}`),
  );
}

/** Acknowledged writes that the database no longer holds. */
export function lostStored(world: World, database: SimDatabase): number[] {
  const kept = new Set(database.writes);
  return (world.traffic.stored.get(database.name) ?? []).filter((write) => !kept.has(write));
}
