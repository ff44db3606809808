/** What is to go wrong, as the command line and the stories say it. */
import type { EffectKind } from '../planner/effects.ts';
import type { Judgement, ProbeScript, ProbeTry } from './probing.ts';
import type { World } from './world.ts';

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

/** What `--fail` takes, for messages. */
export const faultForms =
  'probe:NAME@GROUP[:old|:any][:pool|:isolated][:silent], start@GROUP, snapshot@GROUP, restore@GROUP, database:VERB[:unknown|:lost]';

/**
 * Makes the world misbehave as one `--fail` says.
 * @returns what to add to the probes' script; undefined where the world itself misbehaves
 * @throws RangeError not a form of `faultForms`
 */
export function applyFault(world: World, text: string): ProbeFault | undefined {
  if (text.startsWith('database:')) return databaseFault(world, text);
  const [what = '', where = ''] = text.split('@');
  const [group = '', ...qualifiers] = where.split(':');
  if (group === '') throw new RangeError(`"${text}" names no group; wanted ${faultForms}`);
  const knownGroups = new Set([...world.workloads.values()].map((workload) => workload.group));
  if (!knownGroups.has(group))
    throw new RangeError(
      `"${text}" names group ${group}, which is not in the set; there are ${[...knownGroups].toSorted().join(', ')}`,
    );
  if (what.startsWith('probe:')) return probeFault(what.slice('probe:'.length), group, qualifiers);
  if (what === 'start') world.faults.starts.add(group);
  else if (what === 'snapshot') world.faults.snapshots.add(group);
  else if (what === 'restore') world.faults.restores.add(group);
  else throw new RangeError(`"${text}" is not a failure that can be simulated; wanted ${faultForms}`);
  return undefined;
}

function databaseFault(world: World, text: string): undefined {
  const [, verb = '', how = 'fails'] = text.split(':');
  if (!['schemaVersion', 'backup', 'verify', 'migrate', 'restore'].includes(verb))
    throw new RangeError(
      `"${text}" names no Job of a Database; wanted schemaVersion, backup, verify, migrate or restore`,
    );
  if (how !== 'fails' && how !== 'unknown' && how !== 'lost')
    throw new RangeError(`"${text}" is not a failure that can be simulated; wanted ${faultForms}`);
  world.faults.databases.set(verb, how);
}

function probeFault(probe: string, group: string, qualifiers: readonly string[]): ProbeFault {
  const unknown = qualifiers.filter((word) => !['old', 'any', 'new', 'pool', 'isolated', 'silent'].includes(word));
  if (unknown.length > 0) throw new RangeError(`"${unknown.join(', ')}" means nothing; wanted ${faultForms}`);
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
