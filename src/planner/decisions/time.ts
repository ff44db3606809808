import type { Decision } from '../../api/decision.ts';
import type { EpochMs } from '../../shared/clock.ts';
import { formatInstant, parseInstant } from '../../shared/instant.ts';

/** 0 where the API server has not said so. */
export function createdAt(decision: Decision): EpochMs {
  return decision.metadata.creationTimestamp === undefined ? 0 : parseInstant(decision.metadata.creationTimestamp);
}

/** Given at or after this instant? The API server tells seconds only: the doubt is the decider's benefit. */
export function isSince(decision: Decision, instant: string): boolean {
  return formatInstant(createdAt(decision) + 999) >= instant;
}

/** Oldest first; the API server tells seconds only, so the name decides within one. */
export function inOrder(decisions: readonly Decision[]): Decision[] {
  return decisions.toSorted((a, b) => createdAt(a) - createdAt(b) || (a.metadata.name < b.metadata.name ? -1 : 1));
}
