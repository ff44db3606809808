/** The deployment log of a run for a reader: its journal, and between its lines what Jobs and tests left behind. Pure. */
import type { Step, StepEntry, UpgradeRun } from '../api/upgrade-run.ts';
import { journalOf } from '../planner/journal.ts';

/** On the ConfigMaps that hold a log. */
export const logLabel = 'belay.dev/log';
export const stepAnnotation = 'belay.dev/step';
export const attemptAnnotation = 'belay.dev/attempt';
/** Key of the text in the ConfigMap. */
export const logKey = 'log';

/** Which ConfigMaps hold the logs of a run. */
export function logSelector(run: string): string {
  return `belay.dev/run=${run},${logLabel}=true`;
}

export interface KeptLog {
  readonly name: string;
  readonly step: string;
  readonly attempt: number;
  readonly text: string;
}

export interface LogTelling {
  /** Id of one step; default: all that have begun. */
  readonly only?: string | undefined;
  /** Were all logs looked for that there are, or only some given? Default: all. */
  readonly isPartial?: boolean | undefined;
}

export function tellDeploymentLog(
  run: UpgradeRun,
  logs: readonly KeptLog[],
  { only, isPartial = false }: LogTelling = {},
): string[] {
  const { metadata, spec, status } = run;
  const rows = journalOf(spec, status?.steps ?? []).filter(({ step, entry }) =>
    only === undefined ? entry.state !== 'Pending' || entry.attempt > 0 : step.id === only,
  );
  return [
    `${spec.purpose} ${metadata.name}: ${spec.from.version ?? 'unknown'} to ${spec.to.version}, ${status?.phase ?? 'not begun'}`,
    ...rows.flatMap(({ step, entry }) => tellRow(step, entry, logs, isPartial ? 'is not in these files' : 'is gone')),
    ...(isPartial && rows.some(({ entry }) => isMissing(entry, logs)) ? ['', ...howToGetLogs(run)] : []),
  ];
}

function isMissing({ log }: StepEntry, logs: readonly KeptLog[]): boolean {
  return log !== undefined && !logs.some(({ name }) => name === log);
}

function howToGetLogs({ metadata: { name, namespace = 'default' } }: UpgradeRun): string[] {
  return [
    'Logs that are not in these files: give them with another -f, as this writes them:',
    `  kubectl -n ${namespace} get configmaps -l ${logSelector(name)} -o yaml > ${name}-logs.yaml`,
  ];
}

function tellRow(step: Step, entry: StepEntry, logs: readonly KeptLog[], missing: string): string[] {
  const { state, attempt, started, finished, reason, message = '', operation, log } = entry;
  const own = logs.filter(({ step: id }) => id === step.id).toSorted((a, b) => a.attempt - b.attempt);
  const times = [started, finished].filter((time) => time !== undefined).join(' to ');
  return [
    '',
    `${step.number} ${step.title} (${step.id}): ${state}${reason === undefined ? '' : ` ${reason}`}`,
    ...(attempt === 0 ? [] : [`  attempt ${attempt}, ${times}, operation ${operation}`]),
    ...(message === '' ? [] : message.split('\n').map((line) => `  ${line}`)),
    ...own.flatMap(({ name, text }) => [`  log ${name}:`, ...text.split('\n').map((line) => `    ${line}`.trimEnd())]),
    ...(isMissing(entry, own) ? [`  log ${log ?? ''} ${missing}`] : []),
  ];
}
