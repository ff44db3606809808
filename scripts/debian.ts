import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { run } from './process.ts';

/** Debian package of each program (or file) that a local cluster and the conformance tests start. */
const needed: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  nft: 'nftables',
  iptables: 'iptables',
  conntrack: 'conntrack',
  socat: 'socat',
  containerd: 'containerd',
  runc: 'runc',
  '/usr/lib/cni/bridge': 'containernetworking-plugins',
  buildah: 'buildah',
  busybox: 'busybox-static',
  haproxy: 'haproxy',
};

const timeoutMs = 600_000;

/** Whether a program is on the PATH; root's folders count even when the caller's PATH leaves them out. */
export function hasProgram(name: string): boolean {
  if (name.startsWith('/')) return existsSync(name);
  const folders = (process.env['PATH'] ?? '').split(delimiter).concat('/usr/local/sbin', '/usr/sbin', '/sbin');
  return folders.some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Debian packages that this machine lacks, by name. */
export function missingPackages(): string[] {
  const missing = Object.entries(needed).filter(([program]) => !hasProgram(program));
  return [...new Set(missing.map(([, name]) => name))];
}

/**
 * Installs what is missing.
 * @returns why it could not, or the empty string
 */
export async function ensureDebianPackages(log: (line: string) => void): Promise<string> {
  const names = missingPackages();
  if (names.length === 0) return '';
  if (!hasProgram('apt-get')) return `not Debian: install the programs of ${names.join(', ')} by hand`;
  log(`installing ${names.join(', ')} …`);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const update = await run('apt-get', ['update', '-q'], { capture: true, timeoutMs, env });
  const install = await run('apt-get', ['install', '-q', '-y', '--no-install-recommends', ...names], {
    capture: true,
    timeoutMs,
    env,
  });
  if (install.ok) return '';
  return `apt-get install ${names.join(' ')}: ${install.why}\n${update.ok ? '' : update.output}${install.output}`;
}
