/** The demo without a cluster: its options, where it runs, and the rehearsal where it cannot. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseDemoArgs } from './demo/options.ts';
import { findPlace, imageHints, imagesFromEnvironment } from './demo/place.ts';
import type { Machine, Place } from './demo/place.ts';
import { rehearseDemo } from './demo/rehearse.ts';

const defaults = { down: false, json: false, haproxy: false, help: false, rate: 200, images: undefined };

describe('the options of the demo', () => {
  it('have defaults', () => assert.deepEqual(parseDemoArgs([]), defaults));

  it('are taken together', () =>
    assert.deepEqual(parseDemoArgs(['--json', '--haproxy', '--rate', '50']), {
      ...defaults,
      json: true,
      haproxy: true,
      rate: 50,
    }));

  const wrong: Record<string, { args: readonly string[]; want: RegExp }> = {
    'an option that does not exist': { args: ['--fast'], want: /--fast/ },
    'a word that belongs to nothing': { args: ['down'], want: /down/ },
    'a rate that is no number': { args: ['--rate', 'many'], want: /--rate wants a whole number.*"many"/ },
    'a rate of nothing': { args: ['--rate', '0'], want: /--rate/ },
    'a rate that would measure the load generator': { args: ['--rate', '5000'], want: /1 to 1000/ },
    'images without a folder': { args: ['--images', ''], want: /folder/ },
  };
  for (const [title, tc] of Object.entries(wrong)) {
    it(`refuse ${title}`, () => assert.throws(() => parseDemoArgs(tc.args), { name: 'RangeError', message: tc.want }));
  }
});

const digest = `sha256:${'ab12'.repeat(16)}`;
const files = new Set([
  '/bin/go',
  '/clusters/dev/state.json',
  '/clusters/dev/credentials/admin.kubeconfig',
  '/home/me/config',
]);
const able: Machine = {
  platform: 'linux',
  uid: 0,
  path: '/usr/bin:/bin',
  kubeconfig: undefined,
  ownStateDir: '/clone/.cache/demo-cluster',
  exists: (path) => files.has(path),
};

describe('where the demo runs', () => {
  const cases: Record<string, { machine: Partial<Machine>; want: Place }> = {
    'on a cluster of its own': { machine: {}, want: { kind: 'own' } },
    'in the simulator without Linux': {
      machine: { platform: 'darwin' },
      want: { kind: 'nowhere', why: 'it needs Linux' },
    },
    'in the simulator for other users than root': {
      machine: { uid: 1000 },
      want: { kind: 'nowhere', why: 'it needs root' },
    },
    'in the simulator without Go': {
      machine: { path: '/usr/bin' },
      want: { kind: 'nowhere', why: 'it needs Go on the PATH' },
    },
    'on its own cluster when KUBECONFIG is empty': { machine: { kubeconfig: '' }, want: { kind: 'own' } },
    'on a local cluster of this project that KUBECONFIG names': {
      machine: { kubeconfig: '/clusters/dev/credentials/admin.kubeconfig' },
      want: { kind: 'local', stateDir: '/clusters/dev' },
    },
    'on the cluster of KUBECONFIG, also where it could have none of its own': {
      machine: { kubeconfig: '/home/me/config', platform: 'darwin', uid: 501 },
      want: { kind: 'foreign' },
    },
    'on the cluster of a KUBECONFIG of several files': {
      machine: { kubeconfig: '/nowhere:/home/me/config' },
      want: { kind: 'foreign' },
    },
  };
  for (const [title, tc] of Object.entries(cases)) {
    it(title, () => assert.deepEqual(findPlace({ ...able, ...tc.machine }), tc.want));
  }

  it('is its own cluster again when KUBECONFIG still names that one', () => {
    const kubeconfig = `${able.ownStateDir}/credentials/admin.kubeconfig`;
    assert.deepEqual(findPlace({ ...able, kubeconfig, exists: (path) => path === kubeconfig || files.has(path) }), {
      kind: 'own',
    });
  });

  it('is nowhere to be guessed when KUBECONFIG names nothing', () =>
    assert.throws(() => findPlace({ ...able, kubeconfig: '/gone' }), {
      name: 'RangeError',
      message: /\/gone.*does not exist/,
    }));
});

describe('images for the cluster of somebody else', () => {
  const all = {
    BELAY_IMAGE: `r.example/belay@${digest}`,
    PORTAL_IMAGE_1_0_0: `r.example/portal@${digest}`,
    PORTAL_IMAGE_1_1_0: `r.example/portal@${digest}`,
    PORTAL_IMAGE_1_2_0: `r.example/portal@${digest}`,
  };

  it('come from the environment', () => {
    const { belay, example } = imagesFromEnvironment(all, false);
    assert.deepEqual([belay, [...example.keys()]], [all.BELAY_IMAGE, ['portal:1.0.0', 'portal:1.1.0', 'portal:1.2.0']]);
  });

  it('are all named at once when they are missing or have no digest, with the way to them', () =>
    assert.throws(() => imagesFromEnvironment({ BELAY_IMAGE: 'r.example/belay:0.1.0' }, true), {
      name: 'RangeError',
      message:
        /BELAY_IMAGE, PORTAL_IMAGE_1_0_0, PORTAL_IMAGE_1_1_0, PORTAL_IMAGE_1_2_0, HAPROXY_IMAGE\.[^]*--images DIR/,
    }));

  it('are told how to be pushed and named', () => {
    const hints = imageHints(new Map([['portal:1.0.0', { file: '/out/portal-1.0.0.tar', digest }]]));
    assert.ok(hints.some((line) => line.endsWith('oci-archive:/out/portal-1.0.0.tar docker://$REGISTRY/portal:1.0.0')));
    assert.ok(hints.includes(`  export PORTAL_IMAGE_1_0_0=$REGISTRY/portal@${digest}`));
  });
});

describe('the demo without a cluster', () => {
  it('rehearses a good upgrade and a bad one that goes back, and ends with one line of JSON when asked', async () => {
    const written: string[] = [];
    assert.equal(await rehearseDemo(true, (text) => written.push(text)), true);
    const text = written.join('');
    assert.match(text, /portal-1 completed: version 1\.1\.0 serves/);
    assert.match(text, /portal-1 went back to version 1\.1\.0, because .*login/);
    const last = JSON.parse(text.trimEnd().split('\n').at(-1) ?? '');
    assert.deepEqual(
      [last.simulated, last.good.ok, last.bad.ok, last.good.users.failed, last.bad.users.metUntestedRelease],
      [true, true, true, 0, 0],
    );
  });
});
