/** The last resort: a server is made anew after no way back was left (001-134 … 001-141, requirements 7.6). */
import assert from 'node:assert/strict';
import type { ServerGroupSpec } from '../../../src/api/server-group.ts';
import type { Choice } from '../../../src/api/upgrade-run.ts';
import { parseInstant } from '../../../src/shared/instant.ts';
import type { ProbeScript } from '../../../src/simulation/probing.ts';
import type { Simulation, StoryEvent } from '../../../src/simulation/simulation.ts';
import { lostWrites, volumeOf } from '../../../src/simulation/storage.ts';
import { must, type World } from '../../../src/simulation/world.ts';
import { createScene } from '../../../src/simulation/scene.ts';
import { serverGroup } from '../../builders/objects.ts';
import { shownVersions } from '../checks.ts';
import { majorSetting } from '../major.ts';
import { decide, runNamed, setting, whenAsked, type Ended, type Setting, type Story } from '../story.ts';

type Told = ReturnType<Story['tell']>;
type Word = Parameters<typeof decide>[1];

const quickRestore = { timeouts: { RestoreSnapshot: '2m' } };

function groupOf(server: string): string {
  return `group-${server.charAt('web-'.length)}`;
}

function rebuildOf(server: string): Word {
  return { choice: 'Rebuild', group: groupOf(server), server, reason: 'its disk is broken' };
}

/** A while after a rebuild has ended and the run asks about the others. */
function whenAskedOn(what: string, run: string, word: Word): StoryEvent {
  const asked = ({ store }: Simulation): string | undefined =>
    store.runs
      .find(({ metadata, status }) => metadata.name === run && status?.phase === 'AwaitingDecision')
      ?.status?.steps.find(({ id, state }) => id === 'others' && state === 'Running')?.started;
  return {
    what,
    when: (simulation) => {
      const since = asked(simulation);
      return since !== undefined && simulation.world.clock.now() - parseInstant(since) >= 30_000;
    },
    act: (simulation) => decide(simulation, word),
  };
}

/** No release passes its isolated tests on these servers until they were started by a rebuild. */
function sickUntilRebuilt(world: World, ...groups: readonly string[]): ProbeScript {
  const isRebuilt = (group: string): boolean =>
    world.calls.some(
      ({ kind, operation, target }) =>
        kind === 'ScaleWorkload' && operation.includes('/start/') && target.startsWith(group.replace('group', 'web')),
    );
  return ({ probe, scope, groups: asked }) =>
    probe === 'login' && scope === 'Isolated' && asked.some((group) => groups.includes(group) && !isRebuilt(group))
      ? { answer: 'fail', message: 'status 500, want 200' }
      : undefined;
}

/** The restore is unreadable, and what ran before does not pass either. */
function noWayBack(told: Setting): Told {
  return { ...told, fail: ['restore@group-1'], script: sickUntilRebuilt(told.world, 'group-1') };
}

/** No release works on the data that the new one has left behind. */
function damaged({ objects, world }: Setting): Told {
  world.promises.mayLose = true;
  const isDamaged = (): boolean => volumeOf(world, 'data-web-1-0')?.content.startsWith('damaged') === true;
  return {
    objects,
    world,
    fail: ['restore@group-1'],
    script: ({ probe, scope, groups }) =>
      probe === 'login' && scope === 'Isolated' && groups.includes('group-1') && isDamaged()
        ? { answer: 'fail', message: 'status 500, want 200' }
        : undefined,
  };
}

/** Group 1 has two servers behind the same pool. */
const twoServers: Pick<ServerGroupSpec, 'servers'> = {
  servers: ['web-1a', 'web-1b'].map((name) => ({
    name,
    workload: { kind: 'StatefulSet', name },
    pools: [{ name: 'web', member: name }],
  })),
};

const reboot = { restarts: 'Node' as const, job: { podTemplate: 'tools', args: ['reboot'], timeout: '5m' } };

function choicesOf(ended: Ended, kind: string): readonly Choice[] {
  const told = ended.result.runs.flatMap(({ status }) => status?.choices ?? []);
  return told.filter(({ choice }) => choice === kind);
}

function jobsIn(ended: Ended, run: string): string[] {
  const { uid } = runNamed(ended, run).metadata;
  return ended.world.calls
    .filter(({ kind, runUID }) => kind === 'RunDatabaseJob' && runUID === uid)
    .map(({ target }) => target);
}

function handedOver(ended: Ended, run: string): string[] {
  return (runNamed(ended, run).status?.handedOver ?? []).map(({ server = '', reason }) => `${server} ${reason}`);
}

export const rebuildStories: readonly Story[] = [
  {
    ids: '001-134 001-135 001-137 001-139 001-140 001-141',
    name: 'rebuild-after-failed-rollback',
    title: 'the restore fails and the previous release does not pass: the server is rebuilt once a person says so',
    tell: () => ({
      ...noWayBack(setting({ set: quickRestore })),
      events: [whenAsked('ana has web-1 rebuilt', rebuildOf('web-1'))],
    }),
    ends: ['Failed', 'Failed', 'Failed', 'Rebuilt'],
    check: (ended) => {
      assert.deepEqual([...new Set(shownVersions(ended.world))], ['1.1.0']);
      assert.deepEqual([lostWrites(ended.world, 'data-web-1-0'), handedOver(ended, 'portal-1')], [[], []]);
      const { spec } = runNamed(ended, 'portal-1-rebuild');
      assert.deepEqual([spec.rebuild, spec.previous], [{ group: 'group-1', server: 'web-1' }, 'portal-1-back-2']);
      assert.equal(spec.facts['authorisedBy'], 'ana@example.org');
    },
  },
  {
    ids: '001-134 001-135',
    name: 'rebuild-offered',
    title: 'a rebuild is offered for the broken server alone, with what it would lose, and nothing happens by itself',
    tell: () => ({
      ...noWayBack(setting({ set: quickRestore, group: { rebuild: { volumes: 'Replace' } } })),
      limitMs: 2 * 3_600_000,
    }),
    ends: ['RollingBack', 'RollingBack', 'AwaitingDecision'],
    check: (ended) => {
      const [offered, ...others] = choicesOf(ended, 'Rebuild');
      assert.deepEqual([offered?.group, offered?.server, others], ['group-1', 'web-1', []]);
      assert.equal(
        offered?.loss,
        'volumes of web-1 are replaced; the old ones are kept until 168h after the end of the rebuild',
      );
    },
  },
  {
    ids: '001-136 001-137',
    name: 'rebuild-replaces-volumes',
    title: 'no release works on the damaged data: its volume is made empty, and the old one is kept',
    tell: () => ({
      ...damaged(
        setting({
          set: quickRestore,
          release: { damagesData: true },
          group: { rebuild: { volumes: 'Replace' } },
        }),
      ),
      events: [whenAsked('ana has web-1 rebuilt', rebuildOf('web-1'))],
    }),
    ends: ['Failed', 'Failed', 'Failed', 'Rebuilt'],
    check: (ended) => {
      assert.equal(volumeOf(ended.world, 'data-web-1-0')?.content, 'empty');
      const { retained = [] } = runNamed(ended, 'portal-1-rebuild').status ?? {};
      const kept = retained.filter(({ kind }) => kind === 'PersistentVolume');
      assert.deepEqual(
        kept.map(({ name, until }) => [ended.world.volumes.get(name)?.content, until !== undefined]),
        [['damaged by 1.2.0', true]],
      );
    },
  },
  {
    ids: '001-138',
    name: 'rebuild-reboots-node',
    title: 'the node of the server is rebooted in between, and waited for until it is ready again',
    tell: () => ({
      ...noWayBack(setting({ set: quickRestore, group: { rebuild: { volumes: 'Keep', reboot } } })),
      events: [whenAsked('ana has web-1 rebuilt', rebuildOf('web-1'))],
    }),
    ends: ['Failed', 'Failed', 'Failed', 'Rebuilt'],
    check: ({ world }) => {
      assert.deepEqual([...world.reboots.boots], [['node-of-web-1', 2]]);
      const kinds = world.calls.filter(({ target }) => target === 'web-1').map(({ kind }) => kind);
      const next = kinds.slice(kinds.indexOf('RebootServer')).find((kind) => kind !== 'RebootServer');
      assert.equal(next, 'ScaleWorkload', 'nothing comes before it has booted');
    },
  },
  {
    ids: '001-138 7.6',
    name: 'rebuild-reboot-fails',
    title: 'the reboot fails: a person mends it and resumes, or ends it, and then the server is theirs by name',
    tell: () => {
      const told = noWayBack(setting({ set: quickRestore, group: { rebuild: { volumes: 'Keep', reboot } } }));
      told.world.reboots.fails = true;
      return {
        ...told,
        events: [
          whenAsked('ana has web-1 rebuilt', rebuildOf('web-1')),
          whenReason('ana tries again', 'RebootFailed', 1, { choice: 'Resume' }),
          whenReason('ana gives up', 'RebootFailed', 2, { choice: 'Abort' }),
        ],
      };
    },
    ends: ['Failed', 'Failed', 'Failed', 'Failed'],
    check: (ended) => assert.deepEqual(handedOver(ended, 'portal-1-rebuild'), ['web-1 RebuildFailed']),
  },
  {
    ids: '001-135 001-136',
    name: 'rebuild-two-servers',
    title: 'two servers of a group are broken: one word for each, one after the other, and the first serves meanwhile',
    tell: () => ({
      ...noWayBack(twoServersSetting()),
      events: [
        whenAsked('ana has web-1b rebuilt', rebuildOf('web-1b')),
        whenAskedOn('ana has web-1a rebuilt', 'portal-1-rebuild', rebuildOf('web-1a')),
      ],
    }),
    ends: ['Failed', 'Failed', 'Failed', 'Rebuilt', 'Rebuilt'],
    check: (ended) => {
      assert.deepEqual(ended.result.runs.map(({ metadata }) => metadata.name).slice(3), [
        'portal-1-rebuild',
        'portal-1-rebuild-2',
      ]);
      const touched = (run: string): string[] => {
        const { uid } = runNamed(ended, run).metadata;
        const calls = ended.world.calls.filter(({ kind, runUID }) => kind === 'ScaleWorkload' && runUID === uid);
        return [...new Set(calls.map(({ target }) => target))];
      };
      assert.deepEqual([touched('portal-1-rebuild'), touched('portal-1-rebuild-2')], [['web-1b'], ['web-1a']]);
    },
  },
  {
    ids: '001-135',
    name: 'rebuild-one-of-two',
    title: 'one of two broken servers is rebuilt, and the other is handed over by name',
    tell: () => ({
      ...noWayBack(twoServersSetting()),
      events: [
        whenAsked('ana has web-1a rebuilt', rebuildOf('web-1a')),
        whenAskedOn('ana takes web-1b over', 'portal-1-rebuild', { choice: 'Abort' }),
      ],
    }),
    ends: ['Failed', 'Failed', 'Failed', 'Rebuilt'],
    check: (ended) => assert.deepEqual(handedOver(ended, 'portal-1-rebuild'), ['web-1b NotRebuilt']),
  },
  {
    ids: '001-135',
    name: 'rebuild-wrong-server',
    title: 'a rebuild of a server that serves is not heard: it is not offered, and nothing of it is touched',
    tell: () => ({
      ...noWayBack(setting({ set: quickRestore })),
      events: [
        whenAsked('ana names web-2, which serves', rebuildOf('web-2')),
        {
          what: 'ana names web-1',
          atMs: 3_600_000,
          act: (simulation) => decide(simulation, rebuildOf('web-1')),
        },
      ],
    }),
    ends: ['Failed', 'Failed', 'Failed', 'Rebuilt'],
    check: ({ result, world }) => {
      assert.deepEqual(runNamed({ result }, 'portal-1-rebuild').spec.rebuild?.server, 'web-1');
      assert.ok(!world.calls.some(({ kind, target }) => kind === 'ScaleWorkload' && target === 'web-2'));
    },
  },
  {
    ids: '001-140 001-139',
    name: 'rebuild-on-the-new-schema',
    title: 'the database cannot be put back: every server is rebuilt with the release that knows the schema there is',
    tell: () => {
      const told = majorSetting();
      return {
        ...told,
        fail: ['database:restore'],
        script: sickUntilRebuilt(told.world, 'group-1'),
        events: [
          whenAsked('ana has web-1 rebuilt', rebuildOf('web-1')),
          whenAskedOn('ana has web-2 rebuilt', 'portal-1-rebuild', rebuildOf('web-2')),
        ],
      };
    },
    ends: ['Failed', 'Failed', 'Rebuilt', 'Rebuilt'],
    check: (ended) => {
      assert.deepEqual([...new Set(shownVersions(ended.world))], ['2.0.0']);
      assert.equal(must(ended.world.databases.get('portal-db'), 'database').schema, '42');
      for (const run of ['portal-1-rebuild', 'portal-1-rebuild-2'])
        assert.deepEqual([...new Set(jobsIn(ended, run))], ['schemaVersion'], '001-140: the database is only asked');
    },
  },
  {
    ids: '001-140 001-133',
    name: 'rebuild-schema-moved',
    title: 'somebody has put the schema back by hand meanwhile: nothing is installed that does not know it',
    tell: () => {
      const told = majorSetting();
      return {
        ...told,
        fail: ['database:restore'],
        script: sickUntilRebuilt(told.world, 'group-1'),
        events: [
          whenAsked('the schema is put back by hand, and ana has web-1 rebuilt', rebuildOf('web-1')),
          {
            what: 'the schema is put back by hand',
            when: ({ store }) => store.runs.at(-1)?.status?.failure?.reason === 'RestoreFailed',
            act: ({ world }) => {
              must(world.databases.get('portal-db'), 'database').schema = '41';
            },
          },
          whenReason('ana takes over', 'SchemaMismatch', 1, { choice: 'Abort' }),
        ],
      };
    },
    ends: ['Failed', 'Failed', 'Failed'],
    check: (ended) => {
      assert.deepEqual(handedOver(ended, 'portal-1-rebuild'), ['web-1 RebuildFailed', 'web-2 NotRebuilt']);
    },
  },
];

/** The world is made from the objects, so the group of two servers comes first. */
function twoServersSetting(): Setting {
  const { objects } = setting({ set: quickRestore });
  objects.groups[0] = serverGroup(1, twoServers);
  return { objects, world: createScene(objects, { from: '1.1.0' }) };
}

/** When a step has failed for this reason so many times, and a while to think. */
function whenReason(what: string, reason: string, attempt: number, word: Word): StoryEvent {
  return {
    what,
    when: ({ store, world }) =>
      store.runs
        .at(-1)
        ?.status?.steps.some(
          (entry) =>
            entry.state === 'Failed' &&
            entry.reason === reason &&
            entry.attempt === attempt &&
            world.clock.now() - parseInstant(entry.finished ?? '') >= 30_000,
        ) === true,
    act: (simulation) => decide(simulation, word),
  };
}
