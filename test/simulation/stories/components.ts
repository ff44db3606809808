/** Versions of components as servers answer them, from the isolated test to the journal: 001-34. */
import assert from 'node:assert/strict';
import type { UpgradeRun } from '../../../src/api/upgrade-run.ts';
import { imageOf, packageOf } from '../../builders/objects.ts';
import { shownVersions } from '../checks.ts';
import { runNamed, setting, type Setting, type Story } from '../story.ts';

const before = { jdk: '17.0.9', tomcat: '10.1.16' };
const after = { jdk: '21.0.5', tomcat: '10.1.33' };

/** Servers tell their JDK and their Tomcat; both Packages name them. */
function told(): Setting {
  return setting({
    releases: [packageOf('1.1.0', { components: before }), packageOf('1.2.0', { components: after })],
    suite: {
      probes: [
        {
          name: 'about',
          http: {
            url: 'https://portal.example/about',
            expect: { json: [{ path: '$.version', equals: '${EXPECTED_VERSION}' }] },
            components: [
              { name: 'jdk', json: '$.components.jdk' },
              { name: 'tomcat', json: '$.components.tomcat' },
            ],
          },
        },
      ],
    },
    set: { signOff: 'NotRequired' },
    options: {
      workloads: ['web-1', 'web-2'].map((name) => ({
        kind: 'StatefulSet',
        name,
        images: { portal: imageOf('1.1.0') },
        replicas: 1,
        claimPrefix: 'data',
      })),
    },
  });
}

/** By step, as the journal has it. */
function answered({ status }: UpgradeRun): Record<string, unknown> {
  return Object.fromEntries(
    (status?.steps ?? []).flatMap(({ id, components }) => (components === undefined ? [] : [[id, components]])),
  );
}

export const componentStories: readonly Story[] = [
  {
    ids: '001-34',
    name: 'components-answered',
    title: 'every server tells its components before users meet it, and the journal keeps them',
    tell: told,
    ends: ['Completed'],
    check: (ended) => {
      const run = runNamed(ended, 'portal-1');
      assert.deepEqual(answered(run), {
        'g1-isolated': [{ server: 'web-1', versions: after }],
        'g2-isolated': [{ server: 'web-2', versions: after }],
      });
      assert.equal(
        run.status?.steps.find(({ id }) => id === 'g1-isolated')?.message,
        'passed, version 1.2.0; web-1 (jdk 21.0.5, tomcat 10.1.33)',
      );
    },
  },
  {
    ids: '001-34 A-14',
    name: 'component-not-upgraded',
    title: 'the JDK of the first group was not upgraded: its isolated test says so, it goes back, and no user met it',
    tell: () => ({ ...told(), fail: ['component:jdk@group-1'] }),
    ends: ['RolledBack', 'RolledBack'],
    check: (ended) => {
      const run = runNamed(ended, 'portal-1');
      assert.deepEqual(
        [run.status?.failure?.step, run.status?.failure?.reason, run.status?.failure?.message],
        [
          'g1-isolated',
          'ProbeFailed',
          'web-functions: about: component jdk of web-1 is 17.0.9, want 21.0.5 (3 in a row)',
        ],
      );
      assert.deepEqual(answered(run), { 'g1-isolated': [{ server: 'web-1', versions: { ...after, jdk: '17.0.9' } }] });
      assert.deepEqual(answered(runNamed(ended, 'portal-1-back')), {
        'g1-isolated': [{ server: 'web-1', versions: before }],
      });
      const { traffic } = ended.world;
      assert.deepEqual(
        [[...new Set(shownVersions(ended.world))], traffic.failed, traffic.unproven, traffic.cut],
        [['1.1.0'], 0, 0, 0],
      );
      assert.equal(run.status?.steps.find(({ id }) => id === 'g1-join')?.state, 'Pending');
    },
  },
];
