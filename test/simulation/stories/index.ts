import { dataStories } from './data.ts';
import { majorStories } from './major.ts';
import { poolStories } from './pools.ts';
import { probeStories } from './probes.ts';
import { walkStories } from './walk.ts';
import type { Story } from '../story.ts';

export const stories: readonly Story[] = [
  ...walkStories,
  ...poolStories,
  ...dataStories,
  ...probeStories,
  ...majorStories,
];
