/** Who decided what about a run, for its record: it outlives the Decisions. Pure. Source: 001-126, 001-142. */
import type { Decision } from '../api/decision.ts';
import type { DecisionRecord, UpgradeRunStatus } from '../api/upgrade-run.ts';
import { formatInstant } from '../shared/instant.ts';

const maxDecisions = 64;

/** Of those that were reviewed, in order of time. One that is still looked at may yet become either. */
export function recordDecisions(decisions: readonly Decision[]): DecisionRecord[] {
  return decisions.flatMap(({ metadata, spec, status }) => {
    if (status?.phase !== 'Accepted' && status?.phase !== 'Void') return [];
    const { choice, verdict, method, data, check, step, group, server, as, reason, evidence, decidedBy } = spec;
    const about = [method, data, check, step, group, server, as].filter((text) => text !== undefined && text !== '');
    return {
      name: metadata.name,
      choice,
      verdict,
      ...(about.length === 0 ? {} : { about: about.join(' ') }),
      ...(decidedBy === undefined ? {} : { by: decidedBy }),
      at: metadata.creationTimestamp ?? formatInstant(0),
      ...(reason === undefined ? {} : { reason }),
      ...(evidence === undefined ? {} : { evidence }),
      phase: status.phase,
      ...(status.message === undefined ? {} : { message: status.message }),
    };
  });
}

/** Those known before with the word on them now; one whose object was deleted stays. */
export function mergeDecisions(
  before: readonly DecisionRecord[] | undefined,
  now: readonly DecisionRecord[] | undefined,
): Pick<UpgradeRunStatus, 'decisions'> {
  const all = new Map([...(before ?? []), ...(now ?? [])].map((decision) => [decision.name, decision]));
  const sorted = [...all.values()].toSorted((a, b) =>
    a.at === b.at ? (a.name < b.name ? -1 : 1) : a.at < b.at ? -1 : 1,
  );
  return sorted.length === 0 ? {} : { decisions: sorted.slice(-maxDecisions) };
}

/** Accepted ones that were not before. */
export function newDecisions(
  before: readonly DecisionRecord[] | undefined,
  after: readonly DecisionRecord[] | undefined,
): DecisionRecord[] {
  const known = new Set((before ?? []).filter(isAccepted).map(({ name }) => name));
  return (after ?? []).filter((decision) => isAccepted(decision) && !known.has(decision.name));
}

function isAccepted({ phase }: DecisionRecord): boolean {
  return phase === 'Accepted';
}

export function tellDecision({ name, choice, verdict, about, by, reason, evidence }: DecisionRecord): string {
  const what = `${verdict === 'Denied' ? 'denied ' : ''}${choice}${about === undefined ? '' : ` (${about})`}`;
  const why = [reason, evidence].filter((text) => text !== undefined).join('; evidence: ');
  return `${by ?? 'somebody'} decided ${what} by ${name}${why === '' ? '' : `: ${why}`}`;
}
