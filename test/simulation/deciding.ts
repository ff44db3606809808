/** People in a story whose words are reviewed before the run hears them, as the controller does. */
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import type { Choice } from '../../src/api/upgrade-run.ts';
import type { Decision } from '../../src/api/decision.ts';
import { unheardReason } from '../../src/planner/decisions/hearing.ts';
import { firstAnswer, sameHand } from '../../src/planner/decisions/precedence.ts';
import { voidReason } from '../../src/planner/decisions/void.ts';
import type { Simulation, StoryEvent } from '../../src/simulation/simulation.ts';
import { formatInstant } from '../../src/shared/instant.ts';
import { decision } from '../builders/objects.ts';

export const ana = 'ana@example.org';
export const ben = 'ben@example.org';

type Said = Omit<Parameters<typeof decision>[1], 'planHash' | 'decidedBy'> & {
  readonly name: string;
  readonly by: string;
};

/** Says it of the newest run. @returns why it was not heard; empty where it was */
export function say(simulation: Simulation, { name, by, ...spec }: Said): string {
  const run = simulation.store.runs.at(-1);
  assert.ok(run !== undefined);
  const made = decision(run.metadata.name, { ...spec, decidedBy: by, planHash: run.spec.planHash });
  const now = simulation.world.clock.now();
  const metadata = { ...made.metadata, name, creationTimestamp: formatInstant(now) };
  const word: Decision = { ...made, metadata };
  const { decisions } = simulation.store;
  const first = firstAnswer(word, decisions, run, now) ?? sameHand(word, decisions, run, now);
  const why = voidReason(word, run, now) || (unheardReason(word, run)?.why ?? '');
  if (why !== '') return why;
  if (first !== undefined) return `Decision ${first.metadata.name} came first`;
  simulation.store.decide({ ...word, status: { observedGeneration: 1, phase: 'Accepted' } });
  return '';
}

/** Once, as soon as the newest run offers this choice, and a while to look; not before the Decision `after` was made. */
export function whenOffered(
  what: string,
  offered: Partial<Choice>,
  act: (simulation: Simulation) => void,
  { afterMs = 30_000, after }: { readonly afterMs?: number; readonly after?: string } = {},
): StoryEvent {
  let since: number | undefined;
  return {
    what,
    when: (simulation) => {
      const choices = simulation.store.runs.at(-1)?.status?.choices ?? [];
      const { decisions } = simulation.store;
      const isTurn = after === undefined || decisions.some(({ metadata }) => metadata.name === after);
      const isOpen = isTurn && choices.some((choice) => isDeepStrictEqual({ ...choice, ...offered }, choice));
      const now = simulation.world.clock.now();
      since = isOpen ? (since ?? now) : undefined;
      return since !== undefined && now - since >= afterMs;
    },
    act,
  };
}

/** It is heard. */
export function says(simulation: Simulation, said: Said): void {
  assert.equal(say(simulation, said), '');
}
