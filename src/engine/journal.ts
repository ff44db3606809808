/** Changes of the journal, as values: what is written before and after each effect. */
import type { StepEntry, UpgradeRunSpec } from '../api/upgrade-run.ts';
import type { StepChange } from '../planner/move.ts';
import { assertTransition } from '../planner/transitions.ts';
import type { EpochMs } from '../shared/clock.ts';
import { formatDuration } from '../shared/duration.ts';
import { formatInstant } from '../shared/instant.ts';

const maxMessage = 1_000;

const pending = { state: 'Pending', attempt: 0, operation: '' } as const;

export function initialEntries(spec: UpgradeRunSpec): StepEntry[] {
  return spec.steps.map((step) => ({ ...pending, id: step.id }));
}

/** A step without an entry is pending, as everywhere: whoever took it away does not make a pass repeat itself for ever. */
function change(entries: readonly StepEntry[], id: string, update: (entry: StepEntry) => StepEntry): StepEntry[] {
  if (!entries.some((entry) => entry.id === id)) return [...entries, update({ ...pending, id })];
  return entries.map((entry) => (entry.id === id ? update(entry) : entry));
}

/** The step begins: its attempt is counted and its operation id fixed. Unchanged when it has begun. */
export function begin(entries: readonly StepEntry[], id: string, runUID: string, now: EpochMs): StepEntry[] {
  return change(entries, id, (entry) => {
    if (entry.state !== 'Pending') return entry;
    assertTransition(id, entry.state, 'Running');
    const attempt = entry.attempt + 1;
    const { finished: _finished, consumed: _consumed, reason: _reason, components: _components, ...rest } = entry;
    return {
      ...rest,
      state: 'Running',
      attempt,
      operation: `${runUID}/${id}/${attempt}`,
      started: formatInstant(now),
      message: '',
    };
  });
}

/** Adds handles; the same array when nothing is new. */
export function note(
  entries: readonly StepEntry[],
  id: string,
  record: Readonly<Record<string, string>> | undefined,
): readonly StepEntry[] {
  const entry = entries.find((candidate) => candidate.id === id);
  const isNew = Object.entries(record ?? {}).some(([key, value]) => entry?.handles?.[key] !== value);
  return isNew ? change(entries, id, (old) => ({ ...old, handles: { ...old.handles, ...record } })) : entries;
}

/** State changes the planner asks for; a step that was over without having begun begins and ends at once. */
export function advance(
  entries: readonly StepEntry[],
  changes: readonly StepChange[],
  runUID: string,
  now: EpochMs,
  consumedMs: number,
): StepEntry[] {
  let next = [...entries];
  for (const { id, state, reason, message, record, components } of changes) {
    if (state !== 'Pending' && state !== 'Skipped') next = begin(next, id, runUID, now);
    next = [...note(next, id, record)];
    if (state === 'Running') continue;
    next = change(next, id, (entry) => {
      assertTransition(id, entry.state, state);
      const { reason: _reason, ...rest } = entry;
      const words = { message: message.slice(0, maxMessage), ...(reason === undefined ? {} : { reason }) };
      if (state === 'Pending') return { ...rest, ...words, state };
      const answered = components === undefined ? {} : { components: [...components] };
      return {
        ...rest,
        ...words,
        ...answered,
        state,
        finished: formatInstant(now),
        consumed: formatDuration(consumedMs),
      };
    });
  }
  return next;
}

/** Keeps what a step is waiting for and how much of its time is used. */
export function heartbeat(entries: readonly StepEntry[], id: string, message: string, consumedMs: number): StepEntry[] {
  return change(entries, id, (entry) =>
    entry.state === 'Running'
      ? { ...entry, message: message.slice(0, maxMessage), consumed: formatDuration(consumedMs) }
      : entry,
  );
}
