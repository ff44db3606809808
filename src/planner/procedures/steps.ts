import type { RunGroup, Step, StepAction } from '../../api/upgrade-run.ts';

type StepDraft = Pick<Step, 'id' | 'number' | 'title' | 'action'> & Partial<Step>;

/** Longest time a step may take and how long it usually does; the vendor gives ten minutes a server for all of them. */
const times: Readonly<Partial<Record<StepAction, { timeout: string; estimate: string }>>> = {
  Preflight: { timeout: '5m', estimate: '5s' },
  Drain: { timeout: '5m', estimate: '1m' },
  Stop: { timeout: '15m', estimate: '1m' },
  Snapshot: { timeout: '15m', estimate: '2m' },
  BackupDatabase: { timeout: '1h', estimate: '3m' },
  MigrateDatabase: { timeout: '1h', estimate: '3m' },
  RestoreDatabase: { timeout: '2h', estimate: '5m' },
  SetGuard: { timeout: '15m', estimate: '10s' },
  ClearGuard: { timeout: '15m', estimate: '10s' },
  Upgrade: { timeout: '15m', estimate: '30s' },
  Configure: { timeout: '15m', estimate: '30s' },
  Start: { timeout: '15m', estimate: '3m' },
  Undrain: { timeout: '15m', estimate: '30s' },
  Probe: { timeout: '15m', estimate: '1m' },
  RestoreSnapshot: { timeout: '30m', estimate: '3m' },
  Reinstall: { timeout: '15m', estimate: '30s' },
  Cleanup: { timeout: '5m', estimate: '5s' },
};

/** Collects steps in order; each requires the one before it, so no step starts before its predecessor succeeded. */
export class StepList {
  readonly #steps: Step[] = [];
  readonly #timeouts: Readonly<Record<string, string>>;

  /** @param timeouts `spec.timeouts` of the set: duration by step verb, over the defaults. */
  constructor(timeouts: Readonly<Record<string, string>>) {
    this.#timeouts = timeouts;
  }

  add(draft: StepDraft): void {
    const previous = this.#steps.at(-1);
    const usual = times[draft.action] ?? { timeout: '15m', estimate: '1m' };
    this.#steps.push({
      actor: draft.action === 'Probe' || draft.action === 'AwaitDecision' ? 'Joint' : 'Engineer',
      requires: previous === undefined ? [] : [previous.id],
      ...usual,
      ...draft,
      ...(this.#timeouts[draft.action] === undefined ? {} : { timeout: this.#timeouts[draft.action] }),
    });
  }

  get steps(): Step[] {
    return this.#steps;
  }
}

/** The version that groups under test ran before; or, where they differ, why no one answer can be expected of their pool. */
export function versionBefore(groups: readonly RunGroup[]): { readonly expect?: string; readonly skip?: string } {
  const versions = [...new Set(groups.map((group) => group.from ?? ''))].toSorted();
  const [only] = versions;
  if (versions.length > 1)
    return {
      skip: `the groups run ${versions.join(' and ')} after a run that was superseded; a test through the pool would meet both`,
    };
  return only === undefined || only === '' ? {} : { expect: only };
}

/** Does any server of the group belong to a pool? */
export function isPooled(group: RunGroup): boolean {
  return group.servers.some((server) => server.pools.length > 0);
}
