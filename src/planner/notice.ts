/** What the users of a service are told before it is upgraded (001-27 … 001-32): the vendor's figures and words. */
import type { UpgradeType } from '../api/package.ts';
import type { UpgradeRunSpec } from '../api/upgrade-run.ts';
import { parseDuration } from '../shared/duration.ts';
import { isByPeople } from './steps/by-people.ts';

/** Announced time at risk, for each server (001-27, 001-30). */
const atRiskPerServerMs = 10 * 60_000;
/** Announced downtime of a Major, and how long after the start it begins (001-28). */
const downtimeMs = 15 * 60_000;
const downtimeAfterMs = 5 * 60_000;

export interface NoticeInput {
  readonly type: UpgradeType;
  readonly servers: number;
  /** Two servers of each service in pools that check health. */
  readonly loadBalanced: boolean;
  /** How long people take in the downtime, beside what is done by itself. Default 0. */
  readonly byPeopleMs?: number;
}

export interface Notice {
  /** For people who use the service. */
  readonly text: string;
  readonly atRiskMs: number;
  /** Counted from the start; undefined where none is announced. */
  readonly downtime?: { readonly afterMs: number; readonly lengthMs: number };
}

export function computeNotice({ type, servers, loadBalanced, byPeopleMs = 0 }: NoticeInput): Notice {
  const atRiskMs = servers * atRiskPerServerMs + byPeopleMs;
  const lengthMs = downtimeMs + byPeopleMs;
  const all = minutes(atRiskMs);
  if (type === 'Minor') {
    return {
      text: loadBalanced
        ? `The service is at risk, with limited capability, for about ${all}.`
        : `The service is intermittent during the whole upgrade, for about ${all}.`,
      atRiskMs,
    };
  }
  if (!loadBalanced) {
    return {
      text: `The service is unavailable during the whole upgrade, for about ${all}.`,
      atRiskMs,
      downtime: { afterMs: 0, lengthMs: atRiskMs },
    };
  }
  return {
    text: `The service is at risk, with limited capability, for about ${all}. It is down for about ${minutes(lengthMs)} of them, from about ${minutes(downtimeAfterMs)} after the start.`,
    atRiskMs,
    downtime: { afterMs: downtimeAfterMs, lengthMs },
  };
}

/** The notice of a run, from what its plan rests on. */
export function noticeOf({
  procedure,
  groups,
  facts,
  steps,
}: Pick<UpgradeRunSpec, 'procedure' | 'groups' | 'facts' | 'steps'>): Notice {
  return computeNotice({
    type: procedure === 'downtime' ? 'Major' : 'Minor',
    servers: groups.reduce((sum, group) => sum + group.servers.length, 0),
    loadBalanced: facts['loadBalanced'] === 'Yes',
    byPeopleMs: steps.reduce((sum, step) => sum + (isByPeople(step) ? parseDuration(step.estimate) : 0), 0),
  });
}

function minutes(ms: number): string {
  return `${Math.ceil(ms / 60_000)} minutes`;
}
