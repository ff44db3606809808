/** Problems in the agreed window: what the stories about them, and about beginning again, have in common. */
import assert from 'node:assert/strict';
import { followsAnnotation } from '../../src/planner/follow-up.ts';
import { isEnded } from '../../src/status/summarize-run.ts';
import { formatInstant } from '../../src/shared/instant.ts';
import { befall, type Mishap } from '../../src/simulation/faults.ts';
import type { Simulation, StoryEvent } from '../../src/simulation/simulation.ts';
import { volumeOf } from '../../src/simulation/storage.ts';
import { must, type World } from '../../src/simulation/world.ts';
import { shownVersions } from './checks.ts';
import { ana, says, whenOffered } from './deciding.ts';
import { majorSetting, type MajorDraft } from './major.ts';
import { whenStep, type Ended, type Setting, type Told } from './story.ts';

export const minuteMs = 60_000;
export const rollback = { choice: 'Rollback', method: 'Snapshots', data: 'Keep' } as const;
export const asked = { rollback: { policy: 'RequireApproval' }, signOff: 'NotRequired' } as const;

/** The stories begin at 20:00. */
export function until(minutes: number): { schedule: { until: string } } {
  return { schedule: { until: formatInstant(Date.UTC(2026, 11, 5, 20, minutes)) } };
}

/** A test of the new release that fails until somebody says that it is mended. */
export function broken(
  told: Setting,
  groups: readonly string[],
  where?: 'Pool' | 'Isolated',
): Told & { mend: () => void } {
  let isBad = true;
  return {
    ...told,
    mend: () => void (isBad = false),
    script: (attempt) =>
      isBad &&
      attempt.probe === 'login' &&
      !attempt.isOld &&
      attempt.groups.join() === groups.join() &&
      (where === undefined || attempt.scope === where)
        ? { answer: 'fail', message: 'status 500, want 200' }
        : undefined,
  };
}

/** It goes wrong when the step begins, and is mended once the step has failed. */
export function mishap(world: World, step: string, what: Mishap): StoryEvent[] {
  let mend = (): void => {};
  return [
    whenStep(step, 'Running', `from now on: ${JSON.stringify(what)}`, () => void (mend = befall(world, what))),
    whenStep(step, 'Failed', 'the cause is mended', () => mend()),
  ];
}

function offered(simulation: Simulation): string[] {
  const { choices = [] } = must(simulation.store.runs.at(-1), 'run').status ?? {};
  return choices.map(({ choice, method, data }) =>
    [choice, method, data].filter((word) => word !== undefined).join(' '),
  );
}

function reasonOf(simulation: Simulation): string {
  const run = must(simulation.store.runs.at(-1), 'run');
  return run.status?.conditions?.find(({ type }) => type === 'AwaitingDecision')?.reason ?? '';
}

export function assertAsked(simulation: Simulation, reason: string, choices: readonly string[], message: RegExp): void {
  assert.deepEqual([reasonOf(simulation), offered(simulation)], [reason, choices]);
  const status = must(simulation.store.runs.at(-1), 'run').status;
  assert.match(status?.blockers?.[0]?.message ?? '', message);
  for (const { choice, estimate = '' } of status?.choices ?? []) assert.match(estimate, /^\d+[hms]/, choice);
}

export function restarts(told: { mend: () => void }, data?: 'Keep' | 'Discard'): StoryEvent {
  return whenOffered('ana restarts', { choice: 'Restart' }, (simulation) => {
    told.mend();
    says(simulation, { name: 'restart', by: ana, choice: 'Restart', ...(data === undefined ? {} : { data }) });
  });
}

export function retries(told: { mend: () => void }): StoryEvent {
  return {
    what: 'ana tries again',
    when: ({ store }) => store.runs.length === 2 && store.runs.every((run) => isEnded(run.status?.phase)),
    act: (simulation) => {
      told.mend();
      const run = must(simulation.store.runs[0], 'run');
      simulation.store.decide({
        apiVersion: 'belay.dev/v1alpha1',
        kind: 'Decision',
        metadata: { name: 'again' },
        spec: {
          run: run.metadata.name,
          planHash: run.spec.planHash,
          choice: 'Retry',
          verdict: 'Approved',
          decidedBy: ana,
        },
        status: { observedGeneration: 1, phase: 'Accepted' },
      });
    },
  };
}

export function assertVersions({ world }: Ended, version: string): void {
  assert.deepEqual([...new Set(shownVersions(world))], [version]);
  for (const claim of ['data-web-1-0', 'data-web-2-0'])
    assert.equal(volumeOf(world, claim)?.content, `data of ${claim}`);
}

export function follows(ended: Ended): string | undefined {
  return ended.result.runs.at(-1)?.metadata.annotations?.[followsAnnotation];
}

export function major(draft: MajorDraft, minutes?: number): Setting {
  const told = majorSetting({ policy: 'RequireApproval', ...draft });
  if (minutes !== undefined) must(told.objects.sets[0], 'set').spec.schedule = until(minutes).schedule;
  return told;
}
