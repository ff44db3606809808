/** Tries of every kind in one run of the tests: S-22, S-24. One kind alone: `probes.test.ts`. */
import assert from 'node:assert/strict';
import { shownVersions } from '../checks.ts';
import { httpTries, inIsolation, jobTries } from '../judged.ts';
import { inBoth, within } from '../major.ts';
import { runNamed, type Story } from '../story.ts';

const attempts = { interval: '10s', success: 2, failure: 3, errors: 3, deadline: '10m' };

export const probeStories: readonly Story[] = [
  ...inBoth(
    ({ setting }) => ({
      ids: 'S-22',
      name: 'S-22-answers-of-every-kind',
      title: 'errors with silence and cut answers between them are failures in a row: the release goes back',
      tell: () => ({
        ...setting({ suite: { attempts }, set: { signOff: 'Required' } }),
        script: inIsolation([
          httpTries.timeout,
          httpTries.error500,
          httpTries.good,
          httpTries.refused,
          httpTries.truncated,
          httpTries.timeout,
          httpTries.expiredCertificate,
          httpTries.timeout,
          httpTries.error500,
        ]),
      }),
      ends: ['RolledBack', 'RolledBack'],
      check: (ended) => {
        const failure = runNamed(ended, 'portal-1').status?.failure;
        assert.deepEqual(
          [failure?.reason, failure?.message, [...new Set(shownVersions(ended.world))]],
          ['ProbeFailed', 'web-functions: login: status 500, want 200 (3 in a row)', ['1.1.0']],
        );
      },
    }),
    within('g1-isolated'),
  ),
  ...inBoth(
    ({ setting, to }) => ({
      ids: 'S-24',
      name: 'S-24-job-in-trouble',
      title: 'Jobs that cannot be pulled, are evicted, run out of time and fail once: two that pass in a row count',
      tell: () => ({
        ...setting({ suite: { attempts } }),
        script: inIsolation([
          jobTries.cannotPull,
          jobTries.evicted,
          jobTries.exited,
          jobTries.pastDeadline,
          jobTries.completed,
          jobTries.exited,
          jobTries.completed,
        ]),
      }),
      ends: ['Completed'],
      check: ({ world }) => assert.deepEqual([...new Set(shownVersions(world))], [to]),
    }),
    within('g1-isolated', 'g1-alone'),
  ),
];
