/**
 * One story told again and again, each time with the controller killed at another point.
 *
 * A killed telling is told from the beginning: what the simulated cluster has still to do are callbacks of its clock,
 * which cannot be copied, and a telling that was killed never meets the one that was not again (its leader has a
 * later epoch, its clock a few milliseconds more), so it cannot be cut short either. What makes every point
 * affordable is that a pass is cheap and that every story is a task of its own (see `crash.test.ts`).
 */
import { deepStrictEqual } from 'node:assert/strict';
import { crashPlan } from '../../src/simulation/process.ts';
import { seededRandom, type Random } from '../../src/simulation/random.ts';
import type { StoryEvent } from '../../src/simulation/simulation.ts';
import { isEnded } from '../../src/status/summarize-run.ts';
import { assertEnd, endOf, play, type Ended, type Story } from './story.ts';
import { sweptStories } from './stories/index.ts';

/** Seed of the order in which things happen; `fixed` is the order in which they are written down. */
export type Order = 'fixed' | number;

export interface SweepTask {
  readonly story: string;
  readonly order: Order;
  /** Lists of points at which the controller is killed, one telling each; default: each point of the story alone. */
  readonly kills?: readonly (readonly number[])[];
  /** So many points alone where the order is drawn, of a story that is told whole; default 12. */
  readonly singles?: number;
  /** Draw so many lists of several points, beside the others. */
  readonly draws?: number;
}

export interface SweepReport {
  /** Places at which the controller can be killed in this order. */
  readonly points: number;
  readonly tellings: number;
  /** What was not kept, each with how to see it again; the first three. */
  readonly failures: readonly string[];
}

const maxFailures = 3;
const killsPerDraw = 4;
/** Single kills in each drawn order, of a whole story and of the part of one: new ones in every run. */
const drawsOfStory = 12;
const drawsOfPart = 3;
/** So many points at either end of a long part. */
const edgeOfPart = 50;

export async function sweep(task: SweepTask): Promise<SweepReport> {
  const story = sweptStories.find((candidate) => candidate.name === task.story);
  if (story === undefined) throw new RangeError(`there is no story ${task.story}`);
  const want = endOf(await play(story, { validates: false }));
  const range = await pointsOf(story, task.order);
  const kills = [...(task.kills ?? singly(task, range)), ...drawn(task, range)];
  const failures: string[] = [];
  for (const at of kills) {
    if (failures.length === maxFailures) break;
    const failure = await tell(story, task.order, at, want);
    if (failure !== '') failures.push(failure);
  }
  return { points: range.last, tellings: kills.length, failures };
}

function seedOf(order: Order): { seed?: number } {
  return order === 'fixed' ? {} : { seed: order };
}

/** Numbers of the points at which the controller is to be killed, both included. */
interface Range {
  readonly first: number;
  readonly last: number;
  readonly isPart: boolean;
}

async function pointsOf(story: Story, order: Order): Promise<Range> {
  const crash = crashPlan();
  let first = 1;
  let last: number | undefined;
  const { part } = story;
  const marks: StoryEvent[] = [];
  if (part !== undefined)
    marks.push({ what: 'here it begins', when: part.begins, act: () => void (first = Math.max(1, crash.passed)) });
  if (part?.ends !== undefined)
    marks.push({ what: 'here it ends', when: part.ends, act: () => void (last = crash.passed) });
  await play(story, { ...seedOf(order), crash, validates: false, events: marks });
  return { first, last: last ?? crash.passed, isPart: part !== undefined };
}

/** Each point alone; only some where the order is not the one it is written in. */
function singly({ order, singles = drawsOfStory }: SweepTask, { first, last, isPart }: Range): number[][] {
  const all = Array.from({ length: last - first + 1 }, (_, index) => [first + index]);
  // In the middle of a long part the same is asked again and again.
  if (order === 'fixed')
    return isPart && all.length > 2 * edgeOfPart ? [...all.slice(0, edgeOfPart), ...all.slice(-edgeOfPart)] : all;
  const draws = isPart ? drawsOfPart : singles;
  if (!isPart && all.length <= draws) return all;
  const random = seededRandom(order);
  return Array.from({ length: draws }, () => [pick(random, { first, last })]);
}

function drawn({ order, draws = 0 }: SweepTask, { first, last, isPart }: Range): number[][] {
  if (last < first) return [];
  const random = seededRandom(order === 'fixed' ? 0 : order);
  return Array.from({ length: isPart ? Math.min(1, draws) : draws }, () =>
    Array.from({ length: killsPerDraw }, () => pick(random, { first, last })),
  );
}

function pick(random: Random, { first, last }: Pick<Range, 'first' | 'last'>): number {
  return first + Math.floor(random() * (last - first + 1));
}

/** @returns what was not kept, empty when all was */
async function tell(story: Story, order: Order, at: readonly number[], want: unknown): Promise<string> {
  const points = at.join(',');
  const because = `${story.name}, order ${order}, killed at ${points}; to see it again: CRASH_STORY=${story.name} CRASH_ORDER=${order} CRASH_AT=${points} npm run test:simulation`;
  try {
    const crash = crashPlan(at);
    const ended = await play(story, { ...seedOf(order), crash, validates: false });
    // Several kills move the points behind them, so not all of them need be met; one always is.
    if (at.length === 1) deepStrictEqual(crash.crashes, 1, 'the controller was not killed');
    assertSameEnd(story, order, ended, want);
    return '';
  } catch (error) {
    return `${because}\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  }
}

function assertSameEnd(story: Story, order: Order, ended: Ended, want: unknown): void {
  if (order === 'fixed' || story.endsVary === undefined) {
    assertEnd(story, ended);
    deepStrictEqual(endOf(ended), want);
    return;
  }
  const open = ended.result.runs.filter((run) => !isEnded(run.status?.phase)).map((run) => run.metadata.name);
  deepStrictEqual({ open, violations: ended.result.violations }, { open: [], violations: [] });
}
