import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createManualClock } from '../../test/fakes/manual-clock.ts';
import { findConfig, podConfigSource } from './cluster-config.ts';
import { createCredentialSource } from './credentials.ts';

function inFolder(work: (folder: string) => Promise<void>): () => Promise<void> {
  return async () => {
    const folder = mkdtempSync(join(tmpdir(), 'belay-config-'));
    try {
      await work(folder);
    } finally {
      rmSync(folder, { recursive: true });
    }
  };
}

function writePod(folder: string, token: string): void {
  writeFileSync(join(folder, 'token'), `${token}\n`);
  writeFileSync(join(folder, 'ca.crt'), 'the CA');
  writeFileSync(join(folder, 'namespace'), 'belay-system\n');
}

describe('configuration of the cluster', () => {
  it(
    'takes server, token, CA and namespace of a pod, IPv6 included',
    inFolder(async (folder) => {
      writePod(folder, 'one');
      const clock = createManualClock();
      const source = podConfigSource({ folder, host: 'fd00::1', port: '443', now: () => clock.monotonic() });
      const credentials = createCredentialSource({ load: () => source.load(), clock });
      assert.equal(credentials.server.href, 'https://[fd00::1]/');
      assert.equal(source.namespace, 'belay-system');
      assert.deepEqual(await credentials.current(), {
        headers: { authorization: 'Bearer one' },
        tls: { ca: 'the CA' },
      });
    }),
  );

  it(
    'reads a rotated token after a minute, and at once after it was refused',
    inFolder(async (folder) => {
      writePod(folder, 'one');
      const clock = createManualClock();
      const source = podConfigSource({ folder, host: '10.0.0.1', port: '443', now: () => clock.monotonic() });
      const credentials = createCredentialSource({ load: () => source.load(), clock });
      const token = async (): Promise<string | undefined> => (await credentials.current()).headers['authorization'];
      await token();
      writePod(folder, 'two');
      await clock.advance(30_000);
      assert.equal(await token(), 'Bearer one');
      await clock.advance(30_000);
      assert.equal(await token(), 'Bearer two');
      writePod(folder, 'three');
      await credentials.renew();
      assert.equal(await token(), 'Bearer three');
    }),
  );

  it(
    'takes the kubeconfig that KUBECONFIG names, in a pod too, with the namespace of its context',
    inFolder(async (folder) => {
      const path = join(folder, 'config');
      writeFileSync(
        path,
        JSON.stringify({
          clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:6443' } }],
          users: [{ name: 'u', user: { token: 'mine' } }],
          contexts: [{ name: 'x', context: { cluster: 'c', user: 'u', namespace: 'team' } }],
          'current-context': 'x',
        }),
      );
      // The library reads the environment of the process, so it has to be there.
      const before = process.env['KUBECONFIG'];
      process.env['KUBECONFIG'] = path;
      try {
        const source = await findConfig({ KUBECONFIG: path, KUBERNETES_SERVICE_HOST: '10.0.0.1' });
        assert.equal(source.namespace, 'team');
        assert.equal(source.load().getCurrentCluster()?.server, 'https://127.0.0.1:6443');
      } finally {
        if (before === undefined) delete process.env['KUBECONFIG'];
        else process.env['KUBECONFIG'] = before;
      }
    }),
  );
});
