/** What follows from changes of runs beside their reconcile: probes nobody waits for are stopped, events are counted. */
import type { UpgradeRun } from '../api/upgrade-run.ts';
import type { ProbeDriver } from '../drivers/contract.ts';
import type { Cache, CacheHandler } from '../kube/cache.ts';
import type { Runnable } from '../kube/manager.ts';
import { journalOf } from '../planner/journal.ts';
import { probeRequests } from '../planner/steps/probe.ts';
import { isEnded, runOf } from '../status/summarize-run.ts';
import { observerOf } from './observer.ts';

/** Told what runs did, for metrics; must not throw. */
export interface RunCounters {
  rolledBack(reason: string): void;
  probed(suite: { readonly namespace: string; readonly name: string }, result: 'passed' | 'failed' | 'unknown'): void;
}

/** Counts what this leader sees happen; stops the probes of steps that are over. */
export function watchRuns(
  runs: Pick<Cache<UpgradeRun>, 'addHandler' | 'list'>,
  probes: ProbeDriver,
  counters: Partial<RunCounters>,
): Runnable {
  const handler: CacheHandler<UpgradeRun> = {
    updated(run, old) {
      const turned = run.status?.phase === 'RollingBack' && old.status?.phase !== 'RollingBack';
      if (turned && !isRebuiltNext(runs, run)) counters.rolledBack?.(run.status?.failure?.reason ?? 'RollingBack');
      probes.end((id) => isOverFor(run, id));
    },
    deleted(run) {
      probes.end((id) => id.startsWith(`${run.metadata.uid ?? ''}/`));
    },
  };
  return {
    name: 'run watch',
    async run(signal) {
      const stop = runs.addHandler(handler);
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener('abort', () => resolve(), { once: true });
      });
      stop();
    },
  };
}

/** A rebuild is no way back, and is there before the run says that something follows it. */
function isRebuiltNext(runs: Pick<Cache<UpgradeRun>, 'list'>, { metadata }: UpgradeRun): boolean {
  return runs
    .list(metadata.namespace)
    .some(({ spec }) => spec.previous === metadata.name && spec.purpose === 'Rebuild');
}

/** Which part of which run asked: `RUN-UID/STEP/ATTEMPT` and what tells its requests apart. */
function partsOf(id: string): { uid: string; step: string; operation: string } {
  const [uid = '', step = '', attempt = ''] = id.split('/');
  return { uid, step, operation: `${uid}/${step}/${attempt}` };
}

/**
 * The cache may be behind what asked for the probes: only a journal that shows this very attempt as over, or a run
 * that never goes on, ends them.
 */
export function isOverFor(run: UpgradeRun, id: string): boolean {
  const { uid, step, operation } = partsOf(id);
  if (uid !== run.metadata.uid) return false;
  const { phase, steps = [] } = run.status ?? {};
  if (isEnded(phase) || phase === 'RollingBack') return true;
  const entry = steps.find((candidate) => candidate.id === step);
  if (entry?.operation !== operation) return false;
  return phase === 'AwaitingDecision' || (entry.state !== 'Running' && entry.state !== 'Pending');
}

/** Counts the verdict when the probes of `run` that changed are over. */
export function countVerdict(run: UpgradeRun, probes: ProbeDriver, counters: Partial<RunCounters>, id: string): void {
  const { state } = probes.observe(observerOf(run), id);
  if (state === 'running' || state === 'absent') return;
  const { step, operation } = partsOf(id);
  const row = journalOf(run.spec, run.status?.steps ?? []).find((candidate) => candidate.step.id === step);
  if (row === undefined) return;
  const requests = probeRequests({ run: runOf(run), step: row.step, entry: { ...row.entry, operation } });
  const suite = requests.find((request) => request.id === id)?.suite;
  if (suite !== undefined) counters.probed?.({ namespace: run.metadata.namespace ?? '', name: suite }, state);
}

/** Ends what goes on in the background when the controller that asked for it has ended, however that came. */
export function closingProbes(controller: Runnable, probes: ProbeDriver): Runnable {
  return {
    name: controller.name,
    async run(signal) {
      try {
        await controller.run(signal);
      } finally {
        await probes.close();
      }
    },
  };
}
