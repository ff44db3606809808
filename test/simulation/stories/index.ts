import { againStories } from './again.ts';
import { peoplesBackupStories } from './backup-by-people.ts';
import { componentStories } from './components.ts';
import { dataStories } from './data.ts';
import { decisionStories } from './decisions.ts';
import { hookStories } from './hooks.ts';
import { issueStories } from './issue.ts';
import { majorStories } from './major.ts';
import { poolStories } from './pools.ts';
import { preflightStories } from './preflight.ts';
import { probeStories } from './probes.ts';
import { readOnlyStories } from './read-only.ts';
import { rebuildStories } from './rebuild.ts';
import { snapshotStories } from './snapshots.ts';
import { walkStories } from './walk.ts';
import { rowStories } from '../failing-rows-story.ts';
import type { Story } from '../story.ts';

export const stories: readonly Story[] = [
  ...walkStories,
  ...poolStories,
  ...dataStories,
  ...probeStories,
  ...componentStories,
  ...snapshotStories,
  ...hookStories,
  ...majorStories,
  ...rebuildStories,
  ...decisionStories,
  ...issueStories,
  ...againStories,
  ...readOnlyStories,
  ...peoplesBackupStories,
  ...preflightStories,
];

/** Those, and each failing row of both procedures: tables of ends, without a golden file each. */
export const sweptStories: readonly Story[] = [...stories, ...rowStories];
