/**
 * By hand: `node test/cluster/cli.ts up [name]`, `… down [name]`, `… shell [name]`.
 * The shell runs inside the network namespace with KUBECONFIG set and the tools in its path.
 */
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { ensureTools } from './build-tools.ts';
import { attachCluster, downCluster, startCluster } from './cluster.ts';

const [command = '', name = 'dev'] = process.argv.slice(2);
const stateDir = join(import.meta.dirname, '../../.test/clusters', name);
const log = (line: string) => console.log(line);

async function shell(): Promise<void> {
  const cluster = await attachCluster({ stateDir });
  const tools = await ensureTools({ log });
  const PATH = `${dirname(tools.path('kubectl'))}:${process.env['PATH'] ?? ''}`;
  const [program = '', ...args] = cluster.execArgs([process.env['SHELL'] ?? 'sh']);
  const env = { ...process.env, PATH, KUBECONFIG: cluster.kubeconfig };
  const child = spawn(program, args, { stdio: 'inherit', env });
  await new Promise((resolve) => child.once('close', resolve));
}

switch (command) {
  case 'up':
    await startCluster({ name, stateDir, tools: await ensureTools({ log }), log });
    break;
  case 'down':
    await downCluster({ stateDir });
    break;
  case 'shell':
    await shell();
    break;
  default:
    console.error('usage: node test/cluster/cli.ts up|down|shell [name]');
    process.exitCode = 2;
}
