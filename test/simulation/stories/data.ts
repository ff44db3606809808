/** Probes and data: S-21 … S-32, S-38, S-42, S-43. */
import assert from 'node:assert/strict';
import type { ProbeScript } from '../../../src/simulation/probing.ts';
import { loseSnapshot, lostWrites, volumeOf } from '../../../src/simulation/storage.ts';
import { setTemplate } from '../../../src/simulation/workloads.ts';
import { must, type World } from '../../../src/simulation/world.ts';
import { createScene } from '../../../src/simulation/scene.ts';
import { build, pool, serverGroup, upgradeSet } from '../../builders/objects.ts';
import { serverGroupSpec } from '../../../src/api/server-group.ts';
import { packageSpec } from '../../../src/api/package.ts';
import { inBoth, within, type Procedure } from '../major.ts';
import { runNamed, setting, whenAsked, whenStep, type Ended, type Setting, type Story } from '../story.ts';
import { shownVersions } from '../checks.ts';
import { imageOf } from '../../builders/objects.ts';

function allOldAndWhole({ world }: Ended): void {
  assert.deepEqual([...new Set(shownVersions(world))], ['1.1.0']);
  for (const claim of ['data-web-1-0', 'data-web-2-0']) {
    assert.deepEqual([volumeOf(world, claim)?.content, lostWrites(world, claim)], [`data of ${claim}`, []]);
  }
}

/** Fails once the new version serves alone in both groups. */
const turnsBad: ProbeScript = ({ probe, scope, groups, isOld }) =>
  probe === 'login' && scope === 'Pool' && groups.length === 2 && !isOld
    ? { answer: 'fail', message: 'status 500, want 200' }
    : undefined;

const quick = { signOff: 'NotRequired' } as const;
const asked = { signOff: 'Required' } as const;

export const dataStories: readonly Story[] = [
  ...inBoth(
    ({ setting }) => ({
      ids: 'S-21',
      name: 'S-21-one-failure',
      title: 'one failure in five tries is tolerated',
      tell: () => ({
        ...setting({
          suite: { attempts: { interval: '10s', success: 2, failure: 3, errors: 5, deadline: '5m' } },
        }),
        script: ({ probe, attempt }) =>
          probe === 'login' && attempt % 5 === 2 ? { answer: 'fail', message: 'status 502, want 200' } : undefined,
      }),
      ends: ['Completed'],
    }),
    within('g1-isolated', 'g1-join'),
  ),
  ...inBoth(
    ({ setting }) => ({
      ids: 'S-22 S-23',
      name: 'S-23-no-answer',
      title:
        'a probe without an answer is neither passed nor failed: it has its own budget, then the release goes back',
      tell: () => ({ ...setting({ set: asked }), fail: ['probe:login@group-1:silent'] }),
      ends: ['RolledBack', 'RolledBack'],
      check: (ended) => {
        allOldAndWhole(ended);
        assert.equal(runNamed(ended, 'portal-1').status?.failure?.reason, 'ProbeUnanswered');
      },
    }),
    within('g1-isolated'),
  ),
  ...inBoth(
    ({ setting }) => ({
      ids: 'S-23',
      name: 'S-23-silence-ends',
      title: 'a source of answers that is away for a while delays the gate and does not fail it',
      tell: () => ({
        ...setting(),
        script: ({ probe, attempt, isOld }) =>
          probe === 'login' && !isOld && attempt < 5 ? { answer: 'none', message: 'connection refused' } : undefined,
      }),
      ends: ['Completed'],
    }),
    within('g1-isolated', 'g1-alone'),
  ),
  ...inBoth(({ isMajor, setting }) => ({
    ids: 'S-25',
    name: 'S-25-baseline',
    title: 'the tests fail on the old version before anything is touched: nothing is touched',
    tell: () => ({ ...setting({ set: asked }), fail: ['probe:login@group-1:old'] }),
    ends: ['Failed'],
    check: ({ world }) =>
      assert.deepEqual(
        [...new Set(world.calls.map((call) => call.kind))],
        [
          'LockGroups',
          'LockWorkloads',
          ...(isMajor ? ['RunDatabaseJob'] : []),
          'RunProbes',
          'UnlockWorkloads',
          'UnlockGroups',
        ],
      ),
  })),
  ...inBoth(
    ({ setting }) => ({
      ids: 'S-25 001-74',
      name: 'wrong-version',
      title: 'a release that shows another version than it should never meets a user',
      tell: () => setting({ set: asked, release: { showsVersion: '1.1.9' } }),
      ends: ['RolledBack', 'RolledBack'],
      check: allOldAndWhole,
    }),
    within('g1-isolated'),
  ),
  {
    ids: 'A-14',
    name: 'A-14-second-group',
    title: 'the release fails in isolation in the second group: both go back, the data written meanwhile stays',
    tell: () => ({
      ...setting({ set: { rollback: { policy: 'Automatic', onServed: 'KeepData' } } }),
      fail: ['probe:login@group-2'],
    }),
    ends: ['RolledBack', 'RolledBack'],
    check: allOldAndWhole,
  },
  {
    ids: 'A-14 001-105',
    name: 'A-14-through-the-pool',
    title: 'the tests through the pool fail: the drained group serves again before anything else happens',
    tell: () => ({
      ...setting({ set: { rollback: { policy: 'Automatic', onServed: 'KeepData' } } }),
      fail: ['probe:login@group-1:pool'],
    }),
    ends: ['RolledBack', 'RolledBack'],
    check: (ended) => {
      allOldAndWhole(ended);
      const kinds = ended.world.calls.filter((call) => call.changed).map((call) => `${call.kind} ${call.target}`);
      const failedAt = kinds.findLastIndex(
        (kind) => kind === 'DrainMember web/web-2' || kind === 'HoldMember web/web-2',
      );
      assert.equal(
        kinds.slice(failedAt + 1).find((kind) => !kind.startsWith('RunProbes')),
        'ServeMember web/web-2',
      );
    },
  },
  {
    ids: 'S-26 S-32',
    name: 'S-26-snapshot-never-ready',
    title: 'the snapshot never becomes ready: the group is not upgraded and serves again',
    tell: () => ({ ...setting(), fail: ['snapshot@group-1'] }),
    ends: ['RolledBack', 'RolledBack'],
    check: (ended) => {
      allOldAndWhole(ended);
      assert.ok(!ended.world.calls.some((call) => call.kind === 'ApplyImages'));
    },
  },
  ...inBoth(
    ({ setting }) => ({
      ids: 'S-32',
      name: 'S-32-class-gone',
      title: 'the snapshot class is gone: the group is not upgraded and serves again',
      tell: () => {
        const told = setting({ set: asked });
        told.world.snapshotClasses.clear();
        return told;
      },
      ends: ['RolledBack', 'RolledBack'],
      check: allOldAndWhole,
    }),
    within('g1-snapshot'),
  ),
  ...inBoth(
    ({ setting }) => ({
      ids: 'S-27',
      name: 'S-27-snapshot-deleted',
      title:
        'the snapshot is deleted under us: found before it is used, the previous release goes back on the data there is',
      tell: () => ({
        ...setting({ set: asked }),
        fail: ['probe:login@group-1'],
        events: [
          whenStep('g1-isolated', 'Running', 'somebody deletes the snapshot', ({ world }) =>
            loseSnapshot(world, 'portal-1-data-web-1-0'),
          ),
        ],
      }),
      ends: ['RolledBack', 'RolledBack', 'RolledBack'],
      check: allOldAndWhole,
    }),
    within('g1-isolated'),
  ),
  ...inBoth(
    ({ setting }) => ({
      ids: 'S-28',
      name: 'S-28-damage-undone',
      title: 'a release that damages its data is undone byte for byte, and the old volume is kept',
      tell: () => setting({ set: asked, release: { damagesData: true } }),
      ends: ['RolledBack', 'RolledBack'],
      check: (ended) => {
        allOldAndWhole(ended);
        assert.equal(
          [...ended.world.volumes.values()].filter((volume) => volume.content.startsWith('damaged')).length,
          1,
        );
      },
    }),
    within('g1-start'),
  ),
  {
    ids: 'S-29',
    name: 'writes-at-stake-ask',
    title: 'a release turns bad after it has served: nothing is lost silently, a person is asked and keeps the data',
    tell: () => ({
      ...setting(),
      script: turnsBad,
      events: [whenAsked('ana keeps the data', { choice: 'Rollback', method: 'Snapshots', data: 'Keep' })],
    }),
    ends: ['RolledBack', 'RolledBack'],
    check: allOldAndWhole,
  },
  {
    ids: 'S-29',
    name: 'writes-at-stake-discard',
    title: 'a release turns bad after it has served: the user decided beforehand that writes may go',
    tell: () => {
      const told = setting({ set: { rollback: { policy: 'Automatic', onServed: 'DiscardWrites' } } });
      told.world.promises.mayLose = true;
      return { ...told, script: turnsBad };
    },
    ends: ['RolledBack', 'RolledBack'],
    check: ({ world }) => {
      assert.deepEqual([...new Set(shownVersions(world))], ['1.1.0']);
      assert.ok(lostWrites(world, 'data-web-1-0').length > 0);
    },
  },
  ...inBoth(
    ({ setting }) => ({
      ids: 'S-30',
      name: 'S-30-restore-fails',
      title: 'the restore fails half-way: the old volume is put back and the next method is tried',
      tell: () => ({
        ...setting({ set: { ...asked, timeouts: { RestoreSnapshot: '2m' } } }),
        fail: ['probe:login@group-1', 'restore@group-1'],
      }),
      ends: ['RolledBack', 'RolledBack', 'RolledBack'],
      check: allOldAndWhole,
    }),
    within('g1-isolated'),
  ),
  ...inBoth(
    ({ setting }) => ({
      ids: 'S-30',
      name: 'S-30-rollback-fails',
      title: 'the old version does not pass either: it holds and asks, and the end hands the group over by name',
      tell: () => ({
        ...setting({ set: asked }),
        fail: ['probe:login@group-1:any:isolated'],
        events: [whenAsked('ana takes over', { choice: 'Abort' })],
      }),
      ends: ['Failed', 'Failed'],
      check: ({ result }) =>
        assert.deepEqual(
          runNamed({ result }, 'portal-1-back').status?.handedOver?.map((handover) => handover.object),
          ['pool/web/web-1'],
        ),
    }),
    within('g1-isolated'),
  ),
  ...inBoth(
    ({ isMajor, setting }) => ({
      ids: 'S-38',
      name: 'S-38-api-away',
      title:
        'the API server is away for thirty minutes in the middle of a step, writes meet conflicts, calls are refused and answers lost',
      tell: () => ({
        ...setting(),
        driverFaults: [
          { kind: 'ScaleWorkload', target: 'web-1', mode: 'lost', times: 2 },
          { kind: 'CreateSnapshot', target: '', mode: 'refused', times: 2 },
          { kind: 'ServeMember', target: '', mode: 'lost', times: 1 },
          { kind: 'observe', target: 'web', mode: 'refused', times: 3 },
        ],
        events: [
          whenStep(
            isMajor ? 'migrate' : 'g1-stop',
            'Running',
            'the API server goes away, and two writes will meet conflicts',
            ({ world, store }) => {
              world.faults.apiDown = true;
              store.conflicts = 2;
            },
          ),
          {
            what: 'it is back',
            atMs: 1_840_000,
            act: ({ world }) => {
              world.faults.apiDown = false;
            },
          },
        ],
      }),
      ends: ['Completed'],
    }),
    within('migrate', 'g1-isolated'),
  ),
  {
    ids: 'S-42 001-101',
    name: 'S-42-document-disappears',
    title: 'a document that the release changes disappears in mid-run: the run stops and goes back',
    tell: () => ({
      ...withSettings(),
      events: [
        whenStep('g1-snapshot', 'Running', 'somebody deletes the ConfigMap of web-1', ({ world }) => {
          world.documents.delete('ConfigMap/options');
        }),
      ],
    }),
    ends: ['RolledBack', 'RolledBack'],
    check: allOldAndWhole,
  },
  {
    ids: '001-101',
    name: '001-101-settings-go-back',
    title: 'settings of the release are put back as they were, those that were not there are taken out',
    tell: () => ({ ...withSettings(), fail: ['probe:login@group-1'] }),
    ends: ['RolledBack', 'RolledBack'],
    check: (ended) => {
      allOldAndWhole(ended);
      assert.deepEqual(
        [...(ended.world.documents.get('ConfigMap/options') ?? [])],
        [['app.conf/general/cache', 'off']],
      );
    },
  },
  ...inBoth(
    ({ setting, to }) => ({
      ids: 'S-43',
      name: 'S-43-two-sets',
      title: 'one set is stuck: another goes through all the same',
      tell: () => twoSets(setting, to),
      ends: ['Completed', 'RolledBack', 'RolledBack'],
      endsVary: 'either set may begin first',
      check: ({ result }) => {
        const finished = (name: string): string => runNamed({ result }, name).status?.finished ?? '';
        assert.ok(finished('shop-1') < finished('portal-1'));
      },
    }),
    within('g1-start'),
  ),
  ...inBoth(
    ({ setting, to }) => ({
      ids: '001-101',
      name: 'foreign-change',
      title: 'somebody changes the template in mid-run: named and not fought over; after they take it back it goes on',
      tell: () => ({
        ...setting(),
        events: [
          whenStep('g1-isolated', 'Running', 'somebody applies another template', ({ world }) =>
            retouch(world, 'debug'),
          ),
          { what: 'they take it back', atMs: 300_000, act: ({ world }) => retouch(world, '') },
        ],
      }),
      ends: ['Completed'],
      check: ({ result, world }) => {
        const named = result.timeline.entries.find((entry) => entry.what.startsWith('waits for Foreign'));
        assert.match(named?.because ?? '', /kubectl-edit changed the template of StatefulSet\/web-1/);
        assert.deepEqual([...new Set(shownVersions(world))], [to]);
      },
    }),
    within('g1-isolated', 'g1-alone'),
  ),
];

/** Writes something of its own into the template of web-1. */
function retouch(world: World, rest: string): void {
  const workload = must(world.workloads.get('StatefulSet/web-1'), 'web-1');
  setTemplate(world, workload, { ...workload.template, rest }, 'kubectl-edit');
}

function withSettings(): Setting {
  const { objects } = setting();
  objects.packages[1] = build('Package', 'portal-1.2.0', packageSpec, {
    product: 'portal',
    version: '1.2.0',
    upgradeType: 'Minor',
    images: { portal: imageOf('1.2.0') },
    settings: [{ config: 'options', set: { 'general/cache': 'on' }, add: { 'general/limit': '5' } }],
  });
  const configs = (name: string) => [
    { name: 'options', object: { kind: 'ConfigMap' as const, name }, key: 'app.conf', format: 'Ini' as const },
  ];
  objects.groups = [
    serverGroup(1, { configs: configs('options') }),
    serverGroup(2, { configs: configs('options-of-2') }),
  ];
  const world = createScene(objects, { from: '1.1.0' });
  world.documents.set('ConfigMap/options', new Map([['app.conf/general/cache', 'off']]));
  return { objects, world };
}

function twoSets(settingOf: Procedure['setting'], to: Procedure['to']): Setting & { fail: string[] } {
  const { objects } = settingOf();
  const shopServer = (number: number) =>
    build('ServerGroup', `shop-${number}`, serverGroupSpec, {
      servers: [
        {
          name: `shop-${number}`,
          workload: { kind: 'Deployment', name: `shop-${number}` },
          pools: [{ name: 'shop', member: `shop-${number}` }],
        },
      ],
      probes: 'web-functions',
    });
  objects.groups.push(shopServer(1), shopServer(2));
  objects.pools.push(pool('shop', { service: { name: 'shop' } }));
  objects.sets = [
    upgradeSet({ ...quick, serverGroups: ['shop-1', 'shop-2'] }, 'shop'),
    upgradeSet({ package: `portal-${to}`, rollback: { policy: 'Automatic' } }),
  ];
  return { objects, world: createScene(objects, { from: '1.1.0' }), fail: ['start@group-1'] };
}
