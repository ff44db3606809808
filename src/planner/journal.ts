/** Questions about the journal: pure readings of `UpgradeRun.status.steps` beside the plan. */
import type { Step, StepEntry, UpgradeRunSpec } from '../api/upgrade-run.ts';
import { schemaBeforeKey, schemaChangedKey, schemaNowKey, servedKey } from './steps/keys.ts';

export type Handles = Readonly<Record<string, string>>;

/** Steps with their entries, in plan order; a step without an entry is pending. */
export function journalOf(spec: UpgradeRunSpec, entries: readonly StepEntry[]): { step: Step; entry: StepEntry }[] {
  const { steps } = spec;
  // Asked many times a pass, and nearly always of entries in the order of the plan.
  const inOrder = entries.every(({ id }, index) => id === steps[index]?.id);
  const byId = inOrder ? undefined : new Map(entries.map((entry) => [entry.id, entry]));
  return steps.map((step, index) => ({
    step,
    entry: (byId === undefined ? entries[index] : byId.get(step.id)) ?? {
      id: step.id,
      state: 'Pending',
      attempt: 0,
      operation: '',
    },
  }));
}

/** Everything written down so far; later steps win over earlier ones, the journal over the plan. */
export function mergeHandles(spec: UpgradeRunSpec, entries: readonly StepEntry[]): Handles {
  const merged: Record<string, string> = { ...spec.handles };
  for (const { handles } of entries) if (handles !== undefined) Object.assign(merged, handles);
  return merged;
}

/** Was a migration begun that no restore has taken back since? Whatever became of it, old code must not meet it. */
export function isSchemaChanged(handles: Handles): boolean {
  return handles[schemaChangedKey] !== undefined && handles[schemaNowKey] !== handles[schemaBeforeKey];
}

/** Has the step begun? */
export function hasBegun(entry: StepEntry): boolean {
  return entry.state !== 'Pending' && entry.state !== 'Skipped';
}

/** The same of what was done: a step that is to be tried again has begun, whatever its entry waits for now. */
function wasBegun(entry: StepEntry): boolean {
  return hasBegun(entry) || (entry.state === 'Pending' && entry.attempt > 0);
}

/** What became of one group, in the order in which it gets worse. */
export type GroupFate = 'Untouched' | 'Drained' | 'Stopped' | 'Changed';

export interface GroupRecord {
  readonly fate: GroupFate;
  /** Out of its pools by our hand, as far as the journal says. */
  readonly out: boolean;
  /** Passed its isolated tests, or its pool cannot hold and it started. */
  readonly verified: boolean;
  /** RFC 3339: when the new version first met users; empty when it never did. */
  readonly servedSince: string;
}

/** Whole, and out only by our drain: it serves again before anybody is asked. */
export function isIntact({ fate, verified, servedSince }: GroupRecord): boolean {
  return fate === 'Untouched' || fate === 'Drained' || (fate === 'Changed' && verified && servedSince !== '');
}

/** What the journal of an upgrade says of one group. */
export function recordOf(spec: UpgradeRunSpec, entries: readonly StepEntry[], group: string): GroupRecord {
  let fate: GroupFate = 'Untouched';
  let out = false;
  let verified = false;
  for (const { step, entry } of journalOf(spec, entries)) {
    if (step.group !== group || !wasBegun(entry)) continue;
    if (step.action === 'Drain') {
      out = true;
      if (fate === 'Untouched') fate = 'Drained';
    }
    if (step.action === 'Stop') {
      out = true;
      if (fate === 'Drained' || fate === 'Untouched') fate = 'Stopped';
    }
    if (step.action === 'Upgrade') {
      fate = 'Changed';
      verified = false;
    }
    if (step.action === 'Probe' && step.scope === 'Isolated' && entry.state === 'Succeeded') verified = true;
    if (step.action === 'Undrain' && entry.state === 'Succeeded') out = false;
  }
  return { fate, out, verified, servedSince: mergeHandles(spec, entries)[servedKey(group)] ?? '' };
}

/** A run as the planner needs it to look back. */
export interface PastRun {
  readonly name: string;
  readonly uid: string;
  readonly spec: UpgradeRunSpec;
  readonly entries: readonly StepEntry[];
}

/** What became of one group after an upgrade and the rollbacks tried since, oldest first. */
export function recordAfter(origin: PastRun, attempts: readonly PastRun[], group: string): GroupRecord {
  let record = recordOf(origin.spec, origin.entries, group);
  for (const attempt of attempts) {
    let reinstalled = record.fate !== 'Changed';
    for (const { step, entry } of journalOf(attempt.spec, attempt.entries)) {
      if (step.group !== group || !wasBegun(entry)) continue;
      if (step.action === 'Drain' || step.action === 'Stop') record = { ...record, out: true, verified: false };
      if (step.action === 'Stop' && (record.fate === 'Drained' || record.fate === 'Untouched'))
        record = { ...record, fate: 'Stopped' };
      if (step.action === 'Drain' && record.fate === 'Untouched') record = { ...record, fate: 'Drained' };
      if (step.action === 'Reinstall' && entry.state === 'Succeeded') reinstalled = true;
      if (entry.state !== 'Succeeded' || (step.action !== 'Undrain' && step.action !== 'Start')) continue;
      if (step.action === 'Undrain') record = { ...record, out: false };
      const back =
        reinstalled &&
        (step.action === 'Undrain' ||
          !attempt.spec.steps.some((other) => other.group === group && other.action === 'Undrain'));
      if (back) record = { fate: 'Untouched', out: false, verified: true, servedSince: record.servedSince };
    }
  }
  return record;
}
