/** Sets the package's settings, with the values before saved for the way back. Source: 001-101, 004-138. */
import type { RunGroup } from '../../api/upgrade-run.ts';
import type { SettingChange } from '../effects.ts';
import { settingKey } from '../observed.ts';
import { act, done, fail, groupOf, listSome, waitOrFail, type StepContext, type StepVerdict } from '../verdict.ts';
import { settingsKey } from './keys.ts';

export function evaluateConfigure(context: StepContext): StepVerdict {
  const group = groupOf(context.run.spec, context.step.group);
  if (group.settings.length === 0) return { kind: 'skip', message: 'the package changes no settings of this group' };
  const changes = settingChanges(group);
  const states = changes.map((change) => ({
    key: settingKey(change),
    state: context.observed.settings.get(settingKey(change)),
  }));
  const missing = states.filter((setting) => setting.state === 'missing').map((setting) => setting.key);
  if (missing.length > 0) return fail('SettingNotFound', `not there: ${listSome(missing)}`);
  const key = settingsKey(group.name);
  const name = context.handles[key] ?? `${context.run.name}-settings-${group.name}`;
  if (!context.observed.saved.has(name)) {
    return act({ kind: 'SaveSettings', name, settings: changes }, 'the values before are the way back', {
      [key]: name,
    });
  }
  if (states.some((setting) => setting.state === 'differs')) {
    return act({ kind: 'ApplySettings', changes }, `${changes.length} settings belong to the release`);
  }
  if (states.every((setting) => setting.state === 'as-wanted'))
    return done(`${states.length} settings are as the release wants them`);
  return waitOrFail(
    context,
    { reason: 'SettingsUnobservable', message: 'the settings could not be read' },
    'SettingsUnobservable',
  );
}

/** The settings frozen in the run, as drivers take them. */
export function settingChanges(group: RunGroup): SettingChange[] {
  return group.settings.map(({ config, path, value, mode }) => ({
    object: config.object,
    key: config.key,
    format: config.format ?? 'Text',
    path,
    value,
    mode,
  }));
}
