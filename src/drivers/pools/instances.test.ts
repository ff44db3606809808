import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:net';
import { after, describe, it } from 'node:test';
import { cluster, context, namespace, never } from '../../../test/conformance/scene.ts';
import { pool } from '../../../test/builders/objects.ts';
import type { Pool } from '../../api/pool.ts';
import { pools } from '../../api/resources.ts';
import type { MemberObservation } from '../../planner/observed.ts';
import { silentLogger } from '../../shared/logger.ts';
import type { PoolDriver } from '../contract.ts';
import { watchConnections } from './connection-watch.ts';
import { createPoolDriver } from './driver.ts';
import { instancesOf } from './kind.ts';

const servers: Server[] = [];

/** Speaks as much of the Runtime API as a look needs. */
async function runtimeApi(level: string): Promise<string> {
  const answers: Readonly<Record<string, string>> = {
    'show info': 'Name: HAProxy\nVersion: 3.2.1-1\nPid: 7\nStart_time_sec: 1\nUptime_sec: 5\n',
    'show cli level': `${level}\n`,
    'show servers state web':
      '1\n# be_id srv_name srv_addr srv_port srv_op_state srv_admin_state srv_uweight\n3 web-1 10.0.0.1 80 2 0 1\n',
    'show servers conn web': '# bkname/svname used_cur\nweb/web-1 4\n',
    'show stat 3 4 -1': '# svname,scur,qcur\nweb-1,4,0\n',
  };
  const server = createServer((socket) => {
    socket.once('data', (command) => socket.end(answers[command.toString().trim()] ?? 'Unknown command\n'));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return `tcp://127.0.0.1:${typeof address === 'object' ? (address?.port ?? 0) : 0}`;
}

describe('what a look at a pool says besides its members', () => {
  after(() => {
    for (const server of servers) server.close();
  });

  it('names each process with its version, and why one does not answer as it must', async () => {
    const scene = cluster();
    const [admin, weak] = [await runtimeApi('admin'), await runtimeApi('operator')];
    scene.client.seed<Pool>(pools, pool('web', { haproxy: { endpoints: [admin, weak], backend: 'web' } }));
    const driver = createPoolDriver({ ...scene, logger: silentLogger });
    const seen = await driver.observe({ ...context(), namespace }, 'web', [], never);
    assert.deepEqual(instancesOf(seen), [
      { address: admin, reachable: true, version: '3.2.1-1', message: '' },
      {
        address: weak,
        reachable: false,
        version: '',
        message: `${weak.replace('tcp://', '')} answers at level operator; give its socket "level admin"`,
      },
    ]);
  });

  it('names none where the cluster itself is the load balancer', async () => {
    const scene = cluster();
    scene.client.seed<Pool>(pools, pool('web', { service: { name: 'web' } }));
    const driver = createPoolDriver({ ...scene, logger: silentLogger });
    assert.deepEqual(instancesOf(await driver.observe(context(), 'web', [], never)), []);
  });
});

describe('watched connections', () => {
  const member = { pool: 'web', member: 'web-1' };
  let open: MemberObservation['connections'] = { known: true, value: 14 };
  const inner: PoolDriver = {
    observe: async (_context, name) => ({
      pool: name,
      canHold: true,
      reachable: { known: true, value: true },
      members: [{ member: 'web-1', state: 'Draining', connections: open, foreign: '', detail: '', held: true }],
      minServing: 1,
      settleMs: 0,
      countsConnections: true,
    }),
    request: async () => {},
  };

  it('are those of the last look of the run, and unknown where that could not tell', async () => {
    const watch = watchConnections(inner);
    const look = (runUID: string) => watch.pools.observe({ ...context(), runUID }, 'web', [], never);
    assert.equal(watch.connectionsOf('uid', member), undefined);
    await look('uid');
    assert.equal(watch.connectionsOf('uid', member), 14);
    assert.equal(watch.connectionsOf('uid', { pool: 'web', member: 'web-2' }), undefined);
    assert.equal(watch.connectionsOf('another', member), undefined);
    open = { known: false, why: 'reloaded' };
    await look('uid');
    assert.equal(watch.connectionsOf('uid', member), undefined);
    open = { known: true, value: 0 };
    for (let run = 0; run < 256; run += 1) await look(`run-${run}`);
    assert.equal(watch.connectionsOf('run-255', member), 0);
    assert.equal(watch.connectionsOf('uid', member), undefined);
  });
});
