import type { Clock } from '../../shared/clock.ts';
import type { Operation } from '../contract.ts';
import type { SecretReader, Values } from './secrets.ts';
import type { Session, Target } from './session.ts';

/** What one try of one probe at one target works with. */
export interface TryContext {
  readonly clock: Clock;
  readonly secrets: SecretReader;
  readonly operation: Operation;
  /** Names the try for ever: the same after a restart. */
  readonly name: string;
  /** Parameters and what earlier probes captured from this target. */
  readonly values: Values;
  readonly target: Target;
  readonly session: Session;
  readonly signal: AbortSignal;
}
