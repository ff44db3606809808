/** What is to go wrong, as the command line and the stories say it. */
import type { ServerGroup } from '../api/server-group.ts';
import type { StepAction } from '../api/upgrade-run.ts';
import type { EffectKind } from '../planner/effects.ts';
import { assertNever } from '../shared/assert.ts';
import { nearest } from './fields.ts';
import type { Judgement, ProbeScript, ProbeTry } from './probing.ts';
import type { SceneObjects } from './scene.ts';
import { letSnapshotsEnd } from './storage.ts';
import { letPodsEnd, letPodsStart } from './workloads.ts';
import { changed, componentKey, must, releaseOf, type JobFault, type World } from './world.ts';

/** A driver call that does not go well. */
export interface DriverFault {
  readonly kind: EffectKind | 'observe';
  /** Part of the call's target; empty matches all. */
  readonly target: string;
  /** `refused`: nothing happens. `lost`: it happens, the answer does not arrive. */
  readonly mode: 'refused' | 'lost';
  times: number;
}

export interface ProbeFault {
  readonly probe: string;
  readonly group: string;
  /** `New` where nothing is said: what ran at the beginning passes. */
  readonly release: 'New' | 'Old' | 'Any';
  readonly scope: 'Isolated' | 'Pool' | 'Any';
  readonly answer: 'fail' | 'none';
}

/** Something that does not do as it is told, from one moment of a story to another. */
export type Mishap =
  /** Users of the member do not leave while it is drained. */
  | { readonly kind: 'UsersStay'; readonly pool: string; readonly member: string }
  /** The group's pods do not end. */
  | { readonly kind: 'PodsStay'; readonly group: string }
  /** The group's new release does not become ready. */
  | { readonly kind: 'NeverReady'; readonly group: string }
  /** Snapshots of the group's volumes do not become ready. */
  | { readonly kind: 'SnapshotsStuck'; readonly group: string }
  /** The pool accepts every change and carries none out. */
  | { readonly kind: 'PoolDeaf'; readonly pool: string }
  /** Somebody else's controller keeps the workload as it is. */
  | { readonly kind: 'Reconciled'; readonly workload: string; readonly by: string }
  /** Somebody deletes the document that settings stand in. */
  | { readonly kind: 'DocumentGone'; readonly document: string }
  /** A Job of the Database ends like this. */
  | { readonly kind: 'JobFails'; readonly verb: string; readonly how: JobFault };

/** What `--fail` takes, for messages. */
export const faultForms =
  'probe:NAME@GROUP[:old|:any][:pool|:isolated][:silent], component:NAME@GROUP, start@GROUP, snapshot@GROUP, restore@GROUP, database:VERB[:unknown|:lost]';

/** The same for checks before the start, which only a rehearsal knows. */
export const checkFaultForms = 'check:NAME[:unknown], drill';

const allForms = `${faultForms}, ${checkFaultForms}`;

/** Qualifiers of which one at the most is meant. */
const alternatives = [
  ['old', 'new', 'any'],
  ['pool', 'isolated'],
] as const;
const databaseVerbs = [
  'schemaVersion',
  'backup',
  'verify',
  'migrate',
  'restore',
  'setReadOnly',
  'clearReadOnly',
  'writeProbe',
] as const;

/**
 * Refuses what could never come about with these objects.
 * @param objects those of the sets that are rehearsed
 * @throws RangeError names what there is instead
 */
export function assertPossible(objects: SceneObjects, text: string): void {
  if (text.startsWith('database:')) return assertDatabase(objects, text);
  const [what = '', where = ''] = text.split('@');
  const [name = '', ...qualifiers] = where.split(':');
  const refuse = (why: string): never => {
    throw new RangeError(`--fail ${text}: ${why}`);
  };
  if (name === '') refuse(`it names no group; wanted ${allForms}`);
  const names = objects.groups.map(({ metadata }) => metadata.name);
  const group = objects.groups.find(({ metadata }) => metadata.name === name);
  if (group === undefined)
    return refuse(`it names group ${name}, which is not in the set; there are ${names.join(', ')}`);
  if (what.startsWith('probe:')) return assertProbe(objects, group, text, qualifiers);
  if (what.startsWith('component:')) return assertComponent(objects, group, text, qualifiers);
  if (!['start', 'snapshot', 'restore'].includes(what))
    refuse(`that is not a failure that can be simulated; wanted ${allForms}`);
  if (qualifiers.length > 0) refuse(`:${qualifiers.join(':')} means nothing after ${what}@; wanted ${what}@GROUP`);
  if (what !== 'start' && group.spec.snapshot === undefined)
    refuse(`${name} has no spec.snapshot, so nothing is snapshotted or restored there`);
}

function assertProbe(objects: SceneObjects, group: ServerGroup, text: string, qualifiers: readonly string[]): void {
  const probe = text.slice('probe:'.length, text.indexOf('@'));
  const suite = objects.suites.find(({ metadata }) => metadata.name === group.spec.probes);
  const known = (suite?.spec.probes ?? []).map(({ name }) => name);
  if (!known.includes(probe)) {
    const near = nearest(probe, known);
    const there = known.length === 0 ? 'it has no probes' : `there are ${known.join(', ')}`;
    throw new RangeError(
      `--fail ${text}: ${group.metadata.name} has no probe ${probe}; ${near === undefined ? there : `did you mean ${near}?`}`,
    );
  }
  for (const words of alternatives) {
    const said = qualifiers.filter((word) => words.some((other) => other === word));
    if (said.length > 1)
      throw new RangeError(`--fail ${text}: :${said.join(' and :')} exclude each other; without either both are meant`);
  }
  const isPooled = group.spec.servers.some(({ pools }) => (pools ?? []).length > 0);
  if (qualifiers.includes('pool') && !isPooled)
    throw new RangeError(`--fail ${text}: ${group.metadata.name} is in no pool, so nothing is tested through one`);
}

/** Nothing comes of a component that nobody asks for, or that the release does not name. */
function assertComponent(objects: SceneObjects, group: ServerGroup, text: string, qualifiers: readonly string[]): void {
  const name = text.slice('component:'.length, text.indexOf('@'));
  const refuse = (why: string): never => {
    throw new RangeError(`--fail ${text}: ${why}`);
  };
  if (qualifiers.length > 0) refuse(`:${qualifiers.join(':')} means nothing after component:NAME@GROUP`);
  const suite = objects.suites.find(({ metadata }) => metadata.name === group.spec.probes);
  const asked = (suite?.spec.probes ?? []).flatMap(({ http }) => (http?.components ?? []).map((one) => one.name));
  if (!asked.includes(name))
    refuse(
      `no probe of ${group.metadata.name} asks for component ${name}: name it in http.components of one; ${asked.length === 0 ? 'there are none' : `there are ${asked.join(', ')}`}`,
    );
  const sets = objects.sets.filter(({ spec }) => spec.serverGroups.includes(group.metadata.name));
  const releases = objects.packages.filter(({ metadata }) => sets.some(({ spec }) => spec.package === metadata.name));
  for (const { metadata, spec } of releases)
    if (spec.components?.[name] === undefined)
      refuse(`Package ${metadata.name} does not name component ${name}: add it to spec.components`);
}

function assertDatabase(objects: SceneObjects, text: string): void {
  // Of the others there is always one, or none that a Database could leave out.
  const verb = (['backup', 'migrate', 'restore'] as const).find((candidate) => candidate === text.split(':')[1]);
  if (text.split(':')[1] === 'verify' || verb === 'backup') assertJobOfBackup(objects, text);
  const isGuard = ['setReadOnly', 'clearReadOnly', 'writeProbe'].includes(text.split(':')[1] ?? '');
  const names = objects.groups.flatMap(({ spec }) => spec.database ?? []);
  const databases = objects.databases.filter(({ metadata }) => names.includes(metadata.name));
  if (databases.length === 0) throw new RangeError(`--fail ${text}: no group of the set names a Database`);
  const field = isGuard ? 'readOnly' : verb;
  if (field !== undefined && databases.every(({ spec }) => spec[field] === undefined))
    throw new RangeError(
      `--fail ${text}: ${databases.map(({ metadata }) => `Database "${metadata.name}"`).join(', ')} has no spec.${field}`,
    );
}

/** Where people take the backup there is no Job that could fail. */
function assertJobOfBackup({ databases }: SceneObjects, text: string): void {
  const part = text.split(':')[1] === 'verify' ? 'verify' : 'job';
  const people = databases.find(({ spec }) => spec.backup?.takenBy !== undefined && spec.backup[part] === undefined);
  if (people === undefined) return;
  throw new RangeError(
    `--fail ${text}: people take the backup of Database "${people.metadata.name}", which has no spec.backup.${part}`,
  );
}

/** The steps at which a fault other than a probe's comes about, and the group they are of. */
export function placeOf(text: string): { readonly actions: readonly StepAction[]; readonly group: string | undefined } {
  const [what = '', group] = text.split('@');
  if (what === 'start') return { actions: ['Start'], group };
  if (what === 'snapshot') return { actions: ['Snapshot'], group };
  if (what === 'restore') return { actions: ['RestoreSnapshot'], group };
  const backup: readonly StepAction[] = ['BackupDatabase'];
  const all: readonly StepAction[] = ['Preflight', 'BackupDatabase', 'MigrateDatabase', 'RestoreDatabase'];
  const actions: Readonly<Record<string, readonly StepAction[]>> = {
    backup,
    verify: backup,
    migrate: ['MigrateDatabase'],
    restore: ['RestoreDatabase'],
    setReadOnly: ['SetGuard'],
    clearReadOnly: ['ClearGuard', 'Cleanup'],
    writeProbe: ['SetGuard', 'ClearGuard'],
  };
  return { actions: actions[text.split(':')[1] ?? ''] ?? all, group: undefined };
}

/**
 * Makes the world misbehave as one `--fail` says.
 * @returns what to add to the probes' script; undefined where the world itself misbehaves
 * @throws RangeError not a form of `faultForms`
 */
export function applyFault(world: World, text: string): ProbeFault | undefined {
  if (text.startsWith('database:')) return databaseFault(world, text);
  const [what = '', where = ''] = text.split('@');
  const [group = '', ...qualifiers] = where.split(':');
  if (group === '') throw new RangeError(`"${text}" names no group; wanted ${allForms}`);
  const knownGroups = new Set([...world.workloads.values()].map((workload) => workload.group));
  if (!knownGroups.has(group))
    throw new RangeError(
      `"${text}" names group ${group}, which is not in the set; there are ${[...knownGroups].toSorted().join(', ')}`,
    );
  if (what.startsWith('probe:')) return probeFault(what.slice('probe:'.length), group, qualifiers);
  if (what.startsWith('component:')) keepComponent(world, what.slice('component:'.length), group);
  else if (what === 'start') world.faults.starts.add(group);
  else if (what === 'snapshot') world.faults.snapshots.add(group);
  else if (what === 'restore') world.faults.restores.add(group);
  else throw new RangeError(`"${text}" is not a failure that can be simulated; wanted ${allForms}`);
  return undefined;
}

/** Its installer was left out: what the servers of the group answer now, they go on answering. */
function keepComponent(world: World, component: string, group: string): void {
  for (const workload of world.workloads.values()) {
    if (workload.group !== group) continue;
    const version = releaseOf(world, workload.template).components?.[component] ?? 'as before';
    world.faults.components.set(componentKey(workload, component), version);
  }
}

function databaseFault(world: World, text: string): undefined {
  const [, verb = '', how = 'fails'] = text.split(':');
  if (!databaseVerbs.some((known) => known === verb))
    throw new RangeError(
      `"${text}" names no Job of a Database; wanted ${databaseVerbs.slice(0, -1).join(', ')} or ${databaseVerbs.at(-1)}`,
    );
  if (how !== 'fails' && how !== 'unknown' && how !== 'lost')
    throw new RangeError(`"${text}" is not a failure that can be simulated; wanted ${allForms}`);
  world.faults.databases.set(verb, how);
}

function probeFault(probe: string, group: string, qualifiers: readonly string[]): ProbeFault {
  const unknown = qualifiers.filter((word) => !['old', 'any', 'new', 'pool', 'isolated', 'silent'].includes(word));
  if (unknown.length > 0) throw new RangeError(`"${unknown.join(', ')}" means nothing; wanted ${allForms}`);
  const has = (word: string): boolean => qualifiers.includes(word);
  return {
    probe,
    group,
    release: has('old') ? 'Old' : has('any') ? 'Any' : 'New',
    scope: has('pool') ? 'Pool' : has('isolated') ? 'Isolated' : 'Any',
    answer: has('silent') ? 'none' : 'fail',
  };
}

/** The tries of probes under these faults; everything else is left to the world. */
export function scriptOf(faults: readonly ProbeFault[]): ProbeScript {
  return (attempt) => {
    const fault = faults.find((candidate) => matches(candidate, attempt));
    return fault === undefined ? undefined : judgementOf(fault);
  };
}

function matches(fault: ProbeFault, attempt: ProbeTry): boolean {
  if (fault.probe !== attempt.probe || !attempt.groups.includes(fault.group)) return false;
  if (fault.scope !== 'Any' && fault.scope !== attempt.scope) return false;
  return fault.release === 'Any' || (fault.release === 'Old') === attempt.isOld;
}

function judgementOf(fault: ProbeFault): Judgement {
  return fault.answer === 'fail'
    ? { answer: 'fail', message: 'status 500, want 200' }
    : { answer: 'none', message: 'no answer within 10s' };
}

/** @returns how it is mended */
export function befall(world: World, mishap: Mishap): () => void {
  const { faults } = world;
  switch (mishap.kind) {
    case 'UsersStay': {
      const { sticky } = must(world.pools.get(mishap.pool), `pool ${mishap.pool}`);
      sticky.add(mishap.member);
      return () => void sticky.delete(mishap.member);
    }
    case 'PodsStay':
      faults.stops.add(mishap.group);
      return () => letPodsEnd(world, mishap.group);
    case 'NeverReady':
      faults.starts.add(mishap.group);
      return () => letPodsStart(world, mishap.group);
    case 'SnapshotsStuck':
      faults.snapshots.add(mishap.group);
      return () => letSnapshotsEnd(world, mishap.group);
    case 'PoolDeaf': {
      const pool = must(world.pools.get(mishap.pool), `pool ${mishap.pool}`);
      pool.ignoresChanges = Number.POSITIVE_INFINITY;
      return () => void (pool.ignoresChanges = 0);
    }
    case 'Reconciled': {
      const workload = must(world.workloads.get(mishap.workload), mishap.workload);
      workload.reconcilers.push(mishap.by);
      changed(world);
      return () => void (workload.reconcilers = workload.reconcilers.filter((by) => by !== mishap.by));
    }
    case 'DocumentGone': {
      const values = must(world.documents.get(mishap.document), mishap.document);
      world.documents.delete(mishap.document);
      return () => void world.documents.set(mishap.document, values);
    }
    case 'JobFails':
      faults.databases.set(mishap.verb, mishap.how);
      return () => void faults.databases.delete(mishap.verb);
    default:
      return assertNever(mishap);
  }
}
