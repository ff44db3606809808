/** The simulated probes and the real ones come to the same verdict, with the same words, after the same tries. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { describe, it } from 'node:test';
import { probeSuiteSpec } from '../../src/api/probe-suite.ts';
import { count, decideVerdict, noTries, rulesOf, type Answer } from '../../src/drivers/probes/attempts.ts';
import { SimProbes } from '../../src/simulation/probe-driver.ts';
import { seededRandom, type Random } from '../../src/simulation/random.ts';
import { createWorld } from '../../src/simulation/world.ts';

const answers: readonly Answer[] = ['pass', 'fail', 'none'];

interface Drawn {
  readonly attempts: { interval: string; success: number; failure: number; errors: number; deadline: string };
  readonly tries: readonly Answer[];
}

function draw(random: Random): Drawn {
  const upTo = (most: number): number => 1 + Math.floor(random() * most);
  const attempts = {
    interval: '10s',
    success: upTo(3),
    failure: upTo(3),
    errors: upTo(4),
    deadline: `${upTo(20) * 7}s`,
  };
  return { attempts, tries: Array.from({ length: 40 }, () => answers[Math.floor(random() * 3)] ?? 'none') };
}

function real({ attempts, tries }: Drawn): string {
  const rules = rulesOf({ attempts }, {});
  let tally = noTries;
  for (const [index, answer] of tries.entries()) {
    tally = count(tally, answer);
    const last = { answer, message: answer === 'pass' ? '' : `try ${index + 1}` };
    const verdict = decideVerdict(rules, tally, last, (index + 1) * rules.intervalMs);
    if (verdict.kind !== 'again') return `${verdict.kind} ${verdict.message}`;
  }
  return 'no verdict';
}

function simulated({ attempts, tries }: Drawn): string {
  const world = createWorld();
  const suite = probeSuiteSpec.parse({
    attempts,
    probes: [{ name: 'login', http: { url: 'https://portal.example' } }],
  });
  const probes = new SimProbes(world, ({ attempt }) => ({
    answer: tries[attempt - 1] ?? 'none',
    message: `try ${attempt}`,
  }));
  probes.begin({ id: 'one', suite: 'suite', scope: 'Pool', parameters: {}, workloads: [] }, suite, []);
  world.clock.advanceTo(world.clock.now() + 3_600_000);
  const [result] = probes.observe('one').results;
  return `${result?.state ?? ''} ${result?.message ?? ''}`;
}

describe('S-21 S-22 S-23: the rules of probes', () => {
  const seed = randomInt(1, 2 ** 31);

  it('are the same for the simulator and the driver, whatever the tries answer', () => {
    console.log(`probe rules seed ${seed}`);
    const random = seededRandom(seed);
    for (let round = 0; round < 500; round += 1) {
      const drawn = draw(random);
      assert.equal(simulated(drawn), real(drawn), `seed ${seed}, round ${round}: ${JSON.stringify(drawn)}`);
    }
  });
});
