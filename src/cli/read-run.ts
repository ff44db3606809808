/** A run and its logs for the commands that only read: from the cluster, or from files. */
import { parseAllDocuments } from 'yaml';
import { decodeUpgradeRun } from '../api/decode.ts';
import { upgradeRuns } from '../api/resources.ts';
import type { UpgradeRun } from '../api/upgrade-run.ts';
import { findConfig } from '../kube/cluster-config.ts';
import { createClient } from '../kube/client.ts';
import { createCredentialSource } from '../kube/credentials.ts';
import { KubeError } from '../kube/kube-error.ts';
import type { ConfigMap } from '../kube/objects.ts';
import { configMaps } from '../kube/resources.ts';
import { systemClock } from '../kube/system-clock.ts';
import { createTransport } from '../kube/transport.ts';
import type { KubeClient, Resource } from '../kube/types.ts';
import { TerminalError } from '../shared/errors.ts';
import { silentLogger } from '../shared/logger.ts';
import {
  attemptAnnotation,
  logKey,
  logLabel,
  logSelector,
  stepAnnotation,
  type KeptLog,
} from '../status/deployment-log.ts';
import { readManifests } from './manifests.ts';

/** What every one of these commands takes. */
export const readOptions = {
  namespace: { type: 'string', short: 'n' },
  file: { type: 'string', short: 'f', multiple: true },
  help: { type: 'boolean', short: 'h' },
} as const;

export const readUsage = `  -n, --namespace NS    of the run; default: that of the kubeconfig, or "default"
  -f, --file PATH       read the UpgradeRun from this file instead, as kubectl get -o yaml has written it; may be
                        repeated, for the ConfigMaps with its logs. RUN may then be left out
  -h, --help            print this
`;

const noConfig = 'no kubeconfig could be read; set KUBECONFIG, or give the run with -f';
/** What the library takes where it finds no kubeconfig. */
const serverOfNobody = 'http://localhost:8080';

export interface RunWanted {
  /** Empty: the only one in the files. */
  readonly name: string;
  readonly namespace: string | undefined;
  readonly files: readonly string[];
}

export interface FoundRun {
  readonly run: UpgradeRun;
  readonly logs: readonly KeptLog[];
  /** From files, which need not hold every log that there is. */
  readonly isPartial: boolean;
}

/** @throws RangeError there is no such run, or it cannot be read; in words for a person */
export async function findRun(wanted: RunWanted): Promise<FoundRun> {
  if (wanted.files.length > 0) return fromFiles(wanted);
  if (wanted.name === '') throw new RangeError('name the run, such as portal-7: kubectl get upgraderuns');
  const config = await findConfig(process.env).catch((cause: unknown) => {
    throw new RangeError(noConfig, { cause });
  });
  if (config.load().getCurrentCluster()?.server === serverOfNobody) throw new RangeError(noConfig);
  const clock = systemClock;
  const credentials = createCredentialSource({ load: () => config.load(), clock });
  const transport = createTransport({ credentials, logger: silentLogger, userAgent: 'belay-cli' });
  try {
    const client = createClient({ transport, clock, logger: silentLogger });
    return await fromCluster(client, wanted.name, wanted.namespace ?? config.namespace ?? 'default');
  } finally {
    await transport.close();
  }
}

/** @throws RangeError there is no such run, or the server refuses it */
export async function fromCluster(client: KubeClient, name: string, namespace: string): Promise<FoundRun> {
  const kind: Resource<UpgradeRun> = upgradeRuns;
  try {
    const found = await client.find(kind, { namespace, name });
    if (found === undefined)
      throw new RangeError(`there is no UpgradeRun "${name}" in namespace ${namespace}: kubectl get upgraderuns -A`);
    const { items } = await client.list(configMaps, { namespace, labelSelector: logSelector(name) });
    const own = items.filter(({ metadata }) => isOwnedBy(metadata.ownerReferences, found.metadata.uid));
    return { run: decodeUpgradeRun(found), logs: own.map(keptLog), isPartial: false };
  } catch (error) {
    if (error instanceof KubeError) throw new RangeError(`reading run ${name}: ${error.message}`, { cause: error });
    throw error;
  }
}

function isOwnedBy(owners: readonly { readonly uid: string }[] | undefined, uid: string | undefined): boolean {
  return owners?.some((owner) => owner.uid === uid) === true;
}

function keptLog({ metadata, data }: ConfigMap): KeptLog {
  return {
    name: metadata.name,
    step: metadata.annotations?.[stepAnnotation] ?? '',
    attempt: Number(metadata.annotations?.[attemptAnnotation] ?? '0'),
    text: data?.[logKey] ?? '',
  };
}

async function fromFiles({ files, name }: RunWanted): Promise<FoundRun> {
  const manifests = (await Promise.all(files.map(readManifests))).flat();
  const objects = manifests.flatMap(({ file, text }) => parseObjects(file, text));
  const runs = objects.filter(({ kind }) => kind === 'UpgradeRun');
  const wanted = runs.filter(({ metadata }) => name === '' || metadata.name === name);
  const [run] = wanted;
  const there = runs.map(({ metadata }) => metadata.name).join(', ');
  if (run === undefined)
    throw new RangeError(
      there === '' ? `${files.join(', ')} holds no UpgradeRun` : `no UpgradeRun "${name}" there: there are ${there}`,
    );
  if (wanted.length > 1) throw new RangeError(`name one of the runs that are there: ${there}`);
  const logs = objects.filter(
    ({ kind, metadata }) =>
      kind === 'ConfigMap' &&
      metadata.labels?.[logLabel] === 'true' &&
      isOwnedBy(metadata.ownerReferences, run.metadata.uid),
  );
  return { run: decodeRun(run), logs: logs.map(keptLog), isPartial: true };
}

function decodeRun(run: unknown): UpgradeRun {
  try {
    return decodeUpgradeRun(run);
  } catch (error) {
    if (error instanceof TerminalError) throw new RangeError(error.message, { cause: error });
    throw error;
  }
}

type AnyObject = ConfigMap;

/** Every object of a file, those of a List as well. */
function parseObjects(file: string, text: string): AnyObject[] {
  return parseAllDocuments(text).flatMap((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw new RangeError(`${file} is no YAML: ${error.message}`, { cause: error });
    const value: unknown = document.toJS();
    return (isList(value) ? value.items : [value]).filter(isObject);
  });
}

function isList(value: unknown): value is { readonly items: readonly unknown[] } {
  return typeof value === 'object' && value !== null && 'items' in value && Array.isArray(value.items);
}

function isObject(value: unknown): value is AnyObject {
  if (typeof value !== 'object' || value === null || !('kind' in value) || !('metadata' in value)) return false;
  const { metadata } = value;
  return typeof metadata === 'object' && metadata !== null && 'name' in metadata && typeof metadata.name === 'string';
}
