/** Before anything is touched: what holds a run, who lets it go on, and what a restore drill leaves behind. */
import assert from 'node:assert/strict';
import type { PreflightCheck } from '../../../src/api/upgrade-run.ts';
import type { Simulation, StoryEvent } from '../../../src/simulation/simulation.ts';
import { personSets } from '../../../src/simulation/pools.ts';
import { database, probeSuite } from '../../builders/objects.ts';
import { shownVersions } from '../checks.ts';
import { inBoth, majorSetting, within } from '../major.ts';
import { decide, editSet, runNamed, setting, signsOff, type Ended, type Setting, type Story } from '../story.ts';

const minute = 60_000;
const repository = 'repository';

/** @param atMs from the beginning */
function says(atMs: number, choice: 'Waive' | 'Attest', check: string, reason: string): StoryEvent {
  return {
    what: `ana: ${choice} ${check}`,
    atMs,
    act: (simulation) => decide(simulation, { choice, check, reason, decidedBy: 'ana' }),
  };
}

function withRepository(draft: Parameters<typeof setting>[0]): Setting {
  const told = setting(draft);
  told.objects.suites.push(
    probeSuite(repository, {
      probes: [
        { name: 'complete', http: { url: 'https://repository.example/missing' }, remedy: 'put the missing ones back' },
        { name: 'misplaced', http: { url: 'https://repository.example/misplaced' } },
      ],
      attempts: { interval: '10s', failure: 1 },
    }),
  );
  return told;
}

function drillSetting(): Setting {
  const told = majorSetting();
  told.objects.databases = [database('portal-db', { drill: { job: { podTemplate: 'pg-tools', args: ['drill'] } } })];
  editSets(told, { preflight: { require: ['RestoreDrill'] } });
  return told;
}

function editSets({ objects }: Setting, change: Parameters<typeof editSet>[1]): void {
  objects.sets = objects.sets.map((set) => ({ ...set, spec: { ...set.spec, ...change } }));
}

function checkOf(ended: Pick<Ended, 'result'>, run: string, name: string): PreflightCheck | undefined {
  return runNamed(ended, run).status?.preflight?.find(({ check }) => check === name);
}

const isDrilling = (simulation: Simulation): boolean => simulation.world.asides.size > 0;

export const preflightStories: readonly Story[] = [
  {
    ids: '001-42 001-45 001-55 001-56 001-57 A-13',
    name: 'preflight-waiver',
    title:
      'a line is attested, a repository is completed, and missing contacts are waived by name: only then it starts',
    tell: () => {
      const missing = new Set(['complete']);
      return {
        ...withRepository({
          set: { preflight: { require: ['Contacts', 'Channel', 'RemoteAccess', 'Staging'], checks: [repository] } },
        }),
        script: ({ probe }) => (missing.has(probe) ? { answer: 'fail', message: 'office is missing' } : undefined),
        events: [
          says(1 * minute, 'Attest', 'Channel', 'spoke to the lead'),
          {
            what: 'the repository is completed',
            atMs: 3 * minute,
            act({ store }) {
              const seen = store.runs[0]?.status?.preflight?.find(({ check }) => check === 'repository/complete');
              assert.deepEqual([seen?.verdict, seen?.remedy], ['Fail', 'put the missing ones back']);
              missing.clear();
            },
          },
          says(5 * minute, 'Waive', 'Contacts', 'the lead is on the phone'),
          signsOff,
        ],
      };
    },
    ends: ['Completed'],
    check: (ended) => {
      assert.deepEqual([...new Set(shownVersions(ended.world))], ['1.2.0']);
      assert.equal(checkOf(ended, 'portal-1', 'Contacts')?.waivedBy, 'ana: the lead is on the phone');
      assert.equal(checkOf(ended, 'portal-1', 'Channel')?.waivedBy, 'attested by ana: spoke to the lead');
      assert.equal(checkOf(ended, 'portal-1', 'repository/complete')?.verdict, 'Pass');
      const locked = ended.world.calls.find(({ kind }) => kind.startsWith('Lock'))?.at ?? 0;
      assert.ok(locked >= Date.UTC(2026, 11, 5, 20, 5), 'locked only after the waiver');
    },
  },
  ...inBoth(
    (procedure) => ({
      ids: 'A-13 001-63',
      name: 'preflight-capacity-waived',
      title: 'a person has one of three out and two must serve: waived by name, one serves alone meanwhile, never none',
      tell: () => {
        const told = procedure.setting({ groups: 3, minServing: 2 });
        personSets(told.world, 'web', 'web-3', 'maint');
        told.world.promises.mayServeFewer = true;
        return { ...told, events: [says(1 * minute, 'Waive', 'Capacity', 'a quiet night')] };
      },
      ends: ['Completed'],
      check: (ended) => {
        const { steps = [] } = runNamed(ended, 'portal-1').status ?? {};
        assert.match(
          steps.find(({ id }) => id === 'g1-drain')?.message ?? '',
          /; pool web would have 1 serving members without web-1, and needs 2; waived by ana: a quiet night$/,
        );
        assert.deepEqual([...new Set(shownVersions(ended.world))], [procedure.to]);
      },
    }),
    within('preflight', 'g1-stop'),
  ),
  {
    ids: 'S-36 001-41',
    name: 'preflight-contacts-added',
    title:
      'missing contacts are added to the set: the held run gives way to one that has them, and what was said of it is void',
    tell: () => ({
      ...setting({ set: { preflight: { require: ['Contacts', 'Channel'] } } }),
      events: [
        says(1 * minute, 'Attest', 'Channel', 'spoke to the lead'),
        {
          what: 'the set names its people',
          atMs: 2 * minute,
          act: (simulation) =>
            editSet(simulation, {
              contacts: [
                { name: 'ana', role: 'Lead', available: 'WholeWindow', via: '+359 2 555 0100' },
                { name: 'ben', role: 'ApplicationAdministrator', available: 'WholeWindow', via: '#portal-upgrade' },
                { name: 'cem', role: 'LoadBalancerAdministrator', available: 'WholeWindow', via: '#portal-upgrade' },
              ],
            }),
        },
        says(4 * minute, 'Attest', 'Channel', 'and again'),
        signsOff,
      ],
    }),
    ends: ['Superseded', 'Completed'],
    check: (ended) => {
      assert.equal(checkOf(ended, 'portal-2', 'Contacts')?.verdict, 'Pass');
      assert.equal(checkOf(ended, 'portal-2', 'Channel')?.waivedBy, 'attested by ana: and again');
      assert.match(
        runNamed(ended, 'portal-1').status?.conditions?.find(({ type }) => type === 'Ready')?.message ?? '',
        /; the plan has changed, so what was decided of it is void: Channel by ana: spoke to the lead$/,
      );
    },
  },
  {
    ids: '001-53',
    name: 'preflight-drill',
    title: 'a snapshot and a backup are restored aside before the start, and nothing of it stays',
    tell: () => drillSetting(),
    ends: ['Completed'],
    check: (ended) => {
      const drill = checkOf(ended, 'portal-1', 'RestoreDrill');
      assert.equal(drill?.verdict, 'Pass');
      assert.match(drill?.evidence ?? '', /Drill csi.*backup-\d+ was restored aside/);
      assert.equal(ended.world.asides.size, 0);
    },
  },
  {
    ids: '001-53 S-07',
    name: 'preflight-drill-aborted',
    title: 'the run is aborted in the middle of a restore drill: what the drill made is deleted all the same',
    tell: () => ({
      ...drillSetting(),
      events: [{ what: 'ana aborts', when: isDrilling, act: (simulation) => decide(simulation, { choice: 'Abort' }) }],
    }),
    ends: ['Cancelled'],
    check: (ended) => {
      assert.equal(ended.world.asides.size, 0);
      assert.deepEqual(
        ended.world.calls.filter(({ kind }) => kind.startsWith('Lock')),
        [],
      );
    },
  },
];
