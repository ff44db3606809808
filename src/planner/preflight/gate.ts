/**
 * Nothing is locked or changed before every check that holds is met, attested or waived. Source: 001-45, 001-69, A-13.
 *
 * The gate stands open from the moment the journal says so: what a check finds later is a matter for the steps.
 */
import type { Choice, RunPolicy, StepEntry, UpgradeRun } from '../../api/upgrade-run.ts';
import type { UpgradeSetSpec } from '../../api/upgrade-set.ts';
import { formatInstant } from '../../shared/instant.ts';
import { canonicalJson } from '../../shared/json.ts';
import { journalOf, mergeHandles, type Handles } from '../journal.ts';
import type { ObservationScope } from '../observed.ts';
import type { StepContext, StepVerdict } from '../verdict.ts';
import type { CheckDefinition, CheckPlace, Finding } from './check.ts';
import { definitionsOf } from './definitions.ts';
import { clearAway, leftovers } from './leftovers.ts';
import type { PreflightReport } from './report.ts';
import { beginRound, roundOf } from './rounds.ts';
import { overrideOf, useDecision, type Override } from './waivers.ts';

/** When this attempt passed the gate. */
export const openedKey = (operation: string): string => `opened/${operation}`;

const recheckMs = 25_000;
const pendingMs = 5_000;
const mostShown = 64;

/** What the gate has to look at; nothing once it stands open. */
export function gateScope(place: CheckPlace): Partial<ObservationScope>[] {
  if (isOpen(place) || place.entry.operation === '') return [];
  return definitionsOf(place.run.spec).map((definition) => definition.scope(place));
}

/** What holds the run; where nothing does, what it does next, with the note that the gate stands open. */
export function throughGate(context: StepContext, go: (context: StepContext) => StepVerdict): StepVerdict {
  if (isOpen(context)) return go(context);
  const looks = definitionsOf(context.run.spec).map((definition) => look(context, definition));
  const preflight = reportOf(context.run.name, looks);
  const held = nextMove(context, looks, preflight);
  if (held !== undefined) return { ...held, preflight };
  const opened = { [openedKey(context.entry.operation)]: formatInstant(context.now) };
  const next = go(context);
  // Whatever else is waited for, the checks go on meanwhile.
  if (next.kind === 'wait') return { ...next, preflight };
  const isWritten = next.kind === 'act' || next.kind === 'record';
  return isWritten ? { ...next, record: { ...next.record, ...opened }, preflight } : next;
}

type Held = Extract<StepVerdict, { kind: 'act' | 'record' | 'wait' }>;

/** Undefined: nothing is in the way. */
function nextMove(context: StepContext, looks: readonly Look[], report: PreflightReport): Held | undefined {
  return (
    useDecisions(context, looks) ??
    nextRecord(looks) ??
    nextEffect(looks) ??
    nextRounds(context, looks) ??
    hold(context, looks, report)
  );
}

function isOpen({ run, entry, handles }: CheckPlace): boolean {
  return run.spec.purpose !== 'Upgrade' || handles[openedKey(entry.operation)] !== undefined;
}

/** Nothing of an upgrade is locked or changed yet: it may wait as long as it takes. */
export function isHeldByGate(run: CheckPlace['run'], entries: readonly StepEntry[]): boolean {
  const handles = mergeHandles(run.spec, entries);
  const current = journalOf(run.spec, entries).find(
    ({ entry }) => entry.state === 'Pending' || entry.state === 'Running',
  );
  if (current === undefined || current.step.action !== 'Preflight') return false;
  return !entries.some(({ state }) => state === 'Failed') && !isOpen({ run, entry: current.entry, handles });
}

interface Look {
  readonly definition: CheckDefinition;
  readonly finding: Finding;
  readonly override: Override | undefined;
  /** It was answered before, and is asked anew. */
  readonly isAgain: boolean;
}

function look(context: StepContext, definition: CheckDefinition): Look {
  const { task } = definition;
  const round = task === undefined ? undefined : roundOf(context.handles, context.entry.operation, task.name);
  return {
    definition,
    finding: definition.evaluate(context),
    override: overrideOf(context.handles, definition.name),
    isAgain: (round?.number ?? 0) > 1,
  };
}

/** Met, attested or waived. */
function isMet({ definition, finding, override }: Look): boolean {
  return definition.severity === 'Warn' || finding.verdict === 'Pass' || override !== undefined;
}

function isPending({ finding, override }: Look): boolean {
  return finding.isPending === true && override === undefined;
}

function useDecisions(context: StepContext, looks: readonly Look[]): Held | undefined {
  const open = looks.filter((one) => one.finding.verdict !== 'Pass' && one.override === undefined);
  const record: Handles = Object.assign(
    {},
    ...open.map(({ definition }) => useDecision(context.decisions, definition) ?? {}),
  );
  const names = Object.keys(record);
  if (names.length === 0) return undefined;
  return { kind: 'record', record, because: `somebody decided: ${names.join(', ')}` };
}

function nextRecord(looks: readonly Look[]): Held | undefined {
  for (const { definition, finding, override } of looks) {
    if (finding.record !== undefined && override === undefined)
      return { kind: 'record', record: finding.record, because: `${definition.name} is answered` };
  }
  return undefined;
}

function nextEffect(looks: readonly Look[]): Held | undefined {
  for (const { definition, finding, override } of looks) {
    if (finding.effect === undefined || override !== undefined) continue;
    const { effect, evidence, after } = finding;
    return {
      kind: 'act',
      effect,
      because: `${definition.name}: ${evidence}`,
      ...(after === undefined ? {} : { after }),
    };
  }
  return undefined;
}

/** Tasks that were never begun, that did not pass a while ago, and, right before the start, that passed long ago. */
function nextRounds(context: StepContext, looks: readonly Look[]): Held | undefined {
  const isReady = looks.every((one) => isMet(one) && !isPending(one));
  const due = looks.filter(({ definition, finding, override }) => {
    const { task } = definition;
    if (task === undefined || override !== undefined) return false;
    const round = roundOf(context.handles, context.entry.operation, task.name);
    if (round === undefined) return true;
    if (finding.isPending === true) return false;
    const ageMs = context.now - round.since;
    return finding.verdict === 'Pass' ? isReady && ageMs >= task.freshMs : ageMs >= task.retryMs;
  });
  // Checks that share a task share its answer: while one of them waits for it, none begins it anew.
  const busy = new Set(
    looks.filter(({ finding }) => finding.isPending === true).map(({ definition }) => definition.task?.name),
  );
  const isBegun = (task: string): boolean => roundOf(context.handles, context.entry.operation, task) !== undefined;
  const names = [...new Set(due.flatMap(({ definition }) => definition.task?.name ?? []))].filter(
    (task) => !(busy.has(task) && isBegun(task)),
  );
  if (names.length === 0) return undefined;
  const rounds = names.map((task) => beginRound(context.handles, context.entry.operation, task, context.now));
  return {
    kind: 'record',
    record: Object.assign({}, ...rounds) as Handles,
    because: `checked anew: ${names.join(', ')}`,
  };
}

function hold(context: StepContext, looks: readonly Look[], { unmet }: PreflightReport): Held | undefined {
  if (unmet.length > 0) {
    const isSoon = looks.some(isPending);
    return waiting('PreflightFailed', summaryOf(unmet), isSoon ? pendingMs : recheckMs);
  }
  const pending = looks.filter(isPending).map(({ definition }) => definition.name);
  if (pending.length > 0) return waiting('PreflightRunning', `being checked: ${pending.join(', ')}`, pendingMs);
  const [left] = leftovers(context.run.spec, context.handles, context.entry.operation);
  if (left !== undefined) return clearAway(left);
  if (context.dryRun === true)
    return waiting('DryRun', 'planned and checked; spec.dryRun is true, so nothing is changed', recheckMs);
  return undefined;
}

/** In one line, for conditions. */
export function summaryOf(unmet: PreflightReport['unmet']): string {
  return `not met: ${unmet.map(({ check }) => check).join(', ')}; see status.preflight`;
}

/** Whoever has to move has all the time there is. */
function waiting(reason: string, message: string, afterMs: number): Held {
  return { kind: 'wait', afterMs, reason, message, untimed: true };
}

function reportOf(run: string, looks: readonly Look[]): PreflightReport {
  const open = looks.filter((one) => !isMet(one) && (!isPending(one) || one.isAgain));
  return {
    checks: looks.slice(0, mostShown).map(shown),
    choices: open.flatMap(({ definition }) => choicesOf(definition)).slice(0, mostShown),
    unmet: open.map(({ definition, finding }) => ({
      check: definition.name,
      message: messageOf(run, definition, finding),
    })),
  };
}

function shown({ definition, finding, override }: Look): PreflightReport['checks'][number] {
  const verdict = override?.kind === 'Attest' ? 'Pass' : finding.verdict;
  return {
    check: definition.name,
    verdict,
    severity: definition.severity,
    evidence: (override?.kind === 'Attest' ? 'a person has seen that it is met' : finding.evidence).slice(0, 512),
    ...(finding.remedy === '' || verdict === 'Pass' ? {} : { remedy: finding.remedy.slice(0, 512) }),
    waivable: definition.isWaivable,
    ...(override === undefined
      ? {}
      : { waivedBy: `${override.kind === 'Attest' ? 'attested by ' : ''}${override.by}`.slice(0, 512) }),
    isPending: override === undefined && finding.isPending === true,
  };
}

function choicesOf({ name, isAttestable, isWaivable }: CheckDefinition): Choice[] {
  return [
    ...(isAttestable ? [{ choice: 'Attest', check: name, message: `you have seen that ${name} is met` }] : []),
    ...(isWaivable ? [{ choice: 'Waive', check: name, message: `go on although ${name} is not met; say why` }] : []),
  ];
}

function messageOf(
  run: string,
  { name, isAttestable, isWaivable }: CheckDefinition,
  { evidence, remedy }: Finding,
): string {
  const words = [...(isAttestable ? ['Attest'] : []), ...(isWaivable ? ['Waive'] : [])];
  const decide =
    words.length === 0
      ? 'it cannot be waived'
      : `or create a Decision ${words.join(' or ')} for run ${run} with check ${name}`;
  return `${name}: ${evidence}; ${remedy === '' ? '' : `${remedy}; `}${decide}`.slice(0, 1_000);
}

/** Is the run held, or not begun, with another preflight than the set asks for now? */
export function isOutdated(
  { spec, status }: Pick<UpgradeRun, 'spec' | 'status'>,
  { preflight, contacts, notify }: Pick<UpgradeSetSpec, 'preflight' | 'contacts' | 'notify'>,
): boolean {
  const opened = (status?.steps ?? []).some(({ handles, operation }) => handles?.[openedKey(operation)] !== undefined);
  if (opened) return false;
  const asked = {
    ...(preflight === undefined ? {} : { preflight: preflightOf(preflight) }),
    ...(contacts === undefined ? {} : { contacts }),
    ...(notify === undefined ? {} : { notify }),
  };
  const { policy } = spec;
  const has = { preflight: policy.preflight, contacts: policy.contacts, notify: policy.notify };
  return canonicalJson(asked) !== canonicalJson(has);
}

/** As a run keeps what the set asks for. */
export function preflightOf(asked: NonNullable<UpgradeSetSpec['preflight']>): NonNullable<RunPolicy['preflight']> {
  const { require = [], checks = [], image } = asked;
  return { require, checks, ...(image === undefined ? {} : { image }) };
}
