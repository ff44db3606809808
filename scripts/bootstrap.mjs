/**
 * `node scripts/bootstrap.mjs FILE ARGS…` runs FILE under the Node that package.json pins.
 *
 * Plain JavaScript for any Node from 18 on: it is what a fresh clone starts with, before anything is installed.
 * Runs `npm ci` only when what is installed is not what the lock file says.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const modules = join(root, 'node_modules');
const pinnedNode = join(modules, 'node', 'bin', 'node');

/** Compared by content, not by time: a checkout gives every file the time of the checkout. */
function isInstalled() {
  try {
    const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
    const installed = JSON.parse(readFileSync(join(modules, '.package-lock.json'), 'utf8')).packages;
    return Object.entries(wanted).every(
      ([path, entry]) => path === '' || entry.optional || installed[path]?.version === entry.version,
    );
  } catch {
    return false;
  }
}

function runOrExit(command, args, cwd) {
  const result = spawnSync(command, args, { cwd, stdio: ['ignore', 2, 2] });
  if (result.status !== 0) {
    const why = result.error?.message ?? `exit status ${result.status ?? result.signal}`;
    console.error(`bootstrap: "${command} ${args.join(' ')}" failed: ${why}`);
    process.exit(1);
  }
}

if (!isInstalled()) {
  console.error('bootstrap: installing the packages of package-lock.json (about half a minute) …');
  runOrExit('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], root);
}
if (!existsSync(pinnedNode)) {
  // An npm that refuses install scripts leaves the `node` package without its binary.
  console.error('bootstrap: fetching the pinned Node …');
  runOrExit(process.execPath, ['installArchSpecificPackage.js'], join(modules, 'node'));
}

const [file, ...args] = process.argv.slice(2);
if (file === undefined) {
  console.error('usage: node scripts/bootstrap.mjs FILE [ARGS…]');
  process.exit(2);
}
const child = spawn(pinnedNode, [join(root, file), ...args], {
  stdio: 'inherit',
  env: { ...process.env, PATH: [dirname(pinnedNode), join(modules, '.bin'), process.env.PATH ?? ''].join(delimiter) },
});
// The child cleans up after itself (clusters, namespaces), so it must hear the signal and be waited for.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('error', (error) => {
  console.error(`bootstrap: cannot start ${pinnedNode}: ${error.message}`);
  process.exit(1);
});
child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
