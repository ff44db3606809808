import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { probeSuiteSpec } from '../api/probe-suite.ts';
import { SimProbes } from './probe-driver.ts';
import type { Answer } from './probing.ts';
import { createWorld } from './world.ts';

interface Case {
  /** One letter a try: passes, fails, no answer; the last one goes on for ever. */
  readonly tries: string;
  readonly attempts: Partial<{ success: number; failure: number; errors: number; deadline: string }>;
  readonly severity?: 'Fail' | 'Warn';
  readonly want: string;
}

const answers: Readonly<Record<string, Answer>> = { p: 'pass', f: 'fail', n: 'none' };

function verdictOf({ tries, attempts, severity = 'Fail' }: Case): string {
  const world = createWorld();
  const suite = probeSuiteSpec.parse({
    attempts: { interval: '10s', ...attempts },
    probes: [{ name: 'login', http: { url: 'https://portal.example' }, severity }],
  });
  const probes = new SimProbes(world, ({ attempt }) => ({
    answer: answers[tries[Math.min(attempt, tries.length) - 1] ?? 'n'] ?? 'none',
    message: 'scripted',
  }));
  probes.begin({ id: 'one', suite: 'suite', scope: 'Pool', parameters: {}, workloads: [] }, suite, []);
  world.clock.advanceTo(world.clock.now() + 3_600_000);
  return probes.observe('one').state;
}

const cases: Readonly<Record<string, Case>> = {
  'S-21: passes at once where one success is enough': { tries: 'p', attempts: {}, want: 'passed' },
  'S-21: tolerates one failure in five': { tries: 'fpppp', attempts: { failure: 3, success: 3 }, want: 'passed' },
  'S-21: fails after three failures in a row': { tries: 'pfffp', attempts: { failure: 3, success: 2 }, want: 'failed' },
  'S-21: wants its successes in a row': {
    tries: 'ppfppfppfppfppp',
    attempts: { failure: 3, success: 3 },
    want: 'passed',
  },
  'S-23: tolerates silence within its own budget': { tries: 'nnnnp', attempts: { errors: 5 }, want: 'passed' },
  'S-23: five tries without an answer are unknown, not failed': {
    tries: 'n',
    attempts: { errors: 5 },
    want: 'unknown',
  },
  'S-22: silence does not use up the budget for failures': {
    tries: 'fnfnnnp',
    attempts: { failure: 3, errors: 5 },
    want: 'passed',
  },
  'S-22: silence between failures is no success: they are in a row all the same': {
    tries: 'fnfnfnp',
    attempts: { failure: 3, errors: 5 },
    want: 'failed',
  },
  'S-22: flapping for ever ends with the deadline, unknown': {
    tries: 'pfpfpfpfpfpfpfpfpfpfpfpfpfpfpfpfpfpfpfpf',
    attempts: { failure: 3, success: 2, deadline: '2m' },
    want: 'unknown',
  },
  'a warning is reported and fails nothing': { tries: 'f', attempts: {}, severity: 'Warn', want: 'passed' },
};

describe('simulated probes', () => {
  for (const [name, tc] of Object.entries(cases)) it(name, () => assert.equal(verdictOf(tc), tc.want));

  it('knows nothing of a run it was not asked for', () => {
    assert.equal(new SimProbes(createWorld(), undefined).observe('other').state, 'absent');
  });

  it('says nothing any more once its process is dead', () => {
    const world = createWorld();
    const probes = new SimProbes(world, () => ({ answer: 'pass', message: 'ok' }));
    const suite = probeSuiteSpec.parse({ probes: [{ name: 'login', http: { url: 'https://portal.example' } }] });
    probes.begin({ id: 'one', suite: 'suite', scope: 'Pool', parameters: {}, workloads: [] }, suite, []);
    probes.stop();
    world.clock.advanceTo(world.clock.now() + 60_000);
    assert.equal(probes.observe('one').state, 'running');
  });
});
