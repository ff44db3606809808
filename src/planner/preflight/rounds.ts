/** Answers that take Jobs or tests are asked for in rounds, which are in the journal: a later process goes on in the same one. */
import type { EpochMs } from '../../shared/clock.ts';
import { formatInstant, parseInstant } from '../../shared/instant.ts';
import type { Handles } from '../journal.ts';

export interface Round {
  readonly number: number;
  readonly since: EpochMs;
}

const roundKey = (operation: string, task: string): string => `round/${operation}/${task}`;

export function roundOf(handles: Handles, operation: string, task: string): Round | undefined {
  const [number = '', since = ''] = (handles[roundKey(operation, task)] ?? '').split(' ');
  return number === '' ? undefined : { number: Number(number), since: parseInstant(since) };
}

export function beginRound(handles: Handles, operation: string, task: string, now: EpochMs): Record<string, string> {
  const number = (roundOf(handles, operation, task)?.number ?? 0) + 1;
  return { [roundKey(operation, task)]: `${number} ${formatInstant(now)}` };
}

/** Names what is asked in this round; undefined before the first. */
export function taskId(handles: Handles, operation: string, task: string): string | undefined {
  const round = roundOf(handles, operation, task);
  return round === undefined ? undefined : `${operation}/${task}/${round.number}`;
}
