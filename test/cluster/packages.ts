import { run, tryRun } from './process.ts';

/** Debian packages that a local cluster needs. */
export const clusterPackages: readonly string[] = [
  'busybox-static',
  'conntrack',
  'containerd',
  'containernetworking-plugins',
  'iproute2',
  'iptables',
  'nftables',
  'openssl',
  'runc',
  'socat',
  'util-linux',
];

/**
 * Installs the packages that are absent.
 * @throws Error when something is absent and this is not Debian, or we are not root
 */
export async function ensurePackages(names: readonly string[], log: (line: string) => void): Promise<void> {
  const states = await tryRun(['dpkg-query', '--show', '--showformat=${db:Status-Status} ${Package}\n', ...names]);
  const installed = new Set(
    states.stdout.split('\n').flatMap((line) => (line.startsWith('installed ') ? [line.slice(10)] : [])),
  );
  const missing = names.filter((name) => !installed.has(name));
  if (missing.length === 0) return;
  log(`installing ${missing.join(' ')}`);
  // A service that starts by itself would be a second containerd on this machine.
  const env = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  await run(['apt-get', 'update', '--quiet'], { env, timeoutMs: 300_000 });
  await run(['apt-get', 'install', '--yes', '--quiet', '--no-install-recommends', ...missing], {
    env,
    timeoutMs: 600_000,
  });
}
