import { answerOf } from '../../planner/preflight/expressions.ts';
import type { Clock } from '../../shared/clock.ts';
import { evaluateCel } from '../cel.ts';
import { sha256 } from '../marks.ts';
import type { Answer, CheckOf } from './answer.ts';

/** Expressions over facts that a plan has fixed: each is evaluated once. */
export class Expressions {
  readonly #clock: Clock;
  readonly #answers = new Map<string, Answer>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async answer({ expression, facts }: CheckOf<'Expression'>, signal: AbortSignal): Promise<Answer> {
    const key = sha256(`${expression}\n${facts}`);
    const known = this.#answers.get(key);
    if (known !== undefined) return known;
    const variables = JSON.parse(facts) as Record<string, unknown>;
    const outcome = await evaluateCel(expression, variables, { clock: this.#clock, signal });
    const answer = answerOf(expression, outcome);
    if (this.#answers.size >= mostKept) this.#answers.clear();
    // What has no answer now may have been too slow once.
    if (answer.state !== 'unknown') this.#answers.set(key, answer);
    return answer;
  }
}

const mostKept = 500;
