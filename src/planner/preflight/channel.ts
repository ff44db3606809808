/** The line to people is tried out before the start, or somebody says that it works. Source: 001-42. Pure. */
import type { Channel, PreflightCheck, RunPolicy, UpgradeRunSpec } from '../../api/upgrade-run.ts';
import type { CheckRequest } from '../effects.ts';
import {
  pending,
  type CheckDefinition,
  type CheckInput,
  type CheckPlace,
  type CheckTask,
  type Finding,
} from './check.ts';
import { checkChannel } from './people.ts';
import { roundOf, taskId } from './rounds.ts';
import { findingOf, worstOf } from './world.ts';

const taskName = 'Channel';
/** Every try is a message that people read: not too often, and only where somebody waits for it. */
const retryMs = 2 * 60_000;
const freshMs = 24 * 3_600_000;

/** With `spec.notify` a message is sent over each line; without it the line is attested where that is required. */
export function channelChecks(spec: UpgradeRunSpec, isRequired: boolean): CheckDefinition[] {
  const { notify = [] } = spec.policy;
  if (notify.length > 0) return [tested(spec, notify, isRequired)];
  return isRequired ? [attested(spec.policy)] : [];
}

function attested(policy: RunPolicy): CheckDefinition {
  return {
    name: 'Channel',
    severity: 'Hold',
    isWaivable: true,
    isAttestable: true,
    scope: () => ({}),
    evaluate: () => checkChannel(policy),
  };
}

function tested(spec: UpgradeRunSpec, notify: readonly Channel[], isRequired: boolean): CheckDefinition {
  const task: CheckTask = { name: taskName, retryMs: isRequired ? retryMs : Number.POSITIVE_INFINITY, freshMs };
  const lines = notify.map(({ secret }) => secret);
  return {
    name: 'Channel',
    severity: isRequired ? 'Hold' : 'Warn',
    isWaivable: true,
    isAttestable: true,
    task,
    scope: (place) => ({ checks: lines.flatMap((line) => requestOf(place, line, lines) ?? []) }),
    evaluate: (input) =>
      taskId(input.handles, input.entry.operation, taskName) === undefined
        ? pending('begins')
        : worstOf(
            lines.map((line) => askOnce(input, line, lines)),
            '',
          ),
  };
}

/** What a line answered, and in which round: a later process reads it instead of sending another message. */
interface Answer {
  readonly round: number;
  readonly verdict: PreflightCheck['verdict'];
  readonly evidence: string;
  readonly remedy: string;
}

const answerKey = (operation: string, line: string): string => `channel/${operation}/${line}`;

function answerOf({ handles, entry }: CheckPlace, line: string): Answer | undefined {
  const answer = handles[answerKey(entry.operation, line)];
  return answer === undefined ? undefined : (JSON.parse(answer) as Answer);
}

/** The message to send in this round; undefined where the line has answered, or only another one is tried again. */
function requestOf(place: CheckPlace, line: string, lines: readonly string[]): CheckRequest | undefined {
  const { handles, entry, run } = place;
  const id = taskId(handles, entry.operation, taskName);
  const answer = answerOf(place, line);
  if (id === undefined || answer?.round === roundOf(handles, entry.operation, taskName)?.number) return undefined;
  const isMended = lines.every((other) => answerOf(place, other)?.verdict === 'Pass');
  if (answer?.verdict === 'Pass' && !isMended) return undefined;
  const text = `Belay: line tested before run ${run.name} of ${run.spec.upgradeSet}`;
  return { id: `${id}/${line}`, kind: 'Channel', secret: line, text };
}

/** The answer is written down before anything else: looked for again, it would be another message. */
function askOnce(input: CheckInput, line: string, lines: readonly string[]): Finding {
  const request = requestOf(input, line, lines);
  const answer = answerOf(input, line);
  if (request === undefined && answer !== undefined) {
    const { verdict, evidence, remedy } = answer;
    return { verdict, evidence, remedy };
  }
  if (request === undefined) return pending('begins');
  const seen = input.observed.checks.get(request.id);
  if (seen === undefined || seen.state === 'absent') return pending('begins', { kind: 'RunCheck', request });
  const finding = findingOf(seen);
  if (finding.isPending === true) return finding;
  const round = roundOf(input.handles, input.entry.operation, taskName)?.number ?? 0;
  const { verdict, evidence, remedy } = finding;
  const noted: Answer = { round, verdict, evidence, remedy };
  return {
    ...pending('is written down'),
    record: { [answerKey(input.entry.operation, line)]: JSON.stringify(noted) },
  };
}
