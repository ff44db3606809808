/** The setting of the major procedure: groups above one database, 1.1.0 on schema 41, 2.0.0 on schema 42. */
import { database, imageOf, packageOf, pool, probeSuite, serverGroup, upgradeSet } from '../builders/objects.ts';
import { createScene, type SceneObjects } from '../../src/simulation/scene.ts';
import { must, type Release } from '../../src/simulation/world.ts';
import type { Setting } from './story.ts';

export interface MajorDraft {
  readonly groups?: number;
  readonly onServed?: 'Ask' | 'KeepData' | 'DiscardWrites';
  readonly policy?: 'Automatic' | 'RequireApproval';
  readonly signOff?: 'Required' | 'NotRequired';
  /** What is wrong with the new release. */
  readonly release?: Partial<Release>;
}

/** The same groups and database, and a minor release: the command of row 5 must change nothing. */
export function minorSetting(draft: MajorDraft = {}): Setting {
  return settingTo('1.2.0', draft);
}

export function majorSetting(draft: MajorDraft = {}): Setting {
  return settingTo('2.0.0', draft);
}

function settingTo(version: '1.2.0' | '2.0.0', draft: MajorDraft): Setting {
  const names = Array.from({ length: draft.groups ?? 2 }, (_, index) => `group-${index + 1}`);
  const objects: SceneObjects = {
    packages: [
      packageOf('1.1.0', { upgradeType: 'Minor', schema: { version: '41', change: 'None' } }),
      packageOf('1.2.0', { upgradeType: 'Minor', schema: { version: '41', change: 'None' } }),
      packageOf('2.0.0', {
        upgradeType: 'Major',
        upgradesFrom: '>=1.0 <2.0',
        schema: { version: '42', change: 'Migrate' },
      }),
    ],
    pools: [pool('web', { haproxy: { endpoints: ['tcp://haproxy-0:9999'], backend: 'web' } })],
    suites: [probeSuite('web-functions')],
    databases: [database('portal-db')],
    groups: names.map((_, index) => serverGroup(index + 1, { database: 'portal-db' })),
    sets: [
      upgradeSet({
        package: `portal-${version}`,
        serverGroups: names,
        signOff: draft.signOff ?? 'NotRequired',
        rollback: { policy: draft.policy ?? 'Automatic', onServed: draft.onServed ?? 'Ask' },
      }),
    ],
  };
  const world = createScene(objects, { from: '1.1.0' });
  const image = imageOf(version);
  world.releases.set(image, { ...must(world.releases.get(image), `release ${version}`), ...draft.release });
  return { objects, world };
}
