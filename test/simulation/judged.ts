/**
 * Tries of probes as the real drivers judge them: what came back is made up, the verdict and its words are theirs.
 * What needs a network to be noticed (a redirect loop, the timeout itself) is tested beside the drivers.
 */
import type { HttpProbe } from '../../src/api/probe-suite.ts';
import type { TryResult } from '../../src/drivers/probes/attempts.ts';
import { findMismatches } from '../../src/drivers/probes/expectations.ts';
import { jobState } from '../../src/drivers/probes/job-result.ts';
import { resultOf } from '../../src/drivers/probes/network.ts';
import { Redactor } from '../../src/drivers/jobs/redaction.ts';
import { DeadlineExceeded } from '../../src/kube/deadline.ts';
import type { Judgement, ProbeScript } from '../../src/simulation/probing.ts';

type Job = Parameters<typeof jobState>[0];
type Pod = NonNullable<Parameters<typeof jobState>[1]>;

const pass: Judgement = { answer: 'pass', message: '' };

function judged({ answer, message }: TryResult): Judgement {
  return { answer, message };
}

function answered(status: number, body: string, expect: HttpProbe['expect']): Judgement {
  const answer = { status, headers: new Map<string, string[]>(), body, tooLong: false };
  const mismatches = findMismatches(expect, { answer, values: {}, redactor: new Redactor() });
  return mismatches.length === 0 ? pass : { answer: 'fail', message: mismatches.join('; ') };
}

function broke(code: string): Judgement {
  return judged(resultOf(Object.assign(new Error('connection'), { code }), '10s'));
}

const aboutJson: HttpProbe['expect'] = { json: [{ path: '$.version', notEmpty: true }] };

/** What may come back of one HTTP request. */
export const httpTries = {
  good: answered(200, '{"version":"1.2.0"}', aboutJson),
  error500: answered(500, 'oops', { status: [200] }),
  truncated: answered(200, '{"version":"1.2', aboutJson),
  empty: answered(200, '', aboutJson),
  noData: answered(200, '{}', aboutJson),
  notANumber: answered(200, '{"version":NaN}', aboutJson),
  expiredCertificate: broke('CERT_HAS_EXPIRED'),
  refused: broke('ECONNREFUSED'),
  timeout: judged(resultOf(new DeadlineExceeded('over'), '10s')),
} as const;

function ended(job: Job['status'], pod?: Pod['status']): Judgement {
  const metadata = { name: 'login-1' };
  const state = jobState(
    {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata,
      spec: { template: { spec: { containers: [] } } },
      ...(job === undefined ? {} : { status: job }),
    },
    pod === undefined ? undefined : { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [] }, status: pod },
    '2m',
  );
  switch (state.kind) {
    case 'passed':
      return pass;
    case 'exited':
      return { answer: 'fail', message: `Job login-1: ${state.message}` };
    case 'silent':
      return { answer: 'none', message: `Job login-1: ${state.message}` };
    case 'running':
      throw new RangeError('a Job that runs on is no try that ended');
  }
}

const failedFor = (reason: string): Job['status'] => ({ conditions: [{ type: 'Failed', status: 'True', reason }] });

/** How one Job of a probe may end. */
export const jobTries = {
  completed: ended({ conditions: [{ type: 'Complete', status: 'True' }] }),
  pastDeadline: ended(failedFor('DeadlineExceeded')),
  cannotPull: ended(undefined, {
    phase: 'Pending',
    containerStatuses: [
      { name: 'probe', ready: false, restartCount: 0, state: { waiting: { reason: 'ImagePullBackOff' } } },
    ],
  }),
  evicted: ended(failedFor('BackoffLimitExceeded'), { phase: 'Failed', reason: 'Evicted', message: 'low on memory' }),
  exited: ended(failedFor('BackoffLimitExceeded'), {
    phase: 'Failed',
    containerStatuses: [{ name: 'probe', ready: false, restartCount: 0, state: { terminated: { exitCode: 1 } } }],
  }),
} as const;

/** The tries of `login` on the new release in isolation, in this order; the last one goes on for ever. */
export function inIsolation(tries: readonly Judgement[]): ProbeScript {
  return ({ probe, scope, isOld, attempt }) =>
    probe === 'login' && scope === 'Isolated' && !isOld ? tries[Math.min(attempt, tries.length) - 1] : undefined;
}
