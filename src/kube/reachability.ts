import type { Clock } from '../shared/clock.ts';

/** How long the API server has answered without a break, as far as this process knows. */
export interface Reachability {
  /** Told of each call; without an answer its code is "<error>". */
  called(facts: { readonly code: string }): void;
  /** Milliseconds since the last call without an answer, or since this process began: before that it has seen nothing. */
  steadyForMs(): number;
}

export function createReachability(clock: Clock): Reachability {
  let since = clock.monotonic();
  return {
    called({ code }) {
      if (code === '<error>') since = clock.monotonic();
    },
    steadyForMs: () => clock.monotonic() - since,
  };
}
