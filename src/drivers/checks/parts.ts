import type { KubeClient } from '../../kube/types.ts';
import type { Clock } from '../../shared/clock.ts';
import type { Send } from '../send-message.ts';
import type { Answer } from './answer.ts';
import type { Expressions } from './expression.ts';

/** What checks are made with. */
export interface CheckParts {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly expressions: Expressions;
  readonly send: Send;
  /** What each test message came to, by the id of its request. */
  readonly lines: Map<string, Answer>;
}
