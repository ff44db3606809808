/** The audit record of one run: who asked, what was planned, what happened when, who decided. Pure. Source: 001-142. */
import type { StepEntry, UpgradeRun } from '../api/upgrade-run.ts';
import { journalOf } from '../planner/journal.ts';
import { parseDuration } from '../shared/duration.ts';
import { parseInstant } from '../shared/instant.ts';

/** On UpgradeSets and runs: the user who asked, as admission found it. */
export const askerAnnotation = 'belay.dev/asked-by';

interface Minutes {
  readonly planned: number;
  readonly actual?: number;
}

export interface AuditReport {
  readonly run: string;
  readonly namespace: string;
  readonly uid: string;
  readonly upgradeSet: string;
  readonly purpose: string;
  readonly procedure: string;
  readonly package: string;
  readonly from: UpgradeRun['spec']['from'];
  readonly to: UpgradeRun['spec']['to'];
  readonly planHash: string;
  /** Who asked for an upgrade, or allowed a rollback; "not known" without the admission policies. */
  readonly askedBy: string;
  readonly askedAt: string;
  readonly started: string;
  readonly finished: string;
  readonly phase: string;
  readonly minutes: { readonly total: Minutes; readonly atRisk?: Minutes; readonly downtime?: Minutes };
  readonly steps: readonly AuditStep[];
  readonly decisions: NonNullable<NonNullable<UpgradeRun['status']>['decisions']>;
  readonly preflight?: NonNullable<NonNullable<UpgradeRun['status']>['preflight']>;
  readonly contacts?: NonNullable<UpgradeRun['spec']['policy']['contacts']>;
  readonly failure?: NonNullable<NonNullable<UpgradeRun['status']>['failure']>;
  readonly service?: NonNullable<NonNullable<UpgradeRun['status']>['service']>;
  readonly handedOver?: NonNullable<NonNullable<UpgradeRun['status']>['handedOver']>;
  readonly retained?: NonNullable<NonNullable<UpgradeRun['status']>['retained']>;
}

interface AuditStep {
  readonly number: string;
  readonly title: string;
  readonly actor: string;
  readonly state: string;
  readonly attempt: number;
  readonly started?: string;
  readonly finished?: string;
  readonly minutes: Minutes;
  readonly marker?: string;
  readonly reason?: string;
  readonly message?: string;
  /** Versions that servers answered, by server. */
  readonly components?: NonNullable<StepEntry['components']>;
  readonly log?: string;
}

export function computeAuditReport(run: UpgradeRun): AuditReport {
  const { metadata, spec, status } = run;
  const { started, finished, clocks, preflight, failure, service, handedOver, retained } = status ?? {};
  const steps = journalOf(spec, status?.steps ?? []);
  const planned = steps.reduce(
    (sum, { step }) => sum + (step.skip === undefined ? parseDuration(step.estimate) : 0),
    0,
  );
  return {
    run: metadata.name,
    namespace: metadata.namespace ?? '',
    uid: metadata.uid ?? '',
    upgradeSet: spec.upgradeSet,
    purpose: spec.purpose,
    procedure: spec.procedure,
    package: spec.package,
    from: spec.from,
    to: spec.to,
    planHash: spec.planHash,
    askedBy: askerOf(run),
    askedAt: metadata.creationTimestamp ?? '',
    started: started ?? '',
    finished: finished ?? '',
    phase: status?.phase ?? 'Planned',
    minutes: {
      total: minutesOf(planned, between(started, finished)),
      ...(clocks === undefined ? {} : { atRisk: fromClock(clocks.atRisk), downtime: fromClock(clocks.downtime) }),
    },
    steps: steps.map(({ step, entry }) => auditStep(step, entry)),
    decisions: status?.decisions ?? [],
    ...(preflight === undefined ? {} : { preflight }),
    ...(spec.policy.contacts === undefined ? {} : { contacts: spec.policy.contacts }),
    ...(failure === undefined ? {} : { failure }),
    ...(service === undefined ? {} : { service }),
    ...(handedOver === undefined ? {} : { handedOver }),
    ...(retained === undefined ? {} : { retained }),
  };
}

function askerOf({ metadata, spec }: UpgradeRun): string {
  if (spec.purpose !== 'Upgrade') return spec.facts['authorisedBy'] ?? 'not known';
  return spec.policy.approvals?.askedBy ?? metadata.annotations?.[askerAnnotation] ?? 'not known';
}

function auditStep(step: UpgradeRun['spec']['steps'][number], entry: StepEntry): AuditStep {
  const { state, attempt, started, finished, reason, message, components, log } = entry;
  return {
    number: step.number,
    title: step.title,
    actor: step.actor,
    state,
    attempt,
    ...(started === undefined ? {} : { started }),
    ...(finished === undefined ? {} : { finished }),
    minutes: minutesOf(parseDuration(step.estimate), between(started, finished)),
    ...(step.marker === undefined ? {} : { marker: step.marker }),
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined || message === '' ? {} : { message }),
    ...(components === undefined ? {} : { components }),
    ...(log === undefined ? {} : { log }),
  };
}

function between(started: string | undefined, finished: string | undefined): number | undefined {
  return started === undefined || finished === undefined ? undefined : parseInstant(finished) - parseInstant(started);
}

function fromClock({ planned, actual }: { readonly planned: string; readonly actual?: string | undefined }): Minutes {
  return minutesOf(parseDuration(planned), actual === undefined ? undefined : parseDuration(actual));
}

/** With one digit after the point. */
function minutesOf(plannedMs: number, actualMs: number | undefined): Minutes {
  const round = (ms: number): number => Math.round(ms / 6_000) / 10;
  return { planned: round(plannedMs), ...(actualMs === undefined ? {} : { actual: round(actualMs) }) };
}
