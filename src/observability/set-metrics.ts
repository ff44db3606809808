/** Gauges per UpgradeSet, read from the caches at each scrape: what was deleted is gone at the next one. */
import { Gauge, type Registry } from 'prom-client';

/** One live UpgradeSet as the gauges show it. */
export interface SetSample {
  readonly namespace: string;
  readonly name: string;
  readonly phase: string;
  readonly stepsDone: number;
  readonly stepsTotal: number;
  readonly blocked: boolean;
  /** Of the present run; zero without one. */
  readonly atRisk?: ClockSample;
  readonly downtime?: ClockSample;
  /** Unix time; absent when nothing is under way. */
  readonly etaSeconds?: number | undefined;
  /** Unix time since which a person is waited for; absent when nobody is. */
  readonly decisionSinceSeconds?: number | undefined;
  readonly groups?: readonly GroupSample[];
}

export interface ClockSample {
  readonly plannedSeconds: number;
  readonly actualSeconds: number;
}

export interface GroupSample {
  readonly group: string;
  readonly stepsDone: number;
  readonly stepsTotal: number;
  /** While the group is drained; absent when it is not, and while a count is not known. */
  readonly drainConnections?: number | undefined;
}

type Row = readonly [labels: Readonly<Record<string, string>>, value: number | undefined];

const perSet: readonly (readonly [name: string, help: string, value: (set: SetSample) => number | undefined])[] = [
  ['belay_upgradeset_steps_done', 'Steps of the present run that are over', (set) => set.stepsDone],
  ['belay_upgradeset_steps', 'Steps of the present run', (set) => set.stepsTotal],
  ['belay_upgradeset_blocked', '1 while something is in the way', (set) => (set.blocked ? 1 : 0)],
  ['belay_upgradeset_at_risk_seconds', 'Time at risk so far', (set) => set.atRisk?.actualSeconds ?? 0],
  ['belay_upgradeset_at_risk_planned_seconds', 'Time at risk announced', (set) => set.atRisk?.plannedSeconds ?? 0],
  ['belay_upgradeset_downtime_seconds', 'Declared downtime so far', (set) => set.downtime?.actualSeconds ?? 0],
  ['belay_upgradeset_downtime_planned_seconds', 'Downtime announced', (set) => set.downtime?.plannedSeconds ?? 0],
  ['belay_upgradeset_eta_timestamp_seconds', 'When the end is expected', (set) => set.etaSeconds],
  [
    'belay_upgradeset_decision_since_timestamp_seconds',
    'Since when a person is waited for',
    (set) => set.decisionSinceSeconds,
  ],
];

const perGroup: readonly (readonly [name: string, help: string, value: (group: GroupSample) => number | undefined])[] =
  [
    ['belay_upgradeset_group_steps_done', 'Steps of one group that are over', (group) => group.stepsDone],
    ['belay_upgradeset_group_steps', 'Steps of one group', (group) => group.stepsTotal],
    [
      'belay_upgradeset_group_drain_connections',
      'Users that a group under drain has left',
      (group) => group.drainConnections,
    ],
  ];

export function addSetMetrics(registers: Registry[], sets: () => readonly SetSample[]): void {
  const gauge = (name: string, help: string, label: string | undefined, rows: (set: SetSample) => Row[]): void => {
    new Gauge({
      name,
      help,
      labelNames: ['namespace', 'upgradeset', ...(label === undefined ? [] : [label])],
      registers,
      collect() {
        this.reset();
        for (const set of sets())
          for (const [labels, value] of rows(set))
            if (value !== undefined) this.set({ namespace: set.namespace, upgradeset: set.name, ...labels }, value);
      },
    });
  };
  for (const [name, help, value] of perSet) gauge(name, help, undefined, (set) => [[{}, value(set)]]);
  for (const [name, help, value] of perGroup)
    gauge(name, help, 'group', (set) => (set.groups ?? []).map((group) => [{ group: group.group }, value(group)]));
  gauge('belay_upgradeset_phase', '1 for the phase the set is in', 'phase', (set) => [[{ phase: set.phase }, 1]]);
}
