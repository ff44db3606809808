import type { KubeClient } from '../../kube/types.ts';
import type { Clock } from '../../shared/clock.ts';
import type { Expressions } from './expression.ts';

/** What checks are made with. */
export interface CheckParts {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly expressions: Expressions;
}
