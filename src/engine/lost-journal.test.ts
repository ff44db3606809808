import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nothingObserved } from '../../test/builders/observed.ts';
import type { StepEntry, UpgradeRunSpec } from '../api/upgrade-run.ts';
import type { RunIntent } from '../planner/decision.ts';
import type { Observed, WorkloadObservation } from '../planner/observed.ts';
import { computeRun } from '../planner/plan.ts';
import { packageOf, pool, probeSuite, serverGroup, upgradeSet } from '../../test/builders/objects.ts';
import { sha256 } from './hash.ts';
import { initialEntries } from './journal.ts';
import { signOfLostJournal } from './lost-journal.ts';

const uid = 'run-1';

const upgrade: UpgradeRunSpec = computeRun(
  {
    set: upgradeSet({ serverGroups: ['group-1'] }),
    package: packageOf('1.2.0'),
    groups: [serverGroup(1)],
    pools: [pool('web', { service: { name: 'web' } })],
    suites: [probeSuite()],
    workloads: new Map([['StatefulSet/web-1', { images: { portal: 'old' }, replicas: 1 }]]),
    from: '1.1.0',
    fromPackage: 'portal-1.1.0',
    cannotHold: [],
    members: new Map([['web', 2]]),
  },
  sha256,
);
const rollback: UpgradeRunSpec = {
  ...upgrade,
  purpose: 'Rollback',
  steps: upgrade.steps.map((step) => (step.id === 'g1-snapshot' ? { ...step, action: 'RestoreSnapshot' } : step)),
};

/** Everything before `id` succeeded, `id` is under way, the rest waits. */
function underWay(id: string, more: Partial<StepEntry> = {}): StepEntry[] {
  const entries = initialEntries(upgrade);
  const current = entries.findIndex((entry) => entry.id === id);
  return entries.map((entry, index) => {
    if (index > current) return entry;
    const begun = { ...entry, attempt: 1, operation: `${uid}/${entry.id}/1` };
    return index < current ? { ...begun, state: 'Succeeded' } : { ...begun, state: 'Running', ...more };
  });
}

const locked: WorkloadObservation = {
  kind: 'StatefulSet',
  name: 'web-1',
  exists: true,
  current: true,
  replicas: 1,
  pods: [],
  images: {},
  templateHash: '',
  rolledOut: true,
  lockedBy: uid,
  autoscaled: false,
  claims: [],
  reconcilers: [],
  lastWriter: '',
  operation: '',
};
const restored = [{ claim: 'data', uid: 'claim-1', volume: 'pv-1', restoredFrom: 'snap' }];

interface Case {
  readonly entries: StepEntry[];
  readonly seen?: Partial<WorkloadObservation>;
  readonly groupLockedBy?: string;
  readonly spec?: UpgradeRunSpec;
  readonly intent?: RunIntent;
  /** Beginning of the message; empty: no sign. */
  readonly want: string;
}

const cases: Readonly<Record<string, Case>> = {
  'nothing has begun, nothing is locked': { entries: initialEntries(upgrade), seen: { lockedBy: '' }, want: '' },
  'nothing has begun, another run has the locks': {
    entries: initialEntries(upgrade),
    seen: { lockedBy: 'run-0' },
    groupLockedBy: 'run-0',
    want: '',
  },
  'nothing has begun, and a workload and a group are locked by this run': {
    entries: initialEntries(upgrade),
    groupLockedBy: uid,
    want: 'nothing has begun as the journal says, but this run holds StatefulSet/web-1, servergroup/group-1',
  },
  'locks are being taken: the one just taken is not in the journal yet': { entries: underWay('preflight'), want: '' },
  'everything is as the journal says': { entries: underWay('g1-drain'), want: '' },
  'a lock that somebody swept away is no sign': { entries: underWay('g1-drain'), seen: { lockedBy: '' }, want: '' },
  'changed by a step that the journal has not begun': {
    entries: underWay('g1-drain'),
    seen: { operation: `${uid}/g1-start/1` },
    want: `StatefulSet/web-1 was changed by ${uid}/g1-start/1, and the journal knows 0 attempts of g1-start`,
  },
  'changed by the attempt that the journal knows': {
    entries: underWay('g1-stop'),
    seen: { operation: `${uid}/preflight/1` },
    want: '',
  },
  'changed by another run before this one': {
    entries: underWay('g1-drain'),
    seen: { operation: 'run-0/cleanup/7' },
    want: '',
  },
  'another run has a lock': {
    entries: underWay('g1-drain'),
    seen: { lockedBy: 'run-2' },
    want: 'StatefulSet/web-1 is locked by run run-2 and should be by this run',
  },
  'a workload that is gone is the business of its step': {
    entries: underWay('g1-drain'),
    seen: { exists: false, lockedBy: '' },
    want: '',
  },
  'locks are being given back': { entries: underWay('cleanup'), seen: { lockedBy: '' }, want: '' },
  'stopped before the journal says so': {
    entries: underWay('g1-drain'),
    seen: { replicas: 0 },
    want: 'StatefulSet/web-1 has no replicas, ran 1 when this was planned',
  },
  'stopped, with the count before written down': {
    entries: underWay('g1-stop', { handles: { 'replicas/StatefulSet/web-1': '1' } }),
    seen: { replicas: 0 },
    want: '',
  },
  'scaled to zero by an autoscaler': {
    entries: underWay('g1-drain'),
    seen: { replicas: 0, autoscaled: true },
    want: '',
  },
  'a rollback begins with what was stopped before it': {
    spec: rollback,
    entries: underWay('g1-drain'),
    seen: { replicas: 0 },
    want: '',
  },
  'restored before the journal says so': {
    spec: rollback,
    entries: underWay('g1-stop'),
    seen: { claims: restored },
    want: 'claim data was restored from snap by this run, which has not begun to restore',
  },
  'restored by the step under way': {
    spec: rollback,
    entries: underWay('g1-snapshot'),
    seen: { claims: restored },
    want: '',
  },
  'a step has failed: what follows it decides': {
    entries: underWay('g1-drain', { state: 'Failed' }),
    seen: { lockedBy: '' },
    want: '',
  },
  'the run is to end: whoever ends it must be able to': {
    entries: underWay('g1-drain'),
    seen: { lockedBy: '' },
    intent: { paused: false, end: 'Abort' },
    want: '',
  },
};

function observe({ seen = {}, groupLockedBy = '' }: Case): Observed {
  return {
    ...nothingObserved(),
    groups: new Map([['group-1', { group: 'group-1', exists: true, lockedBy: groupLockedBy }]]),
    workloads: new Map([['StatefulSet/web-1', { ...locked, ...seen }]]),
  };
}

describe('signs of a journal that is older than the world (design 5.9)', () => {
  for (const [name, tc] of Object.entries(cases)) {
    it(name, () => {
      const run = { name: 'portal-1', uid, spec: tc.spec ?? upgrade };
      const intent = tc.intent ?? { paused: false };
      const got = signOfLostJournal({ run, entries: tc.entries, observed: observe(tc), intent });
      assert.equal(tc.want === '' ? got : got.slice(0, tc.want.length), tc.want);
    });
  }
});
