/** What the vendor promises about every upgrade (requirements 2.1, 2.5), seen in the simulated world. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { UpgradeRun } from '../../src/api/upgrade-run.ts';
import type { ServerGroup } from '../../src/api/server-group.ts';
import { createScene } from '../../src/simulation/scene.ts';
import { parseDuration } from '../../src/shared/duration.ts';
import { parseInstant } from '../../src/shared/instant.ts';
import { planRun } from '../../src/simulation/set-controller.ts';
import { must } from '../../src/simulation/world.ts';
import { imageOf, packageOf, probeSuite, serverGroup } from '../builders/objects.ts';
import { shownVersions } from './checks.ts';
import { majorSetting } from './major.ts';
import {
  decide,
  editSet,
  play,
  runNamed,
  setting,
  signsOff,
  type Ended,
  type SceneDraft,
  type Setting,
} from './story.ts';

const signedOff = (told: Setting): Promise<Ended> => play({ tell: () => ({ ...told, events: [signsOff] }) });

const applied = ({ world }: Ended): string[] =>
  world.calls.filter((call) => call.kind === 'ApplyImages' && call.changed).map((call) => call.target);

function entryOf(run: UpgradeRun, id: string): { started: number; finished: number } {
  const entry = must(
    run.status?.steps.find((candidate) => candidate.id === id),
    id,
  );
  return { started: parseInstant(entry.started ?? ''), finished: parseInstant(entry.finished ?? '') };
}

function secondsOf(duration: string | undefined): number {
  return parseDuration(duration ?? '') / 1000;
}

describe('every upgrade', () => {
  it('001-22: begins when a package is asked for, and not before', async () => {
    const told = setting({ set: { package: 'portal-1.1.0' } });
    const asks = {
      what: 'the platform team asks for 1.2.0',
      atMs: 600_000,
      act: (simulation: Parameters<typeof editSet>[0]) => {
        assert.equal(simulation.store.runs.length, 0, 'nothing was asked for yet');
        editSet(simulation, { package: 'portal-1.2.0' });
      },
    };
    const ended = await play({ tell: () => ({ ...told, events: [asks, signsOff] }) });
    assert.equal(runNamed(ended, 'portal-1').status?.phase, 'Completed');
  });

  it('001-10: changes the groups in the order of the set, not of their names', async () => {
    const ended = await signedOff(setting({ groups: 3, set: { serverGroups: ['group-3', 'group-1', 'group-2'] } }));
    assert.deepEqual(applied(ended), ['web-3', 'web-1', 'web-2']);
  });

  it('001-64: leaves every server alone that is not of the group whose turn it is', async () => {
    const ended = await signedOff(setting({ groups: 3 }));
    const touched = ended.world.calls
      .filter((call) => call.changed && ['ScaleWorkload', 'ApplyImages', 'DrainMember'].includes(call.kind))
      .map((call) => call.target.replace('web/', ''));
    const turns = touched.filter((target, index) => target !== touched[index - 1]);
    assert.deepEqual(turns, ['web-1', 'web-2', 'web-3']);
  });

  it('001-09: says before it begins whether users will notice', () => {
    const interruption = (told: Setting): string | undefined =>
      planRun(told, must(told.objects.sets[0], 'set')).facts['interruption'];
    assert.equal(interruption(setting()), 'None');
    assert.match(interruption(majorSetting()) ?? '', /^Unavailable while the schema is changed/);
  });

  it('001-17: has no downtime only with a balanced pool that checks health: both are asked for', () => {
    const balanced = (draft: SceneDraft, healthChecked: boolean): string | undefined => {
      const told = setting(draft);
      for (const { spec } of told.objects.pools) spec.healthChecked = healthChecked;
      return planRun(told, must(told.objects.sets[0], 'set')).facts['loadBalanced'];
    };
    assert.deepEqual([balanced({}, true), balanced({}, false), balanced({ groups: 1 }, true)], ['Yes', 'No', 'No']);
  });

  it('001-59: keeps its snapshots until the sign-off, whatever time passes, and not a minute longer', async () => {
    const waiting = await play({ tell: () => ({ ...setting(), limitMs: 48 * 3_600_000 }) });
    assert.deepEqual([...waiting.world.snapshots.keys()].toSorted(), [
      'portal-1-data-web-1-0',
      'portal-1-data-web-2-0',
    ]);
    const ended = await signedOff(setting());
    assert.deepEqual([...ended.world.snapshots.keys()], []);
  });

  it('A-11: is at risk from the first drain to the sign-off; ten minutes a server are its estimate', async () => {
    const ended = await signedOff(setting({ groups: 3 }));
    const run = runNamed(ended, 'portal-1');
    const { atRisk } = must(run.status?.clocks, 'clocks');
    const passed = entryOf(run, 'sign-off').finished - entryOf(run, 'g1-drain').started;
    assert.deepEqual([atRisk.planned, secondsOf(atRisk.actual)], ['30m', Math.trunc(passed / 1000)]);
  });

  it('001-66: offers after a failure to mend the cause or to go back', async () => {
    const told = setting({ set: { rollback: { policy: 'RequireApproval' } } });
    const ended = await play({ tell: () => ({ ...told, fail: ['probe:login@group-1'], limitMs: 3_600_000 }) });
    const choices = runNamed(ended, 'portal-1').status?.choices?.map(({ choice }) => choice) ?? [];
    assert.ok(choices.includes('Resume') && choices.includes('Rollback'), choices.join());
  });
});

/** One of each kind. */
function pair(number: number): ServerGroup {
  const one = (role: string) => {
    const name = `${role}-${number}`;
    return { name, role, workload: { kind: 'StatefulSet' as const, name }, pools: [{ name: 'web', member: name }] };
  };
  return serverGroup(number, { servers: [one('admin'), one('stream')] });
}

function pairs(): Setting {
  const { objects } = setting();
  objects.groups = [pair(1), pair(2)];
  return { objects, world: createScene(objects, { from: '1.1.0' }) };
}

describe('a group of servers', () => {
  it('001-11: is one of each role, and every role has its own image', () => {
    const told = pairs();
    const images = { 'admin/portal': imageOf('1.2.0'), 'stream/portal': imageOf('1.2.1') };
    told.objects.packages[1] = packageOf('1.2.0', { images });
    const { facts, groups } = planRun(told, must(told.objects.sets[0], 'set'));
    assert.equal(facts['topology'], undefined);
    assert.deepEqual(
      groups.map(({ servers }) => servers.map((server) => [server.name, server.images])),
      [1, 2].map((number) => [
        [`admin-${number}`, { portal: imageOf('1.2.0') }],
        [`stream-${number}`, { portal: imageOf('1.2.1') }],
      ]),
    );
  });

  it('001-33: counts by its servers: two groups of two are forty minutes at risk, two groups of one twenty', async () => {
    const planned = async (told: Setting): Promise<string | undefined> =>
      runNamed(await signedOff(told), 'portal-1').status?.clocks?.atRisk.planned;
    assert.deepEqual([await planned(pairs()), await planned(setting())], ['40m', '20m']);
  });

  it('001-62: has a copy of the data of each server before anything of that server is changed, whatever the type', async () => {
    for (const told of [setting(), majorSetting({ signOff: 'Required' })]) {
      const { calls } = (await signedOff(told)).world;
      for (const server of ['web-1', 'web-2']) {
        const first = (kind: string, target: string): number =>
          calls.findIndex((call) => call.kind === kind && call.target.includes(target));
        const [copied, saved, changed] = [
          first('CreateSnapshot', `data-${server}-0`),
          first('SaveRevision', server),
          first('ApplyImages', server),
        ];
        assert.ok(copied >= 0 && saved >= 0, `${server} is not copied`);
        assert.ok(copied < changed && saved < changed, `${server} is changed before it is copied`);
      }
    }
  });
});

describe('before the start', () => {
  const unreachable = {
    state: 'failed',
    message: 'no answer from the node of web-2',
    remedy: 'agree on a way in',
  } as const;

  it('nothing is begun when the agreed window is over, and it begins by itself once the next one is named', async () => {
    const told = setting({ set: { schedule: { until: '2026-12-05T19:59:00Z' } } });
    const agrees = {
      what: 'the next window is agreed',
      atMs: 600_000,
      act: (simulation: Ended['simulation']) => {
        assert.deepEqual([simulation.store.runs.length, simulation.world.calls.length], [0, 0]);
        editSet(simulation, { schedule: { until: '2026-12-06T04:00:00Z' } });
      },
    };
    const ended = await play({ tell: () => ({ ...told, events: [agrees, signsOff] }) });
    assert.equal(runNamed(ended, 'portal-1').status?.phase, 'Completed');
  });

  it('001-46 001-47 001-69: a server nobody can get at holds the run, which begins by itself once there is a way in', async () => {
    const told = setting({ set: { preflight: { require: ['RemoteAccess'] } } });
    told.world.faults.checks.set('Access StatefulSet/web-2', unreachable);
    const seen: unknown[] = [];
    const arranged = {
      what: 'remote access is arranged',
      atMs: 3_600_000,
      act: ({ world, store }: Ended['simulation']) => {
        const { status } = must(store.runs[0], 'run');
        const check = status?.preflight?.find((one) => one.check === 'RemoteAccess');
        seen.push(status?.phase, check?.verdict, check?.evidence, check?.remedy);
        seen.push(world.calls.filter(({ kind }) => kind.startsWith('Lock') || kind === 'DrainMember').length);
        world.faults.checks.clear();
      },
    };
    const ended = await play({ tell: () => ({ ...told, events: [arranged, signsOff] }) });
    assert.deepEqual(seen, ['Preflight', 'Fail', 'no answer from the node of web-2', 'agree on a way in', 0]);
    assert.equal(runNamed(ended, 'portal-1').status?.phase, 'Completed');
  });

  it('001-55 001-56: a probe of a suite of checks holds the run, and says what users would meet otherwise', async () => {
    const remedy = 'put office.stp back: its application would not launch for users';
    const told = setting({ set: { preflight: { checks: ['repository'] } } });
    told.objects.suites.push(
      probeSuite('repository', {
        probes: [{ name: 'misplaced', http: { url: 'https://repository.example/misplaced' }, remedy }],
        attempts: { interval: '10s', failure: 1 },
      }),
    );
    const ended = await play({
      tell: () => ({
        ...told,
        script: ({ probe }) =>
          probe === 'misplaced' ? { answer: 'fail', message: 'office.stp was moved' } : undefined,
        limitMs: 3_600_000,
      }),
    });
    const { status } = runNamed(ended, 'portal-1');
    const check = status?.preflight?.find((one) => one.check === 'repository/misplaced');
    assert.deepEqual([status?.phase, check?.verdict, check?.remedy], ['Preflight', 'Fail', remedy]);
    assert.equal(
      status?.blockers?.[0]?.message,
      `repository/misplaced: office.stp was moved (1 in a row); ${remedy}; or create a Decision Waive for run portal-1 with check repository/misplaced`,
    );
    assert.deepEqual(applied(ended), []);
  });

  it('001-61: a backup that the customer has taken is attested by name, and the run goes on', async () => {
    const { objects } = setting({ group: { snapshot: undefined }, set: { preflight: { require: ['Backups'] } } });
    const world = createScene(objects, { from: '1.1.0' });
    world.faults.checks.set('Volumes', { state: 'failed', message: 'no snapshot class', remedy: 'add one' });
    const attests = {
      what: 'ana attests the backups',
      atMs: 1_800_000,
      act: (simulation: Ended['simulation']) =>
        decide(simulation, {
          choice: 'Attest',
          check: 'Backups',
          reason: 'taken at noon by the storage team',
        }),
    };
    const run = runNamed(await play({ tell: () => ({ objects, world, events: [attests, signsOff] }) }), 'portal-1');
    assert.equal(run.status?.phase, 'Completed');
    assert.match(
      run.status?.preflight?.find(({ check }) => check === 'Backups')?.waivedBy ?? '',
      /^attested by ana.*taken at noon by the storage team$/,
    );
  });
});

describe('trouble', () => {
  it('001-122: the run waits at the failed step while the cause is mended, and touches nothing meanwhile', async () => {
    let mended = false;
    const mends = {
      what: 'the cause is mended',
      atMs: 3 * 3_600_000,
      act: ({ world, store }: Ended['simulation']) => {
        const { status } = must(store.runs[0], 'run');
        const failedAt = parseInstant(status?.steps.find(({ state }) => state === 'Failed')?.finished ?? '');
        assert.equal(status?.phase, 'AwaitingDecision');
        assert.ok(world.calls.some(({ kind, at }) => kind === 'ApplyImages' && at <= failedAt));
        const since = world.calls.filter(({ kind, at, changed }) => changed && at > failedAt && kind !== 'RunProbes');
        assert.deepEqual(since, []);
        mended = true;
      },
    };
    const told = setting({ set: { rollback: { policy: 'RequireApproval' } } });
    const ended = await play({
      tell: () => ({
        ...told,
        script: ({ probe, isOld }) =>
          !mended && probe === 'login' && !isOld ? { answer: 'fail', message: 'no' } : undefined,
        events: [
          mends,
          { what: 'ana resumes', when: () => mended, act: (simulation) => decide(simulation, { choice: 'Resume' }) },
          signsOff,
        ],
        limitMs: 8 * 3_600_000,
      }),
    });
    assert.equal(runNamed(ended, 'portal-1').status?.phase, 'Completed');
  });

  it('001-132: where a snapshot cannot be restored the release before is installed again, on the data there is', async () => {
    const ended = await play({
      tell: () => ({
        ...setting({ set: { timeouts: { RestoreSnapshot: '2m' } } }),
        fail: ['probe:login@group-1', 'restore@group-1'],
      }),
    });
    assert.deepEqual(
      ended.result.runs.map(({ spec, status }) => [spec.purpose, spec.facts['method'], status?.phase]),
      [
        ['Upgrade', undefined, 'RolledBack'],
        ['Rollback', 'Snapshots', 'RolledBack'],
        ['Rollback', 'PreviousTemplate', 'RolledBack'],
      ],
    );
    assert.deepEqual([...new Set(shownVersions(ended.world))], ['1.1.0']);
  });
});

describe('a major upgrade', () => {
  it('001-14: brings files and components with it, and the images, to every server', async () => {
    const { objects } = majorSetting({ signOff: 'Required' });
    const { spec } = must(objects.packages.at(-1), 'package');
    const settings = [{ config: 'options', set: { 'general/cache': 'on' } }];
    objects.packages[objects.packages.length - 1] = packageOf('2.0.0', {
      ...spec,
      settings,
      components: { jdk: '21.0.5' },
    });
    objects.groups = [1, 2].map((number) => {
      const object = { kind: 'ConfigMap' as const, name: '${SERVER}-options' };
      const configs = [{ name: 'options', object, key: 'app.conf', format: 'Ini' as const }];
      return serverGroup(number, { database: 'portal-db', configs });
    });
    const world = createScene(objects, { from: '1.1.0' });
    await signedOff({ objects, world });
    assert.deepEqual([...new Set(shownVersions(world))], ['2.0.0']);
    for (const server of ['web-1', 'web-2'])
      assert.equal(world.documents.get(`ConfigMap/${server}-options`)?.get('app.conf/general/cache'), 'on', server);
  });

  it('001-13 A-18: is down from the first group that stops for the schema until the first is proven on the new one', async () => {
    const run = runNamed(await play({ tell: () => majorSetting() }), 'portal-1');
    const { downtime } = must(run.status?.clocks, 'clocks');
    const marked = (marker: string): string =>
      must(
        run.spec.steps.find((step) => step.marker === marker),
        marker,
      ).id;
    const passed =
      entryOf(run, marked('LimitedServiceRestored')).finished - entryOf(run, marked('DowntimeBegins')).started;
    assert.equal(secondsOf(downtime.actual), Math.trunc(passed / 1000));
    assert.ok(entryOf(run, 'migrate').started >= entryOf(run, marked('DowntimeBegins')).started);
  });

  it('001-15 001-65: is at risk for longer than it is down, because the other groups follow one after the other', async () => {
    const run = runNamed(await play({ tell: () => majorSetting({ groups: 3, signOff: 'Required' }) }), 'portal-1');
    const { atRisk, downtime } = must(run.status?.clocks, 'clocks');
    assert.ok(secondsOf(atRisk.actual) > secondsOf(downtime.actual), `${atRisk.actual} and ${downtime.actual}`);
    const limited = must(
      run.spec.steps.find((step) => step.marker === 'LimitedServiceRestored'),
      'marker',
    );
    for (const id of ['g2-upgrade', 'g3-upgrade'])
      assert.ok(entryOf(run, id).started >= entryOf(run, limited.id).finished, `${id} is not in the downtime`);
  });
});
