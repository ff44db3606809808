/** Every probe of every suite in `spec.preflight.checks` is a check of its own. Source: 001-55 … 001-57. */
import type { Probe } from '../../api/probe-suite.ts';
import type { RunSuite, UpgradeRunSpec } from '../../api/upgrade-run.ts';
import type { ProbeRequest } from '../effects.ts';
import {
  notKnown,
  notMet,
  pass,
  pending,
  type CheckDefinition,
  type CheckInput,
  type CheckTask,
  type Finding,
} from './check.ts';
import { taskId } from './rounds.ts';

export function suiteChecks(spec: UpgradeRunSpec): CheckDefinition[] {
  const names = spec.policy.preflight?.checks ?? [];
  return names.flatMap((name) => {
    const suite = spec.suites.find((candidate) => candidate.name === name);
    return suite === undefined ? [] : checksOf(suite);
  });
}

function checksOf({ name, spec }: RunSuite): CheckDefinition[] {
  const task: CheckTask = { name: `suite/${name}`, retryMs: 30_000, freshMs: 10 * 60_000 };
  return spec.probes.map((probe) => ({
    name: `${name}/${probe.name}`,
    severity: probe.severity === 'Warn' ? 'Warn' : 'Hold',
    isWaivable: true,
    isAttestable: false,
    task,
    scope: ({ handles, entry }) => {
      const id = taskId(handles, entry.operation, task.name);
      return id === undefined ? {} : { probes: [id] };
    },
    evaluate: (input) => evaluateProbe(input, name, probe, taskId(input.handles, input.entry.operation, task.name)),
  }));
}

function evaluateProbe({ run, observed }: CheckInput, suite: string, probe: Probe, id: string | undefined): Finding {
  if (id === undefined) return pending('begins');
  const seen = observed.probes.get(id);
  if (seen === undefined || seen.state === 'absent') {
    const versions = {
      RUN: run.name,
      FROM_VERSION: run.spec.from.version ?? '',
      TO_VERSION: run.spec.to.version,
      EXPECTED_VERSION: run.spec.from.version ?? '',
    };
    const request: ProbeRequest = { id, suite, scope: 'Pool', parameters: versions, workloads: [], whole: true };
    return pending('begins', { kind: 'RunProbes', request });
  }
  const result = seen.results.find((candidate) => candidate.probe === probe.name);
  const isOver = seen.state !== 'running';
  const remedy = probe.remedy ?? 'mend what the probe finds';
  switch (result?.state) {
    case 'passed':
      return pass(result.message === '' ? 'passed' : result.message);
    case 'failed':
      return notMet(result.message, remedy);
    case 'unknown':
      return notKnown(result.message, remedy);
    default:
      // The suite ends at the first probe that fails.
      return isOver
        ? notKnown('not reached: a probe before it did not pass', 'mend the probe before it')
        : pending('runs');
  }
}
