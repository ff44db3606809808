/** One upgrade under load, from the user's patch to the end, in a fresh namespace. */
import { waitFor } from '../cluster/poll.ts';
import { Example } from './example.ts';
import type { ExampleOptions } from './example.ts';
import { startLoad } from './load.ts';
import type { LoadReport } from './load.ts';
import { getRuns, waitForOutcome } from './outcome.ts';
import type { Outcome, WaitOptions } from './outcome.ts';

export interface Story {
  readonly example: Example;
  readonly outcome: Outcome;
  readonly report: LoadReport;
}

const noLoad: LoadReport = {
  requests: 0,
  failed: 0,
  firstFailures: [],
  acknowledged: 0,
  acknowledgedWritesLost: 0,
  dataIdentical: true,
  versions: {},
  members: [],
  seconds: 0,
};

export interface StoryOptions extends ExampleOptions {
  /** Image of the release, such as "portal:1.1.0". */
  readonly release: string;
  readonly version?: string;
  readonly rate?: number;
  readonly isOneShot?: boolean;
  /** Of the load. */
  readonly atLeast?: number;
  readonly timeoutMs?: number;
  /** No users: for disturbances that end the load generator, too. */
  readonly isQuiet?: boolean;
  /** The API server is taken away meanwhile. */
  readonly mayBeAway?: boolean;
  /** When the story is over, instead of when the upgrade rests. */
  readonly until?: WaitOptions['until'];
  /** Before the upgrade is asked for, with the example running. */
  readonly prepare?: (example: Example) => Promise<void>;
  /** While it runs; awaited before the outcome is read. */
  readonly meanwhile?: (example: Example) => Promise<void>;
  /** After the upgrade rests, with users still coming; its answer counts as the outcome. */
  readonly afterwards?: (example: Example, outcome: Outcome) => Promise<Outcome>;
}

/** Waits until a step of the newest upgrade is under way (or done). */
export async function untilStep(
  example: Example,
  step: string,
  states: readonly string[] = ['Running', 'Succeeded'],
): Promise<void> {
  await waitFor({
    what: `step ${step} in ${example.namespace}`,
    timeoutMs: 600_000,
    intervalMs: 100,
    check: async () => {
      const run = (await getRuns(example)).findLast(({ spec }) => spec.purpose === 'Upgrade');
      const state = run?.status?.steps.find(({ id }) => id === step)?.state ?? '';
      return states.includes(state) ? true : undefined;
    },
  });
}

export const releaseName = 'portal-next';

export async function tellStory(options: StoryOptions): Promise<Story> {
  const example = new Example(options);
  await example.install();
  await example.addPackage(releaseName, options.release, options.version ?? '1.2.0');
  await options.prepare?.(example);
  const loading = {
    name: 'users',
    rate: options.rate ?? 60,
    isOneShot: options.isOneShot ?? false,
    atLeast: options.atLeast ?? 0,
  };
  const load = options.isQuiet === true ? undefined : await startLoad(example, loading);
  const earlier = await getRuns(example);
  await example.upgradeTo(releaseName);
  const { until, timeoutMs, mayBeAway = false } = options;
  const waiting = waitForOutcome(example, {
    earlier,
    mayBeAway,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(until === undefined ? {} : { until }),
  });
  const [first] = await Promise.all([waiting, options.meanwhile?.(example)]);
  const outcome = options.afterwards === undefined ? first : await options.afterwards(example, first);
  return { example, outcome, report: (await load?.stop()) ?? noLoad };
}
