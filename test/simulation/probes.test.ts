/** Each thing a probe may come back with, all the time: the verdict of the run and the words it has for it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Judgement } from '../../src/simulation/probing.ts';
import { shownVersions } from './checks.ts';
import { httpTries, inIsolation, jobTries } from './judged.ts';
import { play, runNamed, setting } from './story.ts';

interface Case {
  readonly tries: readonly Judgement[];
  /** Reason and message of the failure; empty when the run completes. */
  readonly want: string;
}

const cases: Readonly<Record<string, Case>> = {
  'S-22: a good answer': { tries: [httpTries.good], want: '' },
  'S-22: status 500': {
    tries: [httpTries.error500],
    want: 'ProbeFailed web-functions: login: status 500, want 200 (3 in a row)',
  },
  'S-22: JSON that is cut off': {
    tries: [httpTries.truncated],
    want: 'ProbeFailed web-functions: login: body is not JSON: "{\\"version\\":\\"1.2" (3 in a row)',
  },
  'S-22: an empty body': {
    tries: [httpTries.empty],
    want: 'ProbeFailed web-functions: login: body is empty, want JSON (3 in a row)',
  },
  'S-22: no data': {
    tries: [httpTries.noData],
    want: 'ProbeFailed web-functions: login: $.version is nothing, want a value that is not empty (3 in a row)',
  },
  'S-22: NaN, which is no JSON': {
    tries: [httpTries.notANumber],
    want: 'ProbeFailed web-functions: login: body is not JSON: "{\\"version\\":NaN}" (3 in a row)',
  },
  'S-22: an expired certificate': {
    tries: [httpTries.expiredCertificate],
    want: 'ProbeFailed web-functions: login: certificate has expired (3 in a row)',
  },
  'S-22: a time-out, which is no answer': {
    tries: [httpTries.timeout],
    want: 'ProbeUnanswered web-functions: login: no answer within 10s (no answer 5 times in a row)',
  },
  'S-22: nobody listens, which is no answer': {
    tries: [httpTries.refused],
    want: 'ProbeUnanswered web-functions: login: connection refused (no answer 5 times in a row)',
  },
  'S-22: good and bad in turn until the time is over is no answer': {
    tries: Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? httpTries.good : httpTries.error500)),
    want: 'ProbeUnanswered web-functions: login: no verdict within 5m: status 500, want 200',
  },
  'S-24: a Job past its deadline, which is no answer': {
    tries: [jobTries.pastDeadline],
    want: 'ProbeUnanswered web-functions: login: Job login-1: Job did not end within 2m (no answer 5 times in a row)',
  },
  'S-24: an image that cannot be pulled, which is no answer': {
    tries: [jobTries.cannotPull],
    want: 'ProbeUnanswered web-functions: login: Job login-1: container cannot start: ImagePullBackOff (no answer 5 times in a row)',
  },
  'S-24: an evicted pod, which is no answer': {
    tries: [jobTries.evicted],
    want: 'ProbeUnanswered web-functions: login: Job login-1: pod login-1 was evicted: low on memory (no answer 5 times in a row)',
  },
  'S-24: a Job that fails': {
    tries: [jobTries.exited],
    want: 'ProbeFailed web-functions: login: Job login-1: exit status 1, want 0 (3 in a row)',
  },
  'S-24: a Job that fails once, and two that pass': {
    tries: [jobTries.exited, jobTries.completed, jobTries.completed],
    want: '',
  },
};

describe('what a probe comes back with decides the run, in its own words', () => {
  for (const [name, { tries, want }] of Object.entries(cases)) {
    it(name, async () => {
      const attempts = { interval: '10s', success: 2, failure: 3, errors: 5, deadline: '5m' };
      const ended = await play({
        tell: () => ({
          ...setting({ suite: { attempts }, set: { signOff: 'NotRequired', rollback: { policy: 'Automatic' } } }),
          script: inIsolation(tries),
        }),
      });
      const failure = runNamed(ended, 'portal-1').status?.failure;
      assert.deepEqual(
        {
          said: failure === undefined ? '' : `${failure.reason} ${failure.message}`,
          versions: [...new Set(shownVersions(ended.world))],
          violations: ended.result.violations,
        },
        { said: want, versions: [want === '' ? '1.2.0' : '1.1.0'], violations: [] },
      );
    });
  }
});
