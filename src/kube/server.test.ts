import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { request } from 'undici';
import { silentLogger } from '../shared/logger.ts';
import { startHealthServer } from './server.ts';

describe('health server', () => {
  it('answers known paths, 404 and 405 otherwise, and 500 when an endpoint fails', async () => {
    const server = await startHealthServer({
      host: '127.0.0.1',
      port: 0,
      logger: silentLogger,
      endpoints: {
        '/healthz': () => ({ status: 200, body: 'ok' }),
        '/readyz': async () => ({ status: 503, body: 'caches have not synced' }),
        '/metrics': () => {
          throw new Error('boom');
        },
      },
    });
    const ask = async (path: string, method: 'GET' | 'POST' | 'HEAD' = 'GET') => {
      const { statusCode, body } = await request(`http://127.0.0.1:${server.port}${path}`, { method });
      return [statusCode, await body.text()];
    };
    try {
      assert.deepEqual(await ask('/healthz?verbose'), [200, 'ok']);
      assert.deepEqual(await ask('/healthz', 'HEAD'), [200, '']);
      assert.deepEqual(await ask('/readyz'), [503, 'caches have not synced']);
      assert.deepEqual(await ask('/metrics'), [500, '']);
      assert.deepEqual(await ask('/toString'), [404, '']);
      assert.deepEqual(await ask('/healthz', 'POST'), [405, '']);
    } finally {
      await server.close();
    }
  });
});
