/** The run that follows another: its way back, or the rebuild of one server. */
import type { StepEntry, UpgradeRun, UpgradeRunSpec } from '../api/upgrade-run.ts';
import type { Move } from '../planner/move.ts';
import { computeRollbackRun } from '../planner/plan.ts';
import { computeRebuildRun } from '../planner/rebuild-plan.ts';
import type { EpochMs } from '../shared/clock.ts';
import { TerminalError } from '../shared/errors.ts';
import { hasOpenDowntime, restoredBy } from '../status/clocks.ts';
import { runOf } from '../status/summarize-run.ts';
import { sha256 } from './hash.ts';
import type { RunStore } from './input.ts';

/** Upgrade, restore, previous template, and a rebuild of each of so many servers that people still decide one by one. */
const maxChain = 128;

export type FollowMove = Extract<Move, { kind: 'rollBack' | 'rebuild' }>;
/** Of any object's name. */
const maxName = 63;

type Finish = Extract<Move, { kind: 'finish' }>;

/** Name and plan of the run that is to follow. */
export async function planFollower(
  store: RunStore,
  run: UpgradeRun,
  move: FollowMove,
): Promise<{ readonly name: string; readonly spec: UpgradeRunSpec }> {
  const chain = await chainOf(store, run);
  const [origin, ...attempts] = chain.map((past) => ({ ...runOf(past), entries: entriesOf(past) }));
  if (origin === undefined) throw new TerminalError('JournalLost', `run ${run.metadata.name} has no beginning`);
  return move.kind === 'rollBack'
    ? { name: rollbackName(chain), spec: computeRollbackRun(origin, attempts, move.order, sha256) }
    : { name: rebuildName(chain), spec: computeRebuildRun(origin, attempts, move.order, sha256) };
}

/** The run that follows `run`; undefined while it is not there. */
export async function findFollower(store: RunStore, run: UpgradeRun): Promise<UpgradeRun | undefined> {
  const chain = await chainOf(store, run);
  // A rebuild is followed by rebuilds only.
  const names = run.spec.purpose === 'Rebuild' ? [rebuildName(chain)] : [rollbackName(chain), rebuildName(chain)];
  for (const name of names) {
    const found = await store.findRun(run, name);
    if (found?.spec.previous === run.metadata.name) return found;
  }
  return undefined;
}

/** When the runs that follow `run` let its users in again; undefined where they have not, or never were outside. */
export async function findRestored(store: RunStore, run: UpgradeRun): Promise<EpochMs | undefined> {
  if (!hasOpenDowntime(run.spec, entriesOf(run))) return undefined;
  for (let next = await findFollower(store, run); next !== undefined; next = await findFollower(store, next)) {
    const at = restoredBy(next.spec, entriesOf(next));
    if (at !== undefined) return at;
  }
  return undefined;
}

/** How a run ends once the one that follows it has: rolled back, or failed with what became of it. */
export function endAfter(run: UpgradeRun, follower: UpgradeRun): Finish {
  const { name } = follower.metadata;
  const { phase } = follower.status ?? {};
  // Its own server is rebuilt; what became of the next one stands in the run of that.
  if (run.spec.purpose === 'Rebuild')
    return { kind: 'finish', phase: 'Rebuilt', reason: 'Rebuilt', message: `the server is rebuilt; ${name} followed` };
  const failed = run.status?.failure;
  const words = (what: string): string => [failed?.message ?? '', what].filter(Boolean).join('; ');
  const reason = failed?.reason ?? 'RolledBack';
  if (phase === 'RolledBack')
    return { kind: 'finish', phase: 'RolledBack', reason, message: words(`rolled back by ${name}`) };
  // The rollback has failed and stays failed, whatever was rebuilt since.
  if (isRebuilt(follower))
    return { kind: 'finish', phase: 'Failed', reason: 'Rebuilt', message: words(rebuiltWords(follower)) };
  const what = follower.spec.purpose === 'Rebuild' ? 'rebuild' : 'rollback';
  return { kind: 'finish', phase: 'Failed', reason, message: words(`the ${what} failed by ${name}`) };
}

function rebuiltWords({ metadata, spec }: UpgradeRun): string {
  if (spec.rebuild === undefined) return `the rollback failed by ${metadata.name}, then servers were rebuilt`;
  return `${spec.rebuild.group}/${spec.rebuild.server} was rebuilt by ${metadata.name}`;
}

function isRebuilt({ status }: UpgradeRun): boolean {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  return status?.phase === 'Rebuilt' || (status?.phase === 'Failed' && ready?.reason === 'Rebuilt');
}

function rollbackName([origin, ...attempts]: readonly UpgradeRun[]): string {
  const count = attempts.length + 1;
  return `${origin?.metadata.name ?? ''}-back${count === 1 ? '' : `-${count}`}`;
}

function rebuildName([origin, ...attempts]: readonly UpgradeRun[]): string {
  const count = attempts.filter(({ spec }) => spec.purpose === 'Rebuild').length + 1;
  const before = origin?.metadata.name ?? '';
  const name = `${before}-rebuild${count === 1 ? '' : `-${count}`}`;
  return name.length <= maxName ? name : `${before}-rb${count}`;
}

/** The upgrade first, then what followed it, `run` last. */
async function chainOf(store: RunStore, run: UpgradeRun): Promise<UpgradeRun[]> {
  const chain = [run];
  for (let first = run; first.spec.previous !== undefined;) {
    const before = await store.findRun(run, first.spec.previous);
    if (before === undefined || chain.length === maxChain)
      throw new TerminalError(
        'JournalLost',
        `run ${first.spec.previous}, which ${first.metadata.name} follows, is gone`,
      );
    chain.unshift(before);
    first = before;
  }
  return chain;
}

function entriesOf(run: UpgradeRun): readonly StepEntry[] {
  return run.status?.steps ?? [];
}
