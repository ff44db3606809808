import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './process.ts';

/** Who may talk to the API server of a test cluster, by static token. */
export interface Identity {
  /** Name of the kubeconfig file. */
  file: string;
  user: string;
  groups: readonly string[];
}

/** Key material of one API server; it serves with a certificate of its own authority. */
export interface Credentials {
  dir: string;
  caFile: string;
  caKeyFile: string;
  serving: KeyPair;
  /** For the API server's calls to kubelet. */
  kubeletClient: KeyPair;
  serviceAccountKey: string;
  tokenFile: string;
}

interface KeyPair {
  certificate: string;
  key: string;
}

/** Makes an authority, certificates and tokens; valid for `addresses` and the names of the `kubernetes` Service. */
export async function createCredentials(options: {
  dir: string;
  addresses: readonly string[];
  identities: readonly Identity[];
  server: string;
}): Promise<{ credentials: Credentials; tokens: Map<string, string> }> {
  const { dir } = options;
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const [caFile, caKeyFile] = [join(dir, 'ca.crt'), join(dir, 'ca.key')];
  await openssl([
    '-x509',
    '-keyout',
    caKeyFile,
    '-out',
    caFile,
    '-subj',
    '/CN=test-cluster',
    ...usage('keyCertSign,cRLSign,digitalSignature'),
  ]);
  const names = [
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    'kubernetes.default.svc.cluster.local',
    'localhost',
  ];
  const alternatives = [
    ...names.map((name) => `DNS:${name}`),
    ...options.addresses.map((address) => `IP:${address}`),
  ].join(',');
  const signed = async (name: string, subject: string, extension: string): Promise<KeyPair> => {
    const pair = { certificate: join(dir, `${name}.crt`), key: join(dir, `${name}.key`) };
    const signer = ['-x509', '-CA', caFile, '-CAkey', caKeyFile, '-addext', 'basicConstraints=critical,CA:FALSE'];
    await openssl([...signer, '-keyout', pair.key, '-out', pair.certificate, '-subj', subject, '-addext', extension]);
    return pair;
  };
  const serving = await signed('apiserver', '/CN=kube-apiserver', `subjectAltName=${alternatives}`);
  const kubeletClient = await signed('kubelet-client', '/O=system:masters/CN=apiserver', 'extendedKeyUsage=clientAuth');
  const serviceAccountKey = join(dir, 'service-account.key');
  // In the older key format: the API server derives the public half from that one only.
  await run(['openssl', 'ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', serviceAccountKey]);

  const tokens = new Map<string, string>();
  const lines: string[] = [];
  for (const identity of options.identities) {
    const token = randomBytes(24).toString('hex');
    tokens.set(identity.file, token);
    lines.push(`${token},${identity.user},${identity.user},"${identity.groups.join(',')}"`);
    writeKubeconfig(join(dir, `${identity.file}.kubeconfig`), { server: options.server, caFile, token });
  }
  const tokenFile = join(dir, 'tokens.csv');
  writeFileSync(tokenFile, `${lines.join('\n')}\n`, { mode: 0o600 });
  const credentials = { dir, caFile, caKeyFile, serving, kubeletClient, serviceAccountKey, tokenFile };
  return { credentials, tokens };
}

function openssl(args: readonly string[]): Promise<unknown> {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-days', '30'];
  return run(['openssl', 'req', ...key, ...args]);
}

function usage(keyUsage: string): string[] {
  return ['-addext', `keyUsage=critical,${keyUsage}`];
}

function writeKubeconfig(file: string, access: { server: string; caFile: string; token: string }): void {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server: access.server, 'certificate-authority': access.caFile } }],
    users: [{ name: 'test', user: { token: access.token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test', namespace: 'default' } }],
    'current-context': 'test',
  };
  writeFileSync(file, `${JSON.stringify(config, undefined, 2)}\n`, { mode: 0o600 });
}

export const admin: Identity = { file: 'admin', user: 'admin', groups: ['system:masters'] };
export const controllerManager: Identity = {
  file: 'controller-manager',
  user: 'system:kube-controller-manager',
  groups: [],
};

export function etcdArgs(options: { dataDir: string; client: string; peer: string }): string[] {
  return [
    '--name=test',
    `--data-dir=${options.dataDir}`,
    `--listen-client-urls=${options.client}`,
    `--advertise-client-urls=${options.client}`,
    `--listen-peer-urls=${options.peer}`,
    `--initial-advertise-peer-urls=${options.peer}`,
    `--initial-cluster=test=${options.peer}`,
    // Test data: not worth waiting for the disk.
    '--unsafe-no-fsync',
    '--log-level=warn',
  ];
}

export function apiServerArgs(options: {
  credentials: Credentials;
  address: string;
  port: number;
  etcd: string;
  serviceRange: string;
}): string[] {
  const { credentials } = options;
  return [
    `--bind-address=${options.address}`,
    `--advertise-address=${options.address}`,
    `--secure-port=${options.port}`,
    `--etcd-servers=${options.etcd}`,
    `--service-cluster-ip-range=${options.serviceRange}`,
    `--tls-cert-file=${credentials.serving.certificate}`,
    `--tls-private-key-file=${credentials.serving.key}`,
    `--client-ca-file=${credentials.caFile}`,
    `--kubelet-client-certificate=${credentials.kubeletClient.certificate}`,
    `--kubelet-client-key=${credentials.kubeletClient.key}`,
    `--token-auth-file=${credentials.tokenFile}`,
    '--authorization-mode=Node,RBAC',
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-account-key-file=${credentials.serviceAccountKey}`,
    `--service-account-signing-key-file=${credentials.serviceAccountKey}`,
    '--kubelet-preferred-address-types=InternalIP',
    '--allow-privileged=true',
    '--watch-cache=true',
    '--profiling=false',
    // Stops at once: nobody drains connections of a test cluster.
    '--shutdown-delay-duration=0',
  ];
}

export function controllerManagerArgs(options: { credentials: Credentials; serviceRange: string }): string[] {
  const { credentials } = options;
  return [
    `--kubeconfig=${join(credentials.dir, 'controller-manager.kubeconfig')}`,
    `--root-ca-file=${credentials.caFile}`,
    `--service-account-private-key-file=${credentials.serviceAccountKey}`,
    `--cluster-signing-cert-file=${credentials.caFile}`,
    `--cluster-signing-key-file=${credentials.caKeyFile}`,
    `--service-cluster-ip-range=${options.serviceRange}`,
    '--use-service-account-credentials=true',
    '--leader-elect=false',
    '--secure-port=0',
    '--kube-api-qps=200',
    '--kube-api-burst=400',
    // Tests take the API server away for longer than the default: every pod of the node would then be called not ready
    // and all Services lose their endpoints, which says nothing about what is tested.
    '--node-monitor-grace-period=10m',
    '--profiling=false',
  ];
}
