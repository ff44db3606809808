/** The setting of the major procedure: groups above one database, 1.1.0 on schema 41, 2.0.0 on schema 42. */
import { database, packageOf } from '../builders/objects.ts';
import { setting, type SceneDraft, type Setting, type Story, type StoryPart } from './story.ts';

export interface MajorDraft extends SceneDraft {
  readonly onServed?: 'Ask' | 'KeepData' | 'DiscardWrites';
  readonly policy?: 'Automatic' | 'RequireApproval';
  readonly signOff?: 'Required' | 'NotRequired';
}

/** The same groups and database, and a minor release: the command of row 5 must change nothing. */
export function minorSetting(draft: MajorDraft = {}): Setting {
  return settingTo('1.2.0', draft);
}

export function majorSetting(draft: MajorDraft = {}): Setting {
  return settingTo('2.0.0', draft);
}

function settingTo(version: '1.2.0' | '2.0.0', { onServed, policy, signOff, ...draft }: MajorDraft): Setting {
  return setting({
    releases: [
      packageOf('1.1.0', { upgradeType: 'Minor', schema: { version: '41', change: 'None' } }),
      packageOf('1.2.0', { upgradeType: 'Minor', schema: { version: '41', change: 'None' } }),
      packageOf('2.0.0', {
        upgradeType: 'Major',
        upgradesFrom: '>=1.0 <2.0',
        schema: { version: '42', change: 'Migrate' },
      }),
    ],
    databases: [database('portal-db')],
    ...draft,
    group: { database: 'portal-db', ...draft.group },
    set: {
      package: `portal-${version}`,
      signOff: signOff ?? 'NotRequired',
      rollback: { policy: policy ?? 'Automatic', onServed: onServed ?? 'Ask' },
      ...draft.set,
    },
  });
}

/** What a story has to know of the procedure that it is told with. */
export interface Procedure {
  readonly isMajor: boolean;
  readonly to: '1.2.0' | '2.0.0';
  /** Groups from 1.1.0 to that version; nobody has to sign off. */
  readonly setting: (draft?: SceneDraft) => Setting;
}

const rolling: Procedure = {
  isMajor: false,
  to: '1.2.0',
  setting: (draft = {}) => setting({ ...draft, set: { signOff: 'NotRequired', ...draft.set } }),
};
const downtime: Procedure = { isMajor: true, to: '2.0.0', setting: majorSetting };

/**
 * One story of each procedure; that of the major one has `major-` before its name.
 * @param part of the major one, in which a sweep kills the controller; default: all of it
 */
export function inBoth(storyOf: (procedure: Procedure) => Story, part?: StoryPart): Story[] {
  const again = storyOf(downtime);
  const title = `major release: ${again.title}`;
  return [storyOf(rolling), { ...again, name: `major-${again.name}`, title, ...(part === undefined ? {} : { part }) }];
}

/** From the beginning of one step to that of another, or to the end. */
export function within(from: string, to?: string): StoryPart {
  return {
    begins: (simulation) => simulation.stepState(from) === 'Running',
    ...(to === undefined ? {} : { ends: (simulation) => simulation.stepState(to) === 'Running' }),
  };
}
