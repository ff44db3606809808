/** What a person can do where a run waits for a choice: a blocker that only says what went wrong leads nowhere. */
import type { Choice } from '../api/upgrade-run.ts';

const maxLength = 1_000;

/**
 * "Start group-1: …; create a Decision for run portal-1: Resume, or Rollback by Snapshots, data Keep (status.choices)".
 * What went wrong is cut rather than what to do about it.
 */
export function withNextMove(message: string, run: string, choices: readonly Choice[]): string {
  if (choices.length === 0) return message.slice(0, maxLength);
  const names = [...new Set(choices.map(nameOf))];
  const listed = names.length === 1 ? names.join('') : `${names.slice(0, -1).join(', ')} or ${names.at(-1) ?? ''}`;
  const move = `; create a Decision for run ${run}: ${listed} (status.choices)`.slice(0, maxLength / 2);
  return `${message.slice(0, maxLength - move.length)}${move}`;
}

function nameOf({ choice, method, data, server }: Choice): string {
  const how = [method === undefined ? '' : `by ${method}`, data === undefined ? '' : `with data ${data}`];
  return [choice, ...how, server === undefined ? '' : `of ${server}`].filter((word) => word !== '').join(' ');
}
