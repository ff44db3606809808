/** How long users of a rehearsal were not served: counted between the instants at which something changed. */
import type { EpochMs } from '../shared/clock.ts';
import type { World } from '../simulation/world.ts';

export interface Outage {
  /** In a downtime that the run had announced. */
  readonly announcedMs: number;
  readonly unannouncedMs: number;
  /** Somebody asks at the end and gets no answer. */
  readonly isUnservedAtEnd: boolean;
}

/**
 * Begins to count; call it after the simulation was made, whose users are asked first.
 * @returns what was counted until now
 */
export function watchOutage(world: World): () => Outage {
  let { failed, refused } = world.traffic;
  let since: EpochMs = world.clock.now();
  let state: 'served' | 'announced' | 'unannounced' = 'served';
  const counted = { announced: 0, unannounced: 0, served: 0 };
  const settle = (): void => {
    counted[state] += world.clock.now() - since;
    since = world.clock.now();
  };
  world.listeners.add(() => {
    settle();
    const { traffic } = world;
    state = traffic.failed > failed ? 'unannounced' : traffic.refused > refused ? 'announced' : 'served';
    ({ failed, refused } = traffic);
  });
  return () => {
    settle();
    return {
      announcedMs: counted.announced,
      unannouncedMs: counted.unannounced,
      isUnservedAtEnd: state !== 'served',
    };
  };
}
