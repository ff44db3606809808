/** One upgrade under load, from the user's patch to the end, in a fresh namespace. */
import { Example } from './example.ts';
import type { ExampleOptions } from './example.ts';
import { startLoad } from './load.ts';
import type { LoadReport } from './load.ts';
import { getRuns, waitForOutcome } from './outcome.ts';
import type { Outcome } from './outcome.ts';

export interface Story {
  readonly example: Example;
  readonly outcome: Outcome;
  readonly report: LoadReport;
}

export interface StoryOptions extends ExampleOptions {
  /** Image of the release, such as "portal:1.1.0". */
  readonly release: string;
  readonly version?: string;
  readonly rate?: number;
  readonly isOneShot?: boolean;
  readonly timeoutMs?: number;
  /** Before the upgrade is asked for, with the example running. */
  readonly prepare?: (example: Example) => Promise<void>;
  /** While it runs; awaited before the outcome is read. */
  readonly meanwhile?: (example: Example) => Promise<void>;
  /** After the upgrade rests, with users still coming; its answer counts as the outcome. */
  readonly afterwards?: (example: Example, outcome: Outcome) => Promise<Outcome>;
}

export const releaseName = 'portal-next';

export async function tellStory(options: StoryOptions): Promise<Story> {
  const example = new Example(options);
  await example.install();
  await example.addPackage(releaseName, options.release, options.version ?? '1.2.0');
  await options.prepare?.(example);
  const load = await startLoad(example, { name: 'users', rate: options.rate ?? 60, isOneShot: options.isOneShot ?? false });
  const earlier = await getRuns(example);
  await example.upgradeTo(releaseName);
  const waiting = waitForOutcome(example, { earlier, timeoutMs: options.timeoutMs ?? 240_000 });
  const [first] = await Promise.all([waiting, options.meanwhile?.(example)]);
  const outcome = options.afterwards === undefined ? first : await options.afterwards(example, first);
  return { example, outcome, report: await load.stop() };
}
