/**
 * The restore drill: of each class of snapshots one volume, and of the database a fresh backup, verified and restored
 * aside by the user's own Job. Nothing that serves is touched. Pure.
 */
import type { UpgradeRunSpec } from '../../api/upgrade-run.ts';
import type { CheckRequest, DatabaseJob, DatabaseVerb } from '../effects.ts';
import { workloadsOf } from '../members.ts';
import type { DatabaseJobObservation } from '../observed.ts';
import { notKnown, notMet, pass, pending, type CheckInput, type Finding } from './check.ts';

export const drillTask = 'RestoreDrill';

/** One claim for each class of snapshots. */
export function drillRequests(spec: UpgradeRunSpec, id: string): CheckRequest[] {
  const classes = [...new Set(spec.groups.flatMap(({ snapshot }) => snapshot?.volumeSnapshotClassName ?? []))];
  return classes.toSorted().map((className) => ({
    id: `${id}/${className}`,
    kind: 'Drill',
    className,
    workloads: spec.groups
      .filter(({ snapshot }) => snapshot?.volumeSnapshotClassName === className)
      .flatMap(workloadsOf),
    image: spec.policy.preflight?.image ?? '',
  }));
}

export function databaseDrillJobs(spec: UpgradeRunSpec, id: string, handle = ''): DatabaseJob[] {
  if (missingVerbs(spec).length > 0 || spec.database === undefined) return [];
  return (['backup', 'verify', 'drill'] as const).map((verb) => jobOf(spec, id, verb, handle));
}

export function checkDatabaseDrill({ run, observed }: CheckInput, id: string): Finding[] {
  const { spec } = run;
  if (spec.database === undefined) return [];
  const { name } = spec.database;
  const missing = missingVerbs(spec);
  if (missing.length > 0)
    return [
      notMet(
        `Database ${name} has no ${missing.join(', ')}`,
        `fill in ${missing.join(', ')} of Database ${name}, then ask for another run`,
      ),
    ];
  let handle = '';
  for (const verb of ['backup', 'verify', 'drill'] as const) {
    const job = jobOf(spec, id, verb, handle);
    const seen = observed.databaseJobs.get(job.id);
    if (seen?.state !== 'succeeded') return [unfinished(name, job, seen)];
    if (verb === 'backup') handle = seen.output['handle'] ?? '';
    if (handle === '')
      return [
        notMet(
          `the backup Job of Database ${name} did not name its backup`,
          'let it write {"handle": "…"} as termination message',
        ),
      ];
    if (verb === 'drill') return [pass(`Database ${name}: ${handle} was restored aside${saidBy(seen)}`)];
  }
  return [];
}

function unfinished(name: string, job: DatabaseJob, seen: DatabaseJobObservation | undefined): Finding {
  if (seen === undefined || seen.state === 'absent')
    return pending(`Database ${name}: ${job.verb} begins`, { kind: 'RunDatabaseJob', job });
  if (seen.state === 'running') return pending(`Database ${name}: ${job.verb} runs`);
  const remedy = `read the log of the Job, and mend ${job.verb} of Database ${name}`;
  const evidence = `Database ${name}: ${job.verb}: ${seen.message}`;
  return seen.state === 'failed' ? notMet(evidence, remedy) : notKnown(evidence, remedy);
}

/** What the Job says of it, such as rows and seconds. */
function saidBy({ output }: DatabaseJobObservation): string {
  const facts = Object.entries(output).map(([key, value]) => `${key} ${value}`);
  return facts.length === 0 ? '' : ` (${facts.toSorted().join(', ')})`.slice(0, 300);
}

function missingVerbs({ database }: UpgradeRunSpec): string[] {
  if (database === undefined) return [];
  const { backup, drill } = database.spec;
  return [
    ...(backup === undefined ? ['spec.backup'] : []),
    ...(backup !== undefined && backup.job === undefined ? ['spec.backup.job'] : []),
    ...(backup?.job !== undefined && backup.verify === undefined ? ['spec.backup.verify'] : []),
    ...(drill === undefined ? ['spec.drill'] : []),
  ];
}

function jobOf(spec: UpgradeRunSpec, id: string, verb: DatabaseVerb, handle: string): DatabaseJob {
  const versions = { FROM_VERSION: spec.from.version ?? '', TO_VERSION: spec.to.version };
  return { id: `${id}/${verb}`, verb, parameters: verb === 'backup' ? versions : { ...versions, BACKUP: handle } };
}
