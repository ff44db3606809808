import type { Clock } from '../shared/clock.ts';
import type { Logger } from '../shared/logger.ts';
import { sleep } from './deadline.ts';
import type { Elector } from './leader.ts';

/** Something that runs until told to stop, e.g. a reflector, a controller, an event recorder. */
export interface Runnable {
  name: string;
  run(signal: AbortSignal): Promise<void>;
}

export interface ManagerOptions {
  /** Run from the start and stop last, before the lease is released: caches, servers, recorders. */
  always: readonly Runnable[];
  /** Run only while this process leads: controllers. */
  whileLeading: readonly Runnable[];
  /** Without one, this process always leads. */
  elector?: Elector;
  clock: Clock;
  logger: Logger;
  /** From the stop signal to the return. Default 30 s; the pod's grace period must be longer. */
  shutdownMs?: number;
  /** Aborted when the grace is nearly over, so that running reconciles give up: hand it to the controllers. */
  abort?: AbortController;
}

/** Why a manager stopped. The process should exit with an error for all but the first. */
export type ManagerOutcome =
  | { kind: 'stopped' }
  | { kind: 'lost-leadership' }
  | { kind: 'failed'; runnable: string; error: unknown }
  | { kind: 'timed-out'; running: string[] };

// What is left after the workers were told to give up: stopping the caches and releasing the lease.
const reserveMs = 5_000;

/**
 * Runs everything until the signal aborts, leadership is lost, or one part fails; then stops the workers,
 * the rest, and only when no worker is left gives the lease away.
 */
export async function runManager(options: ManagerOptions, signal: AbortSignal): Promise<ManagerOutcome> {
  const { elector, logger } = options;
  const support = createGroup(options.always);
  const workers = createGroup(options.whileLeading);
  const election = new AbortController();
  support.start();
  const leading = elector?.run(election.signal);
  const endings = [whenAborted(signal), support.failed, workers.failed];
  if (leading !== undefined) endings.push(leading.then(() => ({ kind: 'lost-leadership' })));
  const end = Promise.race(endings);
  const isDecided = new AbortController();
  void end.then(() => isDecided.abort());
  const started = startWhenLeading(elector, workers, isDecided.signal);

  const outcome = await end;
  logger.info('Stopping', { outcome: outcome.kind });
  await started;
  const running = await stopAll(options, workers, support, outcome);
  election.abort();
  await leading;
  // With a worker still running somebody else must not start: the lease has to run out instead.
  if (workers.running().length === 0) await elector?.release();
  return running.length > 0 && outcome.kind === 'stopped' ? { kind: 'timed-out', running } : outcome;
}

async function startWhenLeading(elector: Elector | undefined, workers: Group, signal: AbortSignal): Promise<void> {
  const isElected = elector === undefined || (await elector.whenElected(signal));
  if (isElected && !signal.aborted) workers.start();
}

async function stopAll(
  options: ManagerOptions,
  workers: Group,
  support: Group,
  outcome: ManagerOutcome,
): Promise<string[]> {
  const { clock, abort } = options;
  const shutdownMs = options.shutdownMs ?? 30_000;
  // A lost lease leaves no time to finish anything.
  if (outcome.kind === 'lost-leadership') abort?.abort(new Error('leadership was lost'));
  workers.stop();
  await waitAtMost(clock, Math.max(0, shutdownMs - reserveMs), workers.ended());
  abort?.abort(new Error('the process is stopping'));
  support.stop();
  await waitAtMost(clock, Math.min(reserveMs, shutdownMs), Promise.all([workers.ended(), support.ended()]));
  return [...workers.running(), ...support.running()];
}

async function waitAtMost(clock: Clock, ms: number, work: Promise<unknown>): Promise<void> {
  const over = new AbortController();
  await Promise.race([work, sleep(clock, ms, over.signal)]);
  over.abort();
}

interface Group {
  start(): void;
  stop(): void;
  ended(): Promise<unknown>;
  running(): string[];
  /** Resolves when one of the group throws, or returns before it was told to stop. */
  failed: Promise<ManagerOutcome>;
}

function createGroup(runnables: readonly Runnable[]): Group {
  const controller = new AbortController();
  const running = new Set<string>();
  const { promise: failed, resolve: fail } = Promise.withResolvers<ManagerOutcome>();
  let runs: Promise<void>[] = [];

  async function supervise({ name, run }: Runnable): Promise<void> {
    running.add(name);
    try {
      await run(controller.signal);
      const error = new Error(`${name} ended by itself`);
      if (!controller.signal.aborted) fail({ kind: 'failed', runnable: name, error });
    } catch (error) {
      fail({ kind: 'failed', runnable: name, error });
    } finally {
      running.delete(name);
    }
  }

  return {
    start() {
      if (!controller.signal.aborted) runs = runnables.map(supervise);
    },
    stop: () => controller.abort(),
    ended: () => Promise.all(runs),
    running: () => [...running],
    failed,
  };
}

function whenAborted(signal: AbortSignal): Promise<ManagerOutcome> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve({ kind: 'stopped' });
    else signal.addEventListener('abort', () => resolve({ kind: 'stopped' }), { once: true });
  });
}
