/** The status of a set from its runs, or from what keeps it from having one. */
import { mergeConditions, type WantedCondition } from '../api/conditions.ts';
import type { RunPhase, UpgradeRun } from '../api/upgrade-run.ts';
import type { UpgradeSet, UpgradeSetPhase, UpgradeSetStatus } from '../api/upgrade-set.ts';
import { noticeOf } from '../planner/notice.ts';
import type { Problem } from '../planner/validate.ts';
import type { EpochMs } from '../shared/clock.ts';
import { formatDuration } from '../shared/duration.ts';
import { type PauseError, RetryError, type TerminalError } from '../shared/errors.ts';
import { formatInstant } from '../shared/instant.ts';
import { phaseAfterRebuild } from './rebuilt.ts';
import { isEnded } from './summarize-run.ts';

export type SetState =
  /** Nothing to do: every group runs the package. */
  | { readonly kind: 'atTarget'; readonly version: string }
  | { readonly kind: 'problems'; readonly problems: readonly Problem[] }
  /** Another set has the group. */
  | { readonly kind: 'blocked'; readonly object: string; readonly message: string }
  /** The next plan cannot be made; why is said, and what is tried again is said in the error. */
  | { readonly kind: 'hindered'; readonly error: Hindrance }
  /** `latest` first made; its rollback, when there is one, is `child`. */
  | {
      readonly kind: 'run';
      readonly run: UpgradeRun;
      readonly child: UpgradeRun | undefined;
      /** Why no other run follows though one is asked for; empty otherwise. */
      readonly note?: string;
    };

export type Hindrance = RetryError | PauseError | TerminalError;

interface Said {
  readonly phase: UpgradeSetPhase;
  readonly ready: boolean;
  readonly reconciling: boolean;
  readonly stalled: boolean;
  readonly reason: string;
  readonly message: string;
}

export function summarizeSet(
  set: UpgradeSet,
  state: SetState,
  runs: readonly UpgradeRun[],
  now: EpochMs,
): UpgradeSetStatus {
  const said = say(set, state);
  const { generation = 1 } = set.metadata;
  const common = { reason: said.reason, message: said.message, observedGeneration: generation };
  const conditions: WantedCondition[] = [
    { type: 'Ready', status: said.ready ? 'True' : 'False', ...common },
    { type: 'Reconciling', status: said.reconciling ? 'True' : 'False', ...common },
    { type: 'Stalled', status: said.stalled ? 'True' : 'False', ...common },
    { type: 'RolledBack', status: said.phase === 'RolledBack' ? 'True' : 'False', ...common },
    ...loadBalanced(state, generation),
  ];
  const active = state.kind === 'run' ? (state.child ?? state.run) : undefined;
  const blockers = blockersOf(set, state, now);
  return {
    observedGeneration: generation,
    conditions: mergeConditions(keptConditions(set), conditions, formatInstant(now)),
    phase: said.phase,
    ...(active === undefined ? {} : { run: active.metadata.name }),
    ...(active?.status?.stepTitle === undefined || isEnded(active.status.phase)
      ? {}
      : { step: active.status.stepTitle }),
    ...(active?.status?.progress === undefined ? {} : { progress: active.status.progress }),
    ...(blockers.length === 0 ? {} : { blockers }),
    ...noticeFor(state),
    ...historyOf(runs),
  };
}

/** On sets that tell people: whether the last message got through. Written by whoever sends them. */
export const notifiedCondition = 'Notified';

function keptConditions({ spec, status }: UpgradeSet): UpgradeSetStatus['conditions'] {
  return spec.notify === undefined
    ? status?.conditions?.filter(({ type }) => type !== notifiedCondition)
    : status?.conditions;
}

function say(set: UpgradeSet, state: SetState): Said {
  switch (state.kind) {
    case 'atTarget':
      return {
        phase: 'Completed',
        ready: true,
        reconciling: false,
        stalled: false,
        reason: 'UpToDate',
        message: `version ${state.version} runs everywhere`,
      };
    case 'problems': {
      const [first] = state.problems;
      const more = state.problems.length > 1 ? ` (and ${state.problems.length - 1} more)` : '';
      const message = first === undefined ? '' : `${first.object} ${first.field}: ${first.message}${more}`;
      return {
        phase: 'Blocked',
        ready: false,
        reconciling: false,
        stalled: true,
        reason: first?.reason ?? 'InvalidObject',
        message,
      };
    }
    case 'blocked':
      return {
        phase: 'Blocked',
        ready: false,
        reconciling: false,
        stalled: true,
        reason: 'GroupTaken',
        message: state.message,
      };
    case 'hindered': {
      const passes = state.error instanceof RetryError;
      const { reason, message } = state.error;
      const shown = `the next run cannot be planned: ${message}`.slice(0, 1_000);
      return { phase: 'Blocked', ready: false, reconciling: passes, stalled: !passes, reason, message: shown };
    }
    case 'run':
      return sayRun(set, state);
  }
}

const phases: Readonly<Record<RunPhase, UpgradeSetPhase>> = {
  Planned: 'Pending',
  Preflight: 'Running',
  AwaitingWindow: 'Scheduled',
  Running: 'Running',
  Paused: 'Paused',
  AwaitingDecision: 'AwaitingDecision',
  RollingBack: 'RollingBack',
  Completed: 'Completed',
  RolledBack: 'RolledBack',
  Rebuilt: 'Completed',
  Failed: 'Failed',
  Cancelled: 'Cancelled',
  Superseded: 'Pending',
};

/** Nothing more happens by itself. */
const stalledPhases: ReadonlySet<UpgradeSetPhase> = new Set([
  'Failed',
  'RolledBack',
  'CompletedWithFailures',
  'AwaitingDecision',
  'Cancelled',
]);

/** Before anything is touched, what holds the run is the set's own state. */
function heldAs(phase: RunPhase, reason: string | undefined): UpgradeSetPhase {
  if (phase !== 'Preflight') return phases[phase];
  if (reason === 'PreflightFailed') return 'Blocked';
  return reason === 'DryRun' ? 'Pending' : phases[phase];
}

function sayRun(set: UpgradeSet, { run: origin, child, note = '' }: Extract<SetState, { kind: 'run' }>): Said {
  const active = child ?? origin;
  const runPhase = active.status?.phase ?? 'Planned';
  const rolling =
    active.spec.purpose !== 'Upgrade' && !isEnded(runPhase) && runPhase !== 'AwaitingDecision' && runPhase !== 'Paused';
  const condition = active.status?.conditions?.find((candidate) => candidate.type === 'Ready');
  const phase = rolling ? 'RollingBack' : (phaseAfterRebuild(active) ?? heldAs(runPhase, condition?.reason));
  const ready = phase === 'Completed';
  const stalled = stalledPhases.has(phase);
  const failure = origin.status?.failure;
  const why = failure !== undefined && !ready && active !== origin ? `${failure.reason}: ${failure.message}` : '';
  const message = [why, condition?.message ?? (set.spec.dryRun ? 'planned; spec.dryRun is true' : ''), note]
    .filter((part) => part !== '')
    .join('; ');
  return {
    phase,
    ready,
    reconciling: !ready && !stalled,
    stalled,
    reason: ready ? 'Completed' : (condition?.reason ?? phase),
    message: message.slice(0, 1_000),
  };
}

/** For the run that is planned or under way; on the way back it no longer holds. */
function noticeFor(state: SetState): Pick<UpgradeSetStatus, 'notice'> {
  if (state.kind !== 'run' || state.child !== undefined || isEnded(state.run.status?.phase)) return {};
  const { text, atRiskMs, downtime } = noticeOf(state.run.spec);
  const down = downtime === undefined ? {} : { downtime: formatDuration(downtime.lengthMs) };
  return { notice: { text, atRisk: formatDuration(atRiskMs), ...down } };
}

/** The wording of 001-29 and 001-31, where users will notice, and what to add (001-37, 001-38); uneven groups (001-36). */
function loadBalanced(state: SetState, observedGeneration: number): WantedCondition[] {
  if (state.kind !== 'run') return [];
  const yes = state.run.spec.facts['loadBalanced'] === 'Yes';
  const { interruption = '', topology = '' } = state.run.spec.facts;
  const message = [yes ? 'no interruption is expected' : `${interruption}; see docs/pools.md`, topology]
    .filter((part) => part !== '')
    .join('; ');
  return [
    {
      type: 'LoadBalanced',
      status: yes ? 'True' : 'False',
      reason: yes ? 'Redundant' : 'NotRedundant',
      message,
      observedGeneration,
    },
  ];
}

function blockersOf(set: UpgradeSet, state: SetState, now: EpochMs): NonNullable<UpgradeSetStatus['blockers']> {
  const since = (type: string, object: string): string =>
    set.status?.blockers?.find((old) => old.type === type && old.object === object)?.since ?? formatInstant(now);
  if (state.kind === 'run') return [...((state.child ?? state.run).status?.blockers ?? [])];
  if (state.kind === 'blocked')
    return [{ type: 'Lock', object: state.object, since: since('Lock', state.object), message: state.message }];
  if (state.kind === 'atTarget') return [];
  if (state.kind === 'hindered') {
    const [type, object] = [state.error.reason, `upgradeset/${set.metadata.name}`];
    return [{ type, object, since: since(type, object), message: state.error.message.slice(0, 1_000) }];
  }
  return state.problems.slice(0, 16).map((problem) => ({
    type: problem.reason,
    object: problem.object,
    since: since(problem.reason, problem.object),
    message: `${problem.field}: ${problem.message}`.slice(0, 1_000),
  }));
}

function historyOf(runs: readonly UpgradeRun[]): Pick<UpgradeSetStatus, 'history'> {
  const over = runs
    .filter((run) => isEnded(run.status?.phase))
    .toSorted((a, b) => ((a.status?.finished ?? '') < (b.status?.finished ?? '') ? 1 : -1));
  if (over.length === 0) return {};
  return {
    history: over.slice(0, 20).map((run) => ({
      run: run.metadata.name,
      purpose: run.spec.purpose,
      package: run.spec.package,
      ...(run.spec.from.version === undefined ? {} : { from: run.spec.from.version }),
      to: run.spec.to.version,
      phase: run.status?.phase ?? '',
      ...(run.status?.failure === undefined ? {} : { reason: run.status.failure.reason }),
      ...(run.status?.started === undefined ? {} : { started: run.status.started }),
      ...(run.status?.finished === undefined ? {} : { finished: run.status.finished }),
    })),
  };
}
