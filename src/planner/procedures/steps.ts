import type { RunGroup, Step, StepAction } from '../../api/upgrade-run.ts';
import { canonicalJson } from '../../shared/json.ts';

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
    const usual = this.#timesOf(draft);
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

  #timesOf({ action, actor }: StepDraft): { timeout: string; estimate: string } {
    const usual = times[action] ?? { timeout: '15m', estimate: '1m' };
    // How long people take at the most is all that is known of it.
    return actor === 'Customer' ? { ...usual, estimate: this.#timeouts[action] ?? usual.timeout } : usual;
  }
}

/** In order, and so many of them that a title has room for more. */
export function listNames(names: readonly string[]): string {
  const room = 80;
  const shown = names.filter((_, index) => index === 0 || names.slice(0, index + 1).join(', ').length <= room);
  const left = names.length - shown.length;
  return left === 0 ? shown.join(', ') : `${shown.join(', ')} and ${left} more`;
}

/** What has to answer a test, or why nothing can be asked. */
export interface Wanted extends Pick<Step, 'expect' | 'components' | 'skip'> {}

/** The version that groups under test ran before; or, where they differ, why no one answer can be expected of their pool. */
export function versionBefore(groups: readonly RunGroup[]): Wanted {
  const versions = [...new Set(groups.map((group) => group.from ?? ''))].toSorted();
  const [only] = versions;
  if (versions.length > 1)
    return {
      skip: `the groups run ${versions.join(' and ')} after a run that was superseded; a test through the pool would meet both`,
    };
  return only === undefined || only === '' ? {} : { expect: only, ...componentsBefore(groups) };
}

/** Two Packages of one version may name different ones: then none can be expected. */
function componentsBefore([first, ...others]: readonly RunGroup[]): Pick<Step, 'components'> {
  const { components } = first ?? {};
  const isSame = others.every((other) => canonicalJson(other.components ?? {}) === canonicalJson(components ?? {}));
  return components === undefined || !isSame ? {} : { components };
}

/** Does any server of the group belong to a pool? */
export function isPooled(group: RunGroup): boolean {
  return group.servers.some((server) => server.pools.length > 0);
}
