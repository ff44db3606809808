/** Jobs of the user's at fixed places of a run: copies before, publishing again after, and what they fail of. */
import assert from 'node:assert/strict';
import type { ServerGroupSpec } from '../../../src/api/server-group.ts';
import type { World } from '../../../src/simulation/world.ts';
import { shownVersions } from '../checks.ts';
import { runNamed, setting, signsOff, type Ended, type Setting, type Story } from '../story.ts';

type Hook = NonNullable<ServerGroupSpec['hooks']>[number];

const failing = { state: 'failed', message: 'exit status 3', remedy: '' } as const;

function hook(name: string, at: Hook['at'], onFailure: Hook['onFailure'] = 'Fail'): Hook {
  return { name, at, onFailure, job: { podTemplate: 'tools', args: [name, '${SERVER}'], timeout: '5m' } };
}

function hooked(...hooks: readonly Hook[]): Setting {
  return setting({ group: { hooks: [...hooks] } });
}

/** Effects in the order in which they were made, each by what it is. */
function made({ calls }: World): string[] {
  return calls.filter(({ changed }) => changed).map(({ kind, target }) => (kind === 'RunCheck' ? target : kind));
}

function said(ended: Ended, run: string, step: string): string {
  const entry = runNamed(ended, run).status?.steps.find(({ id }) => id === step);
  return `${entry?.state ?? ''} ${entry?.message ?? ''}`;
}

function ready(ended: Ended, run: string): string {
  return runNamed(ended, run).status?.conditions?.find(({ type }) => type === 'Ready')?.message ?? '';
}

export const hookStories: readonly Story[] = [
  {
    ids: '001-54 001-62',
    name: 'hooks-copy-and-republish',
    title: 'a copy on each server before anything is touched, and each published again before the sign-off',
    tell: () => ({
      ...hooked(hook('copy', 'BeforeRun'), hook('republish', 'AfterRun')),
      events: [signsOff],
    }),
    ends: ['Completed'],
    check: (ended) => {
      const effects = made(ended.world);
      const hooks = effects.filter((what) => what.startsWith('Hook'));
      assert.deepEqual(hooks, ['Hook copy web-1', 'Hook copy web-2', 'Hook republish web-1', 'Hook republish web-2']);
      assert.ok(effects.indexOf('Hook copy web-2') < effects.indexOf('DrainMember'), 'copied before anybody is out');
      assert.ok(effects.indexOf('Hook republish web-1') > effects.lastIndexOf('ServeMember'), 'when all serve again');
      const ids = runNamed(ended, 'portal-1').spec.steps.map(({ id }) => id);
      assert.ok(ids.indexOf('g1-hook-republish') > ids.indexOf('final'));
      assert.ok(ids.indexOf('g2-hook-republish') < ids.indexOf('sign-off'));
      assert.equal(said(ended, 'portal-1', 'g2-hook-republish'), 'Succeeded republish ran for web-2');
    },
  },
  {
    ids: '001-62',
    name: 'hooks-copy-fails',
    title: 'a copy that fails ends the run before anything was touched',
    tell: () => {
      const told = hooked(hook('copy', 'BeforeRun'));
      told.world.faults.checks.set('Hook copy web-2', failing);
      return told;
    },
    ends: ['Failed'],
    check: (ended) => {
      const touches = ended.world.calls.filter(({ kind }) => !/^(?:Lock|Unlock)|^RunProbes$|^RunCheck$/.test(kind));
      assert.deepEqual(touches, []);
      assert.deepEqual([...new Set(shownVersions(ended.world))], ['1.1.0']);
      const { failure } = runNamed(ended, 'portal-1').status ?? {};
      assert.deepEqual(
        [failure?.step, failure?.reason, failure?.message],
        ['g2-hook-copy', 'HookFailed', 'copy failed for web-2: exit status 3'],
      );
    },
  },
  {
    ids: '001-54',
    name: 'hooks-republish-only-warns',
    title: 'publishing again fails and is only reported: the run completes and says so',
    tell: () => {
      const told = hooked(hook('republish', 'AfterRun', 'Warn'));
      told.world.faults.checks.set('Hook republish web-1', failing);
      return { ...told, events: [signsOff] };
    },
    ends: ['Completed'],
    check: (ended) => {
      const failed = 'republish failed, which is only reported: web-1: exit status 3';
      assert.equal(said(ended, 'portal-1', 'g1-hook-republish'), `Succeeded ${failed}`);
      assert.equal(said(ended, 'portal-1', 'g2-hook-republish'), 'Succeeded republish ran for web-2');
      assert.equal(ready(ended, 'portal-1'), 'version 1.2.0 serves; republish failed for web-1: exit status 3');
    },
  },
  {
    ids: '001-54',
    name: 'hooks-going-back',
    title: 'a Job before the way back fails and keeps nothing from going back; the one after it runs when all serve',
    tell: () => {
      const told = hooked(hook('tell-queue', 'BeforeRollback'), hook('republish', 'AfterRollback'));
      told.world.faults.checks.set('Hook tell-queue', failing);
      return { ...told, fail: ['start@group-1'] };
    },
    ends: ['RolledBack', 'RolledBack'],
    check: (ended) => {
      assert.deepEqual([...new Set(shownVersions(ended.world))], ['1.1.0']);
      const { spec } = runNamed(ended, 'portal-1-back');
      const rows = spec.steps.filter(({ action }) => action === 'Hook').map(({ number, id }) => `${number} ${id}`);
      // Group 2 was never touched.
      assert.deepEqual(rows, ['0a g1-hook-tell-queue', '6a g1-hook-republish']);
      assert.match(said(ended, 'portal-1-back', 'g1-hook-tell-queue'), /^Succeeded tell-queue failed, which is only/);
      const effects = made(ended.world);
      assert.ok(effects.indexOf('Hook republish web-1') > effects.lastIndexOf('ServeMember'));
    },
  },
];
